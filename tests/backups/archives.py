"""Archives that mean harm, each made here, with what is wrong with it."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator

GOOD = b'{"name": "x"}'


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these entries; names are taken as they are."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in entries:
            entry = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            entry.compress_type = method
            archive.writestr(entry, data)
    return held.getvalue()


def named(name: str) -> bytes:
    """A zip whose only entry has this name, byte for byte."""
    stand_in = "N" * len(name.encode())
    return zipped((stand_in, GOOD)).replace(stand_in.encode(), name.encode())


def of_kind(kind: int) -> bytes:
    entry = zipfile.ZipInfo("link.json")
    entry.external_attr = (kind | 0o777) << 16
    return zipped((entry, b"/etc/passwd"))


def patched(change: Callable[[bytearray, int, int], None]) -> bytes:
    """A good zip, changed: given the whole, where its directory entry is, and where its end record is."""
    data = bytearray(zipped(("a.json", GOOD), ("b.json", GOOD)))
    change(data, data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06"))
    return bytes(data)


def _encrypt(data: bytearray, directory: int, _end: int) -> None:
    struct.pack_into("<H", data, directory + 8, 1)


def _method(data: bytearray, directory: int, _end: int) -> None:
    struct.pack_into("<H", data, directory + 10, 99)


def _longer(data: bytearray, directory: int, _end: int) -> None:
    struct.pack_into("<I", data, directory + 24, 5000)


def _shorter(data: bytearray, directory: int, _end: int) -> None:
    struct.pack_into("<I", data, directory + 24, 3)


def _huge(data: bytearray, directory: int, _end: int) -> None:
    struct.pack_into("<I", data, directory + 24, 0xFFFF_0000)


def _crc(data: bytearray, directory: int, _end: int) -> None:
    struct.pack_into("<I", data, directory + 16, 0xDEADBEEF)


def _overlap(data: bytearray, directory: int, end: int) -> None:
    second = data.index(b"PK\x01\x02", directory + 4)
    assert second < end
    struct.pack_into("<I", data, second + 42, 0)


def _outside(data: bytearray, directory: int, _end: int) -> None:
    struct.pack_into("<I", data, directory + 42, 0x7FFF_FFFF)


def _many(data: bytearray, _directory: int, end: int) -> None:
    struct.pack_into("<H", data, end + 10, 60_000)


def _wide(data: bytearray, _directory: int, end: int) -> None:
    struct.pack_into("<I", data, end + 12, 0x7FFF_FFFF)


def _zip64(data: bytearray, _directory: int, end: int) -> None:
    data[end:end] = b"PK\x06\x07" + bytes(16)


def hostile() -> Iterator[tuple[str, bytes]]:
    """What is wrong, and the archive."""
    for name in (
        "../evil.json",
        "a/../../evil.json",
        "..",
        "a/..",
        "..\\evil.json",
        "a\\..\\..\\evil.json",
        "/etc/evil.json",
        "//host/share/evil.json",
        "\\\\host\\share\\evil.json",
        "C:\\evil.json",
        "C:evil.json",
        "c:/evil.json",
        "z:evil",
        "new\nline.json",
        "tab\tname.json",
        "bell\x07.json",
        "n" * 600 + ".json",
    ):
        yield f"name {name[:30]!r}", named(name)
    for word, kind in (
        ("symlink", stat.S_IFLNK),
        ("character device", stat.S_IFCHR),
        ("block device", stat.S_IFBLK),
        ("pipe", stat.S_IFIFO),
        ("socket", stat.S_IFSOCK),
    ):
        yield word, of_kind(kind)
    yield "same name twice", zipped(("a.json", GOOD), ("A.JSON", GOOD))
    yield "same name by backslash", named("a\\b.json")[:0] + zipped(("a/b.json", GOOD), ("a/B.json", GOOD))
    yield "bomb", zipped(("bomb.json", bytes(30 * 1024 * 1024)))
    yield "many small bombs", zipped(*[(f"{n}.json", bytes(1024 * 1024)) for n in range(20)])
    yield "one file too large", zipped(("large.json", bytes(33 * 1024 * 1024)))
    for word, change in (
        ("encrypted", _encrypt),
        ("unknown method", _method),
        ("longer than told", _longer),
        ("shorter than told", _shorter),
        ("four gigabytes told", _huge),
        ("wrong checksum", _crc),
        ("overlapping entries", _overlap),
        ("entry outside", _outside),
        ("sixty thousand told", _many),
        ("directory of two gigabytes told", _wide),
        ("zip64", _zip64),
    ):
        yield word, patched(change)
    yield "empty", b""
    yield "no zip", b'{"name": "x"}' * 100
    yield "cut off", zipped(("a.json", GOOD))[:-30]
    yield "no file in it", zipped()
    yield "bzip2", zipped(("a.json", GOOD), method=zipfile.ZIP_BZIP2)
    yield "lzma", zipped(("a.json", GOOD), method=zipfile.ZIP_LZMA)
