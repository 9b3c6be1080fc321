from __future__ import annotations

from tenantatlas.policies.matching import Ambiguous, Matched, match
from tenantatlas.policies.model import RestoreRule

from .builders import a_type

WIDGET = "#microsoft.graph.widget"


def test_name_and_type():
    wanted = {"displayName": "A", "@odata.type": WIDGET}
    rows = {
        "1": {"displayName": "A"},
        "2": {"displayName": "A", "@odata.type": "#microsoft.graph.other"},
        "3": {"displayName": "a"},
        "4": {},
    }
    assert match(a_type(), wanted, rows) == Matched("1")
    assert match(a_type(), wanted, {"2": rows["2"]}) is None
    assert match(a_type(), wanted, {}) is None


def test_two_are_a_question():
    rows = {key: {"displayName": "A"} for key in ("9", "1")}
    assert match(a_type(), {"displayName": "A"}, rows) == Ambiguous(("1", "9"))


def test_the_type_says_what_counts():
    rule = RestoreRule(order=1, match_by=("name", "templateReference.templateFamily"))
    policy_type = a_type(name_field="name", restore=rule)
    wanted = {"name": "A", "templateReference": {"templateFamily": "baseline"}}
    rows = {"1": {"name": "A", "templateReference": {"templateFamily": "none"}}, "2": {"name": "A"}}
    assert match(policy_type, wanted, rows) is None
    assert match(policy_type, wanted, {**rows, "3": wanted}) == Matched("3")


def test_nameless_is_nobody():
    assert match(a_type(), {"displayName": None}, {"1": {"displayName": None}}) is None


def test_what_microsoft_made_is_matched_with_its_like():
    policy_type = a_type(built_in=lambda body: body.get("builtIn", False))
    rows = {"1": {"displayName": "A"}, "2": {"displayName": "A", "builtIn": True}}
    assert match(policy_type, {"displayName": "A"}, rows) == Matched("1")
    assert match(policy_type, {"displayName": "A", "builtIn": True}, rows) == Matched("2")
