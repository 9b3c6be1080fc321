"""Reading an archive that somebody handed in. What it claims is checked before anything of it is read.

    too large, too many entries, inflating too much        refused whole
    a link, a name that leads elsewhere, two of one name   refused whole
    entries that overlap, encrypted, or longer than told   refused whole
    not JSON                                               that entry is passed over by whoever reads it

Nothing is written anywhere under a name from the archive.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tenantatlas.core.errors import InputError

MOST_BYTES = 200 * 1024 * 1024
MOST_ENTRIES = 50_000
MOST_INFLATED = 1024 * 1024 * 1024
MOST_INFLATED_ENTRY = 32 * 1024 * 1024
MOST_RATIO = 100
#: A few bytes inflate a hundredfold by themselves; below this a ratio says nothing.
_RATIO_FROM = 64 * 1024

_END, _END_LENGTH, _LONGEST_COMMENT = b"PK\x05\x06", 22, 0xFFFF
_ZIP64_LOCATOR, _LOCATOR_LENGTH = b"PK\x06\x07", 20
#: The directory of so many entries with names of a sensible length; read whole, so it is bounded first.
_MOST_DIRECTORY = 8 * 1024 * 1024
_LONGEST_NAME = 500
_DRIVE = re.compile(r"^[A-Za-z]:")
_LOCAL_HEADER = 30
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


@contextmanager
def opened_archive(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The archive, once all that it claims of itself is within bounds; else an `InputError` that says why."""
    _check_outline(file)
    try:
        with zipfile.ZipFile(file) as archive:
            _check_entries(archive.infolist())
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
        raise refused("it is damaged or no zip file") from error


def files_in(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The entries that are files a person put there, in the order of the archive."""
    return [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
    ]


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """All of one entry; refused where it holds more than it said, or something else."""
    try:
        with archive.open(entry) as stream:
            data = stream.read(entry.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise refused(f"{entry.filename[:200]} is damaged") from error
    if len(data) != entry.file_size:
        raise refused(f"{entry.filename[:200]} is not as long as the archive says")
    return data


def refused(why: str) -> InputError:
    """The error of an archive that is not taken."""
    return InputError(
        f"The archive is refused: {why}.",
        hint="Make a plain zip file of the exported JSON files.",
        details={"field": "file"},
    )


def _check_outline(file: IO[bytes]) -> None:
    """The end of the file says how large its directory is; that is read whole, so it is bounded first."""
    size = file.seek(0, 2)
    if size > MOST_BYTES:
        raise refused(f"it has more than {MOST_BYTES // 1024 // 1024} MB")
    file.seek(max(0, size - _END_LENGTH - _LONGEST_COMMENT - _LOCATOR_LENGTH))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_LENGTH:
        raise refused("it is no zip file")
    if _ZIP64_LOCATOR in tail[max(0, at - _LOCATOR_LENGTH) : at]:
        raise refused("it is a zip64 archive, which is made for more than fits here")
    entries = int.from_bytes(tail[at + 10 : at + 12], "little")
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    if entries > MOST_ENTRIES or directory > _MOST_DIRECTORY:
        raise refused(f"it has more than {MOST_ENTRIES} entries")


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise refused(f"it has more than {MOST_ENTRIES} entries")
    if sum(entry.file_size for entry in entries) > MOST_INFLATED:
        raise refused(f"it inflates to more than {MOST_INFLATED // 1024 // 1024} MB")
    seen: set[str] = set()
    for entry in entries:
        _check_name(entry)
        _check_kind(entry)
        key = entry.filename.replace("\\", "/").casefold()
        if key in seen:
            raise refused(f"{entry.filename[:200]} is in it twice")
        seen.add(key)
    _check_places(entries)


def _check_name(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    plain = name.replace("\\", "/")
    if not plain or len(name) > _LONGEST_NAME or any(ord(char) < ord(" ") for char in name):
        raise refused("a name in it is empty, too long or unreadable")
    if plain.startswith("/") or _DRIVE.match(plain) or ".." in plain.split("/"):
        raise refused(f"the name {name[:200]} leads out of it")


def _check_kind(entry: zipfile.ZipInfo) -> None:
    mode = entry.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refused(f"{entry.filename[:200]} is a link or a device, not a file")
    if entry.flag_bits & _ENCRYPTED:
        raise refused(f"{entry.filename[:200]} is encrypted")
    if entry.compress_type not in _METHODS:
        raise refused(f"{entry.filename[:200]} is compressed in a way that is not read here")
    if entry.file_size > MOST_INFLATED_ENTRY:
        raise refused(f"{entry.filename[:200]} is larger than {MOST_INFLATED_ENTRY // 1024 // 1024} MB")
    if entry.file_size > _RATIO_FROM and entry.file_size > MOST_RATIO * max(1, entry.compress_size):
        raise refused(f"{entry.filename[:200]} inflates more than {MOST_RATIO} times")


def _check_places(entries: list[zipfile.ZipInfo]) -> None:
    """Entries that share bytes make a small archive hold more than it could."""
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < end:
            raise refused("entries in it overlap")
        end = entry.header_offset + _LOCAL_HEADER + entry.compress_size
