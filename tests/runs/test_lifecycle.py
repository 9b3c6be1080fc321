"""The table of what may become what, and of how a run ends."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantatlas.runs.lifecycle import (
    BAD_ITEM_STATES,
    COUNT_KEYS,
    ItemState,
    Outcome,
    RunEnd,
    RunStatus,
    count_items,
    may_become,
    read_foreign_status,
    roll_up,
)

ALLOWED = {
    ("queued", "running"),
    ("queued", "completed"),
    ("running", "queued"),
    ("running", "completed"),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(RunStatus, RunStatus)))
def test_what_may_become_what(before, after):
    assert may_become(before, after) is ((before, after) in ALLOWED)


@pytest.mark.parametrize(
    ("counts", "rest", "outcome"),
    [
        ({}, {}, Outcome.SUCCEEDED),
        ({"succeeded": 3}, {}, Outcome.SUCCEEDED),
        ({"succeeded": 3, "skipped": 2}, {}, Outcome.SUCCEEDED),
        ({"skipped": 2}, {}, Outcome.SUCCEEDED),
        ({"succeeded": 3, "failed": 1}, {}, Outcome.PARTIALLY_SUCCEEDED),
        ({"succeeded": 3, "unknown": 1}, {}, Outcome.PARTIALLY_SUCCEEDED),
        ({"succeeded": 3, "needs_decision": 1}, {}, Outcome.PARTIALLY_SUCCEEDED),
        ({"succeeded": 3, "not_started": 1}, {}, Outcome.PARTIALLY_SUCCEEDED),
        ({"failed": 1, "skipped": 4}, {}, Outcome.FAILED),
        ({"unknown": 1}, {}, Outcome.FAILED),
        ({"not_started": 1}, {}, Outcome.FAILED),
        ({}, {"error_code": "internal"}, Outcome.FAILED),
        ({"not_started": 5}, {"error_code": "sign_in"}, Outcome.BLOCKED),
        ({"succeeded": 1, "not_started": 5}, {"error_code": "sign_in"}, Outcome.PARTIALLY_SUCCEEDED),
        ({}, {"error_code": "consent"}, Outcome.BLOCKED),
        ({}, {"error_code": "storage"}, Outcome.BLOCKED),
        ({}, {"error_code": "not_allowed"}, Outcome.BLOCKED),
        ({}, {"error_code": "writes_held"}, Outcome.BLOCKED),
        ({"succeeded": 2}, {"incomplete": True}, Outcome.PARTIALLY_SUCCEEDED),
        ({}, {"incomplete": True}, Outcome.FAILED),
        ({"succeeded": 2}, {"cancelled": True}, Outcome.CANCELLED),
        ({"failed": 2}, {"cancelled": True, "error_code": "internal"}, Outcome.CANCELLED),
    ],
)
def test_how_a_run_ends(counts, rest, outcome):
    assert roll_up(RunEnd(counts=counts, **rest)) is outcome


numbers = st.dictionaries(st.sampled_from([state.value for state in ItemState]), st.integers(0, 50))


@given(by_state=numbers)
def test_counts_add_up_and_use_known_keys(by_state):
    counts = count_items(by_state)
    assert counts["total"] == sum(by_state.values())
    assert 0 <= counts["processed"] <= counts["total"]
    assert set(counts) <= set(COUNT_KEYS)


@given(by_state=numbers, cancelled=st.booleans(), code=st.sampled_from(["", "internal", "sign_in"]))
def test_succeeded_means_that_nothing_is_wrong(by_state, cancelled, code):
    end = RunEnd(counts=count_items(by_state), cancelled=cancelled, error_code=code)
    bad = sum(by_state.get(state, 0) for state in (*BAD_ITEM_STATES, ItemState.NOT_STARTED))
    if roll_up(end) is Outcome.SUCCEEDED:
        assert not bad
        assert not cancelled
        assert not code
    if roll_up(end) is Outcome.PARTIALLY_SUCCEEDED:
        assert by_state.get("succeeded")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("pending", ("queued", None)),
        ("running", ("running", None)),
        ("completed", ("completed", "succeeded")),
        ("completed_with_errors", ("completed", "partially_succeeded")),
        ("partial", ("completed", "partially_succeeded")),
        ("failed", ("completed", "failed")),
        ("aborted", ("completed", "failed")),
        ("previewed", ("queued", None)),
    ],
)
def test_reads_older_and_domain_vocabularies(word, expected):
    assert read_foreign_status(word) == expected


def test_does_not_guess_at_unknown_words():
    with pytest.raises(KeyError):
        read_foreign_status("finished-ish")
