from __future__ import annotations

import pytest

from tenantatlas.core.json import BadJson
from tenantatlas.policies.document import Document

RAW = b'{"b":1.10, "a" : null}'


def test_keeps_the_bytes_of_graph_and_reads_them_back():
    document = Document(
        type_key="widgets",
        object=RAW,
        item=b'{"a":[ 1 ]}',
        parts={"z": (b'{"x":1}',), "a:1": (b"{ }", b"[]")},
        missing={"secret:r": "Graph answered 403."},
    )
    data = document.to_bytes()
    assert RAW in data
    assert Document.from_bytes(data) == document
    assert Document.from_bytes(data).to_bytes() == data


def test_the_order_of_parts_says_nothing():
    one = Document(type_key="w", object=b"{}", parts={"a": (), "b": ()})
    other = Document(type_key="w", object=b"{}", parts={"b": (), "a": ()})
    assert one.to_bytes() == other.to_bytes()


def test_the_item_lies_over_the_row():
    assert Document(type_key="w", object=b'{"a":1,"b":2}').read_object() == {"a": 1, "b": 2}
    assert Document(type_key="w", object=b'{"a":1,"b":2}', item=b'{"a":3}').read_object() == {"a": 3, "b": 2}


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format":2,"type":"w","object":{}}'])
def test_what_is_no_payload_is_refused(data):
    with pytest.raises(BadJson):
        Document.from_bytes(data)
