"""Files that people name on the command line. One that cannot be read is their mistake, said by name."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tenantatlas.core.errors import InputError
from tenantatlas.core.log import remember_secret

_LARGEST = 1024 * 1024


@contextlib.contextmanager
def input_file(path: Path) -> Iterator[BinaryIO]:
    """A file of any size, to be read line by line; `-` is standard input."""
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise InputError(f"The file {path} cannot be read: {reason}.", hint="Check the path.") from error
    with file:
        yield file


def read_text_file(path: Path, *, what: str) -> str:
    """The text of a small UTF-8 file."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise InputError(f"The {what} {path} is larger than 1 MiB.", hint="Name the right file.")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"The {what} {path} is not text.", hint="Save it as UTF-8.") from error
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise InputError(f"The {what} {path} cannot be read: {reason}.", hint="Check the path.") from error


def read_secret_file(path: Path, *, what: str) -> str:
    """The one line of a file that holds a secret; never printed again."""
    text = read_text_file(path, what=what).rstrip("\r\n")
    if not text.strip():
        raise InputError(f"The {what} {path} is empty.", hint="It must hold one line.")
    remember_secret(text)
    return text
