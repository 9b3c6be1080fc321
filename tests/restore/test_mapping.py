"""The mapping file: what a person decides, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tenantatlas.core import json
from tenantatlas.core.errors import InputError
from tenantatlas.restore.mapping import (
    Candidate,
    Decision,
    MappingAction,
    Need,
    candidates_for,
    decide_by_candidates,
    load_mapping,
    read_mapping,
    write_mapping,
)

PILOT = Candidate(id="p1", name="Pilot")


def entry(**more: Any) -> dict[str, Any]:
    return {"name": "Pilot", "candidates": [], "action": None, "target": None} | more


def test_what_is_written_is_read_back() -> None:
    decision = Decision(action=MappingAction.MAP, target="p1", name="Pilot", candidates=(PILOT,))
    dropped = Decision(action=MappingAction.DROP, name="Old")
    undecided = Decision(name="Twice", candidates=(PILOT, Candidate(id="p2", name="Pilot")))
    needs = [
        Need(kind="groups", id="b", decision=undecided),
        Need(kind="groups", id="a", decision=decision),
        Need(kind="assignmentFilters", id="f", decision=dropped),
        Need(kind="users", id="u", decision=Decision()),
        Need(kind="roleScopeTags", id="3", decision=decision),
    ]

    document = write_mapping(needs)

    assert document["version"] == 1
    assert list(document["groups"]) == ["a", "b"]
    assert document["groups"]["b"]["action"] is None
    assert document["groups"]["b"]["candidates"] == [
        {"id": "p1", "name": "Pilot"},
        {"id": "p2", "name": "Pilot"},
    ]
    assert document["filters"]["f"] == {"name": "Old", "candidates": [], "action": "drop", "target": None}
    assert load_mapping(json.dumps(document)) == {(need.kind, need.id): need.decision for need in needs}


def test_an_empty_file_decides_nothing() -> None:
    assert read_mapping({"version": 1}) == {}
    assert write_mapping([]) == {"version": 1, "groups": {}, "filters": {}, "scopeTags": {}, "users": {}}


def test_the_least_that_decides_is_enough() -> None:
    decided = read_mapping(
        {"version": 1, "groups": {"a": {"action": "map", "target": "b"}, "c": {"name": None}}}
    )

    assert decided["groups", "a"] == Decision(action=MappingAction.MAP, target="b")
    assert decided["groups", "c"] == Decision()


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ([], "mapping"),
        ({}, "version"),
        ({"version": 2}, "version"),
        ({"version": 1, "group": {}}, "group"),
        ({"version": 1, "groups": []}, "groups"),
        ({"version": 1, "groups": {"a": "b"}}, "groups.a"),
        ({"version": 1, "groups": {"a": entry(actoin="map")}}, "groups.a.actoin"),
        ({"version": 1, "groups": {"a": entry(action="keep")}}, "groups.a.action"),
        ({"version": 1, "groups": {"a": entry(action=["map"])}}, "groups.a.action"),
        ({"version": 1, "groups": {"a": entry(action="map")}}, "groups.a.target"),
        ({"version": 1, "groups": {"a": entry(action="map", target=" ")}}, "groups.a.target"),
        ({"version": 1, "groups": {"a": entry(action="map", target=7)}}, "groups.a.target"),
        ({"version": 1, "groups": {"a": entry(action="drop", target="b")}}, "groups.a.target"),
        ({"version": 1, "groups": {"a": entry(target="b")}}, "groups.a.target"),
        ({"version": 1, "groups": {"a": entry(name=7)}}, "groups.a.name"),
        ({"version": 1, "groups": {"a": entry(candidates={})}}, "groups.a.candidates"),
        ({"version": 1, "groups": {"a": entry(candidates=["x"])}}, "groups.a.candidates[0]"),
        ({"version": 1, "groups": {"a": entry(candidates=[{"id": "x"}])}}, "groups.a.candidates[0]"),
        (
            {"version": 1, "users": {"a": entry(candidates=[{"id": 1, "name": "x"}])}},
            "users.a.candidates[0]",
        ),
    ],
)
def test_what_cannot_be_used_is_named(document: Any, place: str) -> None:
    with pytest.raises(InputError) as refused:
        read_mapping(document)

    assert refused.value.details["field"] == place
    assert "restore mapping" in refused.value.hint


def test_a_file_that_is_not_json_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_mapping(b"{'version': 1}")


def test_candidates_come_by_id_then_by_name() -> None:
    known = {"p1": "Pilot", "p2": "Pilot", "x": "Other"}

    assert candidates_for("p2", name="Whatever", known=known) == (Candidate(id="p2", name="Pilot"),)
    assert [each.id for each in candidates_for("gone", name="Pilot", known=known)] == ["p1", "p2"]
    assert candidates_for("gone", name="", known=known) == ()


def test_only_one_candidate_decides() -> None:
    assert decide_by_candidates((PILOT,), name="Pilot").target == "p1"
    assert decide_by_candidates((), name="Pilot") == Decision(name="Pilot")
    assert decide_by_candidates((PILOT, PILOT), name="Pilot").action is None
