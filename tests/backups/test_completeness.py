"""How completely a type was read, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from tenantatlas.backups.completeness import ItemFacts, shorten, summarise
from tenantatlas.inventory.models import ReadStatus

PATH, KEY = "/beta/things", "things"


def item(key: str, state: str = "succeeded", **more: Any) -> ItemFacts:
    type_key = "" if key.startswith(("list:", "recheck:")) else KEY
    return ItemFacts(key=key, type_key=type_key, label=key.rpartition("/")[2], state=state, **more)


LISTED = item(f"list:{PATH}")
A, B = item("things/a"), item("things/b")


@pytest.mark.parametrize(
    ("items", "status", "words"),
    [
        ([LISTED, A, B], ReadStatus.COMPLETE, ""),
        ([LISTED], ReadStatus.COMPLETE, ""),
        ([item(f"list:{PATH}", message="2 left out.")], ReadStatus.COMPLETE, "2 left out."),
        ([LISTED, A, item(f"recheck:{PATH}")], ReadStatus.COMPLETE, ""),
        (
            [item(f"list:{PATH}", "failed", details={"status": "denied"}, message="Needs X.")],
            ReadStatus.DENIED,
            "Needs X.",
        ),
        (
            [item(f"list:{PATH}", "skipped", details={"status": "unavailable"}, message="No licence.")],
            ReadStatus.UNAVAILABLE,
            "No licence.",
        ),
        (
            [item(f"list:{PATH}", "failed", details={"status": "partial"}, message="Page 2 lost."), A],
            ReadStatus.PARTIAL,
            "Page 2 lost.",
        ),
        ([item(f"list:{PATH}", "failed", message="Broken.")], ReadStatus.PARTIAL, "Broken."),
        ([item(f"list:{PATH}", "not_started")], ReadStatus.PARTIAL, "The list was not read."),
        (
            [LISTED, A, item("things/b", "failed", message="Graph said no.")],
            ReadStatus.PARTIAL,
            "1 of 2 could not be captured: b (Graph said no).",
        ),
        ([LISTED, A, item("things/b", "unknown")], ReadStatus.PARTIAL, "could not be captured: b."),
        (
            [LISTED, A, item("things/b", "not_started")],
            ReadStatus.PARTIAL,
            "1 of 2 were not reached: b.",
        ),
        ([LISTED, item("things/b", "not_started")], ReadStatus.PARTIAL, "1 of 1 was not reached: b."),
        (
            [LISTED, A, item("things/b", reason="secret_not_captured")],
            ReadStatus.PARTIAL,
            "1 captured without a secret value that could not be read: b.",
        ),
        (
            [LISTED, A, item("things/b", "failed", reason="vanished")],
            ReadStatus.CHANGED,
            "1 gone when it was to be read: b.",
        ),
        (
            [LISTED, A, item("things/b", "failed", reason="vanished"), item("things/c", "failed")],
            ReadStatus.PARTIAL,
            "1 of 3 could not be captured: c.",
        ),
        (
            [
                LISTED,
                A,
                item(
                    f"recheck:{PATH}",
                    "failed",
                    reason="changed_during_capture",
                    details={KEY: ["a (modified)"]},
                ),
            ],
            ReadStatus.CHANGED,
            "Changed during the capture: a (modified).",
        ),
        (
            [
                LISTED,
                A,
                item(
                    f"recheck:{PATH}",
                    "failed",
                    reason="changed_during_capture",
                    details={"others": ["x (modified)"]},
                ),
            ],
            ReadStatus.COMPLETE,
            "",
        ),
        (
            [LISTED, A, item(f"recheck:{PATH}", "failed", message="Not known.")],
            ReadStatus.PARTIAL,
            "Not known.",
        ),
        (
            [LISTED, A, item(f"recheck:{PATH}", "not_started")],
            ReadStatus.PARTIAL,
            "Whether it changed meanwhile was not looked up.",
        ),
    ],
)
def test_every_end_has_its_word(items: list[ItemFacts], status: ReadStatus, words: str) -> None:
    (summary,) = summarise(items, held={PATH: [KEY]})

    assert summary.status == status
    assert words in summary.detail
    assert bool(summary.detail) is bool(words)
    assert summary.spoils is (status in {ReadStatus.DENIED, ReadStatus.PARTIAL, ReadStatus.CHANGED})
    assert summary.listed == sum(one.key.startswith("things/") for one in items)


def test_what_a_list_leaves_out_is_said_once() -> None:
    told = item(f"list:{PATH}", message="2 left out.")

    assert [one.detail for one in summarise([told], held={PATH: ["one", "two"]})] == ["2 left out.", ""]


def test_types_of_one_collection_share_its_list() -> None:
    denied = item(f"list:{PATH}", "failed", details={"status": "denied"}, message="Needs X.")

    found = summarise([denied], held={PATH: ["one", "two"]})

    assert [(one.type_key, one.status) for one in found] == [
        ("one", ReadStatus.DENIED),
        ("two", ReadStatus.DENIED),
    ]


def test_long_lists_are_shortened() -> None:
    assert shorten(list("abcde")) == "a, b, c, d, e"
    assert shorten(list("abcdefg")) == "a, b, c, d, e and 2 more"
