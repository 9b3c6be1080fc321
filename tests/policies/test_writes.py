"""The usual way to write, on a plain type."""

from __future__ import annotations

import pytest

from tenantatlas.policies import writes
from tenantatlas.policies.assignments import FILTER_ID
from tenantatlas.policies.model import (
    AssignmentRule,
    AssignWrite,
    RestoreMode,
    RestoreRule,
    Secret,
    SecretKind,
    Step,
    StepKind,
)

from .builders import a_context, a_target, a_type, steps_of, to_group

ASSIGNED = {"target": a_target(groupId="g1"), "@odata.type": "#microsoft.graph.widgetAssignment"}
WANTED = {
    "id": "1",
    "@odata.type": "#microsoft.graph.widget",
    "displayName": "A",
    "description": None,
    "version": 3,
    "size@odata.context": "u",
    "size": {"x": 1, "y": None, "y@odata.type": "#Int64"},
    "rows": [{"a": None, "b": 1}],
    "roleScopeTagIds": ["0"],
    "assignments": [to_group("g1")],
}
BODY = {
    "@odata.type": "#microsoft.graph.widget",
    "displayName": "A",
    "size": {"x": 1},
    "rows": [{"b": 1}],
    "roleScopeTagIds": ["0"],
}


def step(steps) -> Step:
    (only,) = steps
    return only


class TestCreate:
    def test_posts_what_is_ours(self):
        made = step(writes.create_steps(a_context(a_type(), WANTED)))
        assert (made.kind, made.method, made.path) == (StepKind.CREATE, "POST", "/beta/widgets")
        assert made.body == BODY
        assert not made.repeatable

    def test_leaves_out_what_the_type_says(self):
        rule = RestoreRule(order=1, strip_create=("size.x",))
        policy_type = a_type(restore=rule, volatile=("rows[].b",))
        body = step(writes.create_steps(a_context(policy_type, WANTED))).body
        assert (body["size"], body["rows"]) == ({}, [{}])

    def test_the_type_may_have_its_own_way(self):
        rule = RestoreRule(order=1, create=lambda _ctx: ())
        assert writes.create_steps(a_context(a_type(restore=rule), WANTED)) == ()

    @pytest.mark.parametrize("mode", [RestoreMode.UPDATE_ONLY, RestoreMode.BACKUP_ONLY])
    def test_never_for_types_that_are_not_created(self, mode):
        policy_type = a_type(restore=RestoreRule(order=1, mode=mode))
        assert writes.create_steps(a_context(policy_type, WANTED)) == ()
        assert writes.delete_steps(a_context(policy_type, WANTED, WANTED)) == ()

    def test_never_for_what_microsoft_made(self):
        policy_type = a_type(built_in=lambda body: body["id"] == "1")
        assert writes.create_steps(a_context(policy_type, WANTED)) == ()
        assert writes.delete_steps(a_context(policy_type, WANTED, WANTED)) == ()


class TestUpdate:
    def test_patches_what_is_ours(self):
        changed = step(writes.update_steps(a_context(a_type(), WANTED, {**WANTED, "displayName": "B"})))
        assert (changed.kind, changed.method, changed.path) == (StepKind.UPDATE, "PATCH", "{item}")
        assert changed.body == BODY
        assert changed.repeatable

    def test_nothing_where_only_assignments_or_the_service_differ(self):
        live = {**WANTED, "version": 9, "assignments": []}
        assert writes.update_steps(a_context(a_type(), WANTED, live)) == ()

    def test_nothing_where_what_differs_may_not_be_sent(self):
        policy_type = a_type(restore=RestoreRule(order=1, strip_update=("size",)))
        live = {**WANTED, "size": {"x": 2}}
        assert writes.update_steps(a_context(policy_type, WANTED, live)) == ()

    def test_clears_what_the_live_one_has_besides(self):
        live = {
            **WANTED,
            "description": "later",
            "size": {"x": 1, "y": 5, "z": [1]},
            "rows": [],
            "extra": ["e"],
            "more": 1,
            "empty": None,
            "assignments": [],
        }
        body = step(writes.update_steps(a_context(a_type(), WANTED, live))).body
        assert body["description"] is None
        assert body["size"] == {"x": 1, "y": None, "z": []}
        assert body["rows"] == [{"b": 1}]
        assert (body["extra"], body["more"]) == ([], None)
        assert "empty" not in body

    def test_leaves_what_the_type_does_not_know(self):
        policy_type = a_type(properties=frozenset({"displayName", "extra"}))
        live = {**WANTED, "extra": 1, "futureProperty": 1, "version": 4}
        body = step(writes.update_steps(a_context(policy_type, WANTED, live))).body
        assert body["extra"] is None
        assert "futureProperty" not in body

    def test_another_kind_of_sub_object_is_sent_whole(self):
        wanted = {**WANTED, "size": {"@odata.type": "#a", "x": 1, "y": None}}
        live = {**WANTED, "size": {"@odata.type": "#b", "y": 2}}
        body = step(writes.update_steps(a_context(a_type(), wanted, live))).body
        assert body["size"] == {"@odata.type": "#a", "x": 1}

    def test_what_microsoft_made_only_where_allowed(self):
        live = {**WANTED, "displayName": "B"}
        fixed = a_type(built_in=lambda _body: True)
        assert writes.update_steps(a_context(fixed, WANTED, live)) == ()
        patched = a_type(built_in=lambda _body: True, built_in_update=True)
        assert len(writes.update_steps(a_context(patched, WANTED, live))) == 1

    def test_never_for_backup_only_types(self):
        policy_type = a_type(restore=RestoreRule(order=1, mode=RestoreMode.BACKUP_ONLY))
        assert writes.update_steps(a_context(policy_type, WANTED, {})) == ()
        assert writes.assign_steps(a_context(policy_type, WANTED)) == ()

    def test_without_a_live_object_all_is_sent(self):
        assert step(writes.update_steps(a_context(a_type(), WANTED))).body == BODY

    def test_the_type_may_have_its_own_way(self):
        rule = RestoreRule(order=1, update=lambda _ctx: ())
        assert writes.update_steps(a_context(a_type(restore=rule), WANTED)) == ()


