from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantatlas.core import json
from tenantatlas.policies import canonical
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import AssignmentRule, AssignWrite, Part, Secret, SecretKind, Shape

from .builders import a_target, a_type, to_group


def a_document(body, *, item=None, **parts):
    raw = {key.replace("__", ":"): tuple(json.dumps(row) for row in rows) for key, rows in parts.items()}
    return Document(
        type_key="widgets",
        object=json.dumps(body),
        item=None if item is None else json.dumps(item),
        parts=raw,
    )


def test_an_empty_description_is_none():
    one, other = ({"id": "1", "name": "", "description": each} for each in ("", None))
    assert canonical.digest(a_type(), one) == canonical.digest(a_type(), other)
    assert canonical.canonical_form(a_type(), one) == {"name": ""}


class TestCompose:
    def test_item_over_row_type_and_assignments_filled_in(self):
        body = canonical.compose(a_type(), a_document({"id": "1", "a": None}, item={"a": 2}))
        assert body == {"id": "1", "a": 2, "@odata.type": "#microsoft.graph.widget", "assignments": []}

    def test_type_of_the_row_stays(self):
        body = canonical.compose(a_type(assignments=None), a_document({"@odata.type": "#other"}))
        assert body == {"@odata.type": "#other"}

    def test_no_assignments_for_types_that_write_none(self):
        policy_type = a_type(assignments=AssignmentRule(write=AssignWrite.NONE), odata_type="")
        assert canonical.compose(policy_type, a_document({"id": "1"})) == {"id": "1"}

    def test_parts_come_into_their_place(self):
        policy_type = a_type(
            parts=(
                Part(name="settings", path="{item}/settings", into="settings"),
                Part(name="extra", path="{item}/extra", shape=Shape.OBJECT),
                Part(name="parent", path="{item}/parent", shape=Shape.OBJECT, into="parent"),
                Part(name="none", path="{item}/none", shape=Shape.OBJECT, into="none", optional=True),
                Part(name="count", path="{item}/count", shape=Shape.VALUE, into="count"),
                Part(name="unread", path="{item}/unread", into="unread"),
            )
        )
        document = a_document(
            {"id": "1"},
            settings=[{"id": "0"}],
            extra=[{"more": True}],
            parent=[{"id": "p"}],
            none=[],
            count=[{"value": 3}],
        )
        body = canonical.compose(policy_type, document)
        assert body["settings"] == [{"id": "0"}]
        assert (body["more"], body["parent"], body["count"]) == (True, {"id": "p"}, 3)
        assert "none" not in body
        assert "unread" not in body

    def test_parts_of_rows_find_their_row(self):
        policy_type = a_type(
            parts=(
                Part(name="rows", path="{item}/rows", into="rows"),
                Part(name="values", path="{item}/rows/{id}/values", into="values", for_each="rows"),
                Part(
                    name="secret",
                    path="{item}/plain(ref='{ref}')",
                    shape=Shape.VALUE,
                    into="value",
                    for_each="rows",
                    secret=True,
                ),
            )
        )
        document = a_document(
            {"id": "1"},
            rows=[{"id": "a", "ref": "r", "value": "****"}, {"id": "b"}],
            values__a=[{"v": 1}],
            secret__r=[{"value": "plain"}],
        )
        rows = canonical.compose(policy_type, document)["rows"]
        assert rows == [{"id": "a", "ref": "r", "value": "plain", "values": [{"v": 1}]}, {"id": "b"}]

    def test_parts_of_no_rows(self):
        policy_type = a_type(parts=(Part(name="v", path="{item}/{id}", into="v", for_each="rows"),))
        assert canonical.compose(policy_type, a_document({"rows": None}))["rows"] is None

    def test_the_type_has_the_last_touch(self):
        policy_type = a_type(compose=lambda body: {**body, "touched": True})
        assert canonical.compose(policy_type, a_document({}))["touched"] is True


