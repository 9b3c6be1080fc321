"""The file that `self backup` writes: a zip of named members and a manifest with their SHA-256.

A copy is written beside its place and appears there only when it is whole and was read back. It is mode 0600:
it holds the key.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tenantatlas.core.errors import Conflict, InputError, StorageFailed
from tenantatlas.core.json import BadJson, Json, dumps, loads

FORMAT = "tenantatlas-copy-1"
_MANIFEST = "manifest.json"
_CHUNK = 1024 * 1024
_DAMAGED_HINT = "Take another copy: this one is damaged or was not made by `tenantatlas self backup`."
#: What reading a damaged zip raises; `NotImplementedError` and `RuntimeError` where a member's flag is hit.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError, OSError)


@dataclass
class CopyWriter:
    """Members as they are written."""

    archive: zipfile.ZipFile
    members: dict[str, Json] = field(default_factory=dict)

    def add(self, name: str, chunks: Iterable[bytes | memoryview]) -> None:
        """Write one member."""
        digest, size = hashlib.sha256(), 0
        with self.archive.open(name, "w", force_zip64=True) as target:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        self.members[name] = {"sha256": digest.hexdigest(), "size": size}

    def add_file(self, name: str, path: Path) -> None:
        """Write one member from a file."""
        with path.open("rb") as source:
            self.add(name, iter(lambda: source.read(_CHUNK), b""))


@contextlib.contextmanager
def new_copy(path: Path, facts: dict[str, Json]) -> Iterator[CopyWriter]:
    """Write members within the block; the copy appears when the block ends well. Never overwrites."""
    refuse_existing(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                writer = CopyWriter(archive)
                yield writer
                archive.writestr(_MANIFEST, dumps({"format": FORMAT, **facts, "members": writer.members}))
            file.flush()
            os.fsync(file.fileno())
        with open_copy(draft) as copy:
            copy.verify()
        os.link(draft, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise StorageFailed(
            f"The copy {path} cannot be written: {error.strerror or error}.",
            hint="See that there is room, and that this user may write there. Nothing was left behind.",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def refuse_existing(path: Path) -> None:
    """`Conflict` where there is something already."""
    if path.exists():
        raise _exists(path)


@dataclass(frozen=True)
class CopyReader:
    """A copy that is being read."""

    archive: zipfile.ZipFile
    facts: dict[str, Json]
    path: Path

    def verify(self) -> None:
        """Every member is there and as it was written; nothing else is."""
        named = self.facts["members"]
        if set(self.archive.namelist()) != {_MANIFEST, *named}:
            raise self.damaged("its members are not those of its manifest")
        for name in named:
            for _ in self.chunks(name):
                pass

    def chunks(self, name: str) -> Iterator[bytes]:
        """The member's bytes; an error at the end where they are not what was written."""
        digest, size = hashlib.sha256(), 0
        try:
            with self.member(name) as source:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    yield chunk
        except _UNREADABLE as error:
            raise self.damaged(f"{name} cannot be read") from error
        if self.facts["members"][name] != {"sha256": digest.hexdigest(), "size": size}:
            raise self.damaged(f"{name} is not what was written")

    def read(self, name: str) -> bytes:
        """A small member as a whole."""
        return b"".join(self.chunks(name))

    def extract(self, name: str, target: Path) -> None:
        """Write the member to a new file of mode 0600."""
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            for chunk in self.chunks(name):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    def member(self, name: str) -> IO[bytes]:
        """The member, opened."""
        return self.archive.open(name)

    def damaged(self, what: str) -> InputError:
        """The error that says so."""
        return InputError(f"{self.path} is not a whole copy: {what}.", hint=_DAMAGED_HINT)


@contextlib.contextmanager
def open_copy(path: Path) -> Iterator[CopyReader]:
    """Read a copy; `InputError` where it is none."""
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            facts = loads(archive.read(_MANIFEST))
            if not isinstance(facts, dict) or facts.get("format") != FORMAT:
                raise BadJson("The manifest is of another format.")
        except FileNotFoundError as error:
            raise InputError(f"There is no file {path}.", hint="Check the path.") from error
        except PermissionError as error:
            raise InputError(
                f"{path} may not be read.", hint="Read it as the user whose file it is."
            ) from error
        except (*_UNREADABLE, BadJson) as error:
            raise InputError(f"{path} is not a copy of an install.", hint=_DAMAGED_HINT) from error
        yield CopyReader(archive=archive, facts=facts, path=path)


def _exists(path: Path) -> Conflict:
    return Conflict(f"There is a file {path} already.", hint="Choose another name; nothing was changed.")