class TestAssignWholeSet:
    def test_sends_all_of_it(self):
        assigned = step(writes.assign_steps(a_context(a_type(), WANTED)))
        assert (assigned.kind, assigned.method, assigned.path) == (StepKind.ASSIGN, "POST", "{item}/assign")
        assert assigned.body == {"assignments": [ASSIGNED]}
        assert assigned.repeatable

    def test_under_the_name_that_the_type_has(self):
        rule = AssignmentRule(body_key="rows", path="{item}/microsoft.graph.x/assign")
        assigned = step(writes.assign_steps(a_context(a_type(assignments=rule), WANTED)))
        assert assigned.path == "{item}/microsoft.graph.x/assign"
        assert assigned.body == {"rows": [{"target": a_target(groupId="g1")}]}

    def test_takes_all_away(self):
        assigned = step(writes.assign_steps(a_context(a_type(), {**WANTED, "assignments": []}, WANTED)))
        assert assigned.body == {"assignments": []}

    def test_nothing_where_it_is_there(self):
        assert writes.assign_steps(a_context(a_type(), WANTED, WANTED)) == ()
        assert writes.assign_steps(a_context(a_type(), {**WANTED, "assignments": None})) == ()
        assert writes.assign_steps(a_context(a_type(assignments=None), WANTED)) == ()
        nothing = AssignmentRule(write=AssignWrite.NONE)
        assert writes.assign_steps(a_context(a_type(assignments=nothing), WANTED)) == ()

    def test_what_microsoft_made_only_where_allowed(self):
        fixed = a_type(built_in=lambda _body: True)
        assert writes.assign_steps(a_context(fixed, WANTED)) == ()
        assigned = a_type(built_in=lambda _body: True, built_in_assignments=True)
        assert len(writes.assign_steps(a_context(assigned, WANTED))) == 1


class TestAssignOneByOne:
    RULE = AssignmentRule(write=AssignWrite.ONE_BY_ONE)

    def test_takes_away_first_and_adds_what_is_new(self):
        wanted = {"assignments": [to_group("g1"), to_group("g2")]}
        live = {"assignments": [to_group("g2"), to_group("g3"), to_group("g4", source="policySets")]}
        steps = writes.assign_steps(a_context(a_type(assignments=self.RULE), wanted, live))
        assert steps_of(steps) == [
            ("assign", "DELETE", "{item}/assignments/a-g3"),
            ("assign", "POST", "{item}/assignments"),
        ]
        assert steps[1].body == {"target": a_target(groupId="g1")}
        assert not steps[1].repeatable
        assert (steps[1].twin_path, steps[1].twin_by) == ("{item}/assignments", ("target",))

    def test_nothing_where_it_is_there(self):
        ctx = a_context(a_type(assignments=self.RULE), WANTED, WANTED)
        assert writes.assign_steps(ctx) == ()


class TestDelete:
    def test_deletes(self):
        steps = writes.delete_steps(a_context(a_type(), WANTED, WANTED))
        assert steps_of(steps) == [("delete", "DELETE", "{item}")]

    def test_takes_assignments_away_first_where_it_must(self):
        policy_type = a_type(restore=RestoreRule(order=1, delete=writes.delete_unassigned))
        steps = writes.delete_steps(a_context(policy_type, {}, WANTED))
        assert [each.path for each in steps] == ["{item}/assignments/a-g1", "{item}"]
        assert len(writes.delete_steps(a_context(policy_type, {}, {}))) == 1


class TestRefusals:
    def test_says_everything_that_stands_in_the_way(self):
        policy_type = a_type(
            assignments=AssignmentRule(filters=False),
            secrets=(Secret(path="key", kind=SecretKind.RECOVERABLE),),
            restore=RestoreRule(order=1, refuse=lambda _body: ("The template is retired.",)),
        )
        wanted = {
            "key": "****",
            "assignments": [{"target": a_target(groupId="g1", **{FILTER_ID: "f1"})}],
        }
        reasons = writes.refusals(a_context(policy_type, wanted))
        assert [reason.partition(" ")[0] for reason in reasons] == ["key:", "The", "Filter"]

    def test_nothing(self):
        assert writes.refusals(a_context(a_type(), WANTED)) == ()
        assert writes.refusals(a_context(a_type(assignments=None), WANTED)) == ()