class TestCanonicalForm:
    def test_leaves_out_what_the_service_makes(self):
        policy_type = a_type(volatile=("runs", "rows[].stamp"))
        body = {
            "id": "1",
            "version": 3,
            "createdDateTime": "t",
            "rows@odata.context": "u",
            "#microsoft.graph.assign": {},
            "runs": 4,
            "rows": [{"stamp": 1, "x": None, "y": []}],
            "name": "n",
        }
        assert canonical.canonical_form(policy_type, body) == {"rows": [{}], "name": "n"}

    def test_sorts_sets_and_only_sets(self):
        policy_type = a_type(unordered={"rows": ("key",), "**.children": ("", "id")})
        body = {
            "roleScopeTagIds": ["7", "0"],
            "order": ["b", "a"],
            "rows": [
                {"key": "b", "children": ["z", "y"]},
                {"key": "a", "children": ["b", "a"]},
                {"children": ["q"]},
            ],
        }
        form = canonical.canonical_form(policy_type, body)
        assert form["roleScopeTagIds"] == ["0", "7"]
        assert form["order"] == ["b", "a"]
        assert [row.get("key") for row in form["rows"]] == ["a", "b", None]
        assert form["rows"][0]["children"] == ["a", "b"]

    def test_a_set_that_is_no_list_stays(self):
        assert canonical.canonical_form(a_type(), {"roleScopeTagIds": "0"}) == {"roleScopeTagIds": "0"}

    def test_same_key_in_any_order(self):
        policy_type = a_type(unordered={"rows": ("key",)})
        rows = [{"key": "a", "n": 2}, {"key": "a", "n": 1}]
        forms = [canonical.canonical_form(policy_type, {"rows": each}) for each in (rows, rows[::-1])]
        assert forms[0] == forms[1]

    def test_assignments_mean_the_same_however_said(self):
        one = {"assignments": [to_group("g1"), to_group("g2")]}
        other = {"assignments": [{"target": a_target(groupId="g2")}, {"target": a_target(groupId="g1")}]}
        assert canonical.digest(a_type(), one) == canonical.digest(a_type(), other)
        assert canonical.digest(a_type(assignments=None), one) == canonical.digest(a_type(), other)

    def test_a_mask_or_a_token_is_no_value(self):
        policy_type = a_type(
            secrets=(
                Secret(path="rows[].value", kind=SecretKind.RECOVERABLE, when=lambda row: row["secret"]),
                Secret(path="token", kind=SecretKind.NEEDS_INPUT),
            )
        )
        body = {
            "rows": [
                {"secret": True, "value": "****"},
                {"secret": True, "value": "plain"},
                {"secret": False, "value": "****"},
            ],
            "token": "gAAA",
        }
        assert canonical.canonical_form(policy_type, body) == {
            "rows": [
                {"secret": True},
                {"secret": True, "value": "plain"},
                {"secret": False, "value": "****"},
            ]
        }

    def test_numbers_keep_their_text(self):
        read = json.loads(b'{"a":1.10,"b":12345678901234567890}')
        assert canonical.canonical_bytes(a_type(), read) == b'{"a":1.10,"b":12345678901234567890}'

    @pytest.mark.parametrize(
        ("one", "other"), [({"a": 1}, {"a": True}), ({"a": [1]}, {}), ({"a": "1"}, {"a": 1}), ({"a": ""}, {})]
    )
    def test_what_differs_differs(self, one, other):
        assert canonical.digest(a_type(), one) != canonical.digest(a_type(), other)

    @pytest.mark.parametrize("empty", [{"a": None}, {"a": []}, {"description": ""}, {}])
    def test_null_empty_and_absent_are_one(self, empty):
        assert canonical.digest(a_type(), empty) == canonical.digest(a_type(), {})

    def test_no_assignments_are_said(self):
        assert canonical.canonical_form(a_type(), {"assignments": []}) == {"assignments": []}


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
NAMES = st.sampled_from(["id", "name", "rows", "roleScopeTagIds", "x@odata.context", "@odata.type", "value"])
BODIES = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=15,
    ),
    max_size=5,
)
SETS = a_type(unordered={"**.rows": ("name", "")}, volatile=("**.value",))


def shuffled(value, random):
    if isinstance(value, dict):
        names = list(value)
        random.shuffle(names)
        return {name: shuffled(value[name], random) for name in names}
    if isinstance(value, list):
        return [shuffled(child, random) for child in value]
    return value


@given(BODIES)
def test_a_canonical_form_is_its_own(body):
    once = canonical.canonical_form(SETS, body)
    assert canonical.canonical_form(SETS, once) == once


@given(BODIES, st.randoms(use_true_random=False))
def test_order_of_properties_and_of_sets_says_nothing(body, random):
    other = shuffled(body, random)
    if isinstance(other.get("rows"), list):
        random.shuffle(other["rows"])
    assert canonical.digest(SETS, body) == canonical.digest(SETS, other)
