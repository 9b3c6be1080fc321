"""A copy is read back as it was written, or refused with a sentence."""

from __future__ import annotations

import pytest

from tenantatlas.core.errors import InputError
from tenantatlas.runs.copyfile import new_copy, open_copy

MEMBERS = {"key": b"a key", "tables/one": b"1\tContoso\n" * 50, "tables/none": b""}


@pytest.fixture
def copied(tmp_path):
    path = tmp_path / "copy.tenantatlas"
    with new_copy(path, {"version": "1"}) as writer:
        for name, data in MEMBERS.items():
            writer.add(name, [data])
    return path


def read(path):
    with open_copy(path) as copy:
        copy.verify()
        return {name: copy.read(name) for name in MEMBERS}


def test_a_copy_is_read_as_it_was_written(copied):
    assert read(copied) == MEMBERS


def test_no_flipped_byte_is_read_as_something_else(copied):
    whole, refused = copied.read_bytes(), 0
    for place in range(len(whole)):
        copied.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert read(copied) == MEMBERS
        except InputError:
            refused += 1
    assert refused > len(whole) // 3
