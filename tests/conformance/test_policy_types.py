"""The definition of done for a policy type. Parametrised over the registry: adding a file adds its tests.

Here: the promises that need nothing but the file. Backup, wipe, restore and backup again is told on the
simulator.
"""

from __future__ import annotations

import importlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantatlas.core import json
from tenantatlas.policies import (
    assignments,
    backup_only,
    canonical,
    matching,
    paths,
    permissions,
    redact,
    references,
    registry,
    writes,
)
from tenantatlas.policies.diff import differences
from tenantatlas.policies.model import (
    COMMON_VOLATILE,
    MASKS,
    RestoreMode,
    SecretKind,
    Step,
    WriteContext,
)
from tenantatlas.policies.permissions import Purpose

from .bodies import CANARY, a_body, a_plain_body, plant

ROOT = "https://graph.microsoft.com/beta"

every_type = pytest.mark.parametrize("policy_type", registry.all_types(), ids=lambda found: found.key)


def context(policy_type, wanted, live=None):
    return WriteContext(policy_type=policy_type, wanted=wanted, live=live, graph_root=ROOT)


def text(value):
    return json.dumps(value).decode()


def shuffled(value, random):
    if isinstance(value, dict):
        names = list(value)
        random.shuffle(names)
        return {name: shuffled(value[name], random) for name in names}
    if isinstance(value, list):
        return [shuffled(child, random) for child in value]
    return value


@every_type
class TestDeclared:
    def test_one_file_one_type_one_name(self, policy_type):
        module = importlib.import_module(f"tenantatlas.policies.types.{policy_type.module_name}")
        assert module.POLICY_TYPE is policy_type
        assert registry.get_type(policy_type.key) is policy_type
        assert policy_type in registry.collections()[policy_type.path]

    def test_says_what_it_is_and_what_it_cannot_do(self, policy_type):
        assert policy_type.label
        rule = policy_type.restore
        for sentence in (*policy_type.limits, rule.reason, rule.recreate or "None."):
            assert sentence[0].isupper()
            assert sentence.endswith(".")

    def test_asks_for_permissions_least_first(self, policy_type):
        for purpose in Purpose:
            asked = permissions.asked(policy_type, purpose)
            assert all(any_of for any_of in asked)
            least = permissions.least([policy_type], [purpose])
            assert permissions.missing(least, policy_type, purpose) == ()
            assert permissions.missing((), policy_type, purpose)
            assert permissions.superfluous(least, [policy_type], [purpose]) == ()

    def test_is_created_exactly_where_it_says_so(self, policy_type):
        steps = writes.create_steps(context(policy_type, a_plain_body(policy_type)))
        assert bool(steps) == (policy_type.restore.mode is RestoreMode.FULL)


@every_type
class TestCanonical:
    def test_form_is_its_own_form(self, policy_type):
        once = canonical.canonical_form(policy_type, a_body(policy_type))
        assert canonical.canonical_form(policy_type, once) == once

    def test_equals_itself(self, policy_type):
        body = a_body(policy_type)
        assert differences(policy_type, body, json.loads(json.dumps(body))) == ()
        assert writes.update_steps(context(policy_type, body, body)) == ()
        assert writes.assign_steps(context(policy_type, body, body)) == ()

    @settings(suppress_health_check=[HealthCheck.differing_executors], max_examples=20)
    @given(random=st.randoms(use_true_random=False))
    def test_order_says_nothing(self, policy_type, random):
        body = a_body(policy_type)
        other = shuffled(body, random)
        for path in canonical.unordered(policy_type):
            for place in paths.find(other, path):
                if isinstance(place.value, list):
                    random.shuffle(place.value)
        random.shuffle(other["assignments"])
        assert canonical.digest(policy_type, body) == canonical.digest(policy_type, other)
        assert differences(policy_type, body, other) == ()

    def test_volatile_is_never_a_difference_and_never_written(self, policy_type):
        for path in (*COMMON_VOLATILE, *policy_type.volatile):
            one, other = a_body(policy_type), a_body(policy_type)
            plant(one, path, "volatile-one", {})
            plant(other, path, "volatile-two", {})
            assert canonical.digest(policy_type, one) == canonical.digest(policy_type, other), path
            steps = writes.create_steps(context(policy_type, one))
            assert "volatile-one" not in text([step.body for step in steps]), path

    def test_a_name_is_a_difference(self, policy_type):
        body = a_body(policy_type)
        (found,) = differences(policy_type, body, {**body, policy_type.name_field: "Gadget"})
        assert found.path == policy_type.name_field


@every_type
class TestReferences:
    def test_are_found_and_rewritten(self, policy_type):
        body = a_body(policy_type)
        found = references.find(policy_type, body)
        expected = {reference.kind for reference in policy_type.references}
        assert {one.kind for one in found} == expected
        assert all(one.id.startswith(f"{one.kind}#") for one in found)
        moved = references.rewrite(policy_type, body, lambda kind, old: f"{kind}@{old.partition('#')[2]}")
        assert [one.id for one in references.find(policy_type, moved)] == [
            one.id.replace("#", "@") for one in found
        ]
        assert not any(one.id in text(moved) for one in found)

    def test_nothing_is_left_out_where_that_would_widen(self, policy_type):
        body = a_body(policy_type)
        result = references.rewritten(policy_type, body, lambda *_: references.DROP)
        excluded = [row for row in body["assignments"] if assignments.is_exclusion(row)]
        assert bool(result.refused) or not excluded
        kept = [row for row in result.body["assignments"] if not assignments.is_exclusion(row)]
        assert all("groupId" not in row["target"] or result.refused for row in kept)


@every_type
class TestSecrets:
    def test_are_in_nothing_that_is_shown(self, policy_type):
        body = a_body(policy_type)
        assert CANARY not in text(redact.redact(policy_type, body))
        empty = a_plain_body(policy_type)
        assert CANARY not in repr(differences(policy_type, empty, body))
        assert CANARY not in repr(differences(policy_type, body, empty))
        assert CANARY not in repr(backup_only.explain(policy_type, body))

    def test_a_mask_is_refused_and_never_a_value(self, policy_type):
        for secret in policy_type.secrets:
            body = a_body(policy_type)
            for place in paths.find(body, secret.path):
                if isinstance(place.value, str) and place.value.startswith(CANARY):
                    place.holder[place.key] = "****"
            assert writes.refusals(context(policy_type, body))
            assert backup_only.reasons(policy_type, body)
            assert not MASKS & set(
                map(str, paths.values(canonical.canonical_form(policy_type, body), secret.path))
            )

    def test_predicates_hold_in_canonical_form(self, policy_type):
        form = canonical.canonical_form(policy_type, a_body(policy_type))
        recoverable = [each for each in policy_type.secrets if each.kind is SecretKind.RECOVERABLE]
        assert (CANARY in text(form)) == bool(recoverable)
        assert CANARY not in text(redact.redact(policy_type, form))


@every_type
class TestWrites:
    def steps(self, policy_type) -> tuple[Step, ...]:
        body = a_body(policy_type)
        other = {**body, policy_type.name_field: "Gadget", "assignments": []}
        return (
            *writes.create_steps(context(policy_type, body)),
            *writes.update_steps(context(policy_type, body, other)),
            *writes.assign_steps(context(policy_type, body, other)),
            *writes.delete_steps(context(policy_type, body, body)),
        )

    def test_have_a_place_a_reason_and_a_twin_where_they_make_something(self, policy_type):
        for step in self.steps(policy_type):
            assert step.path.startswith(("{item}", policy_type.path))
            assert step.why
            if not step.repeatable and step.kind != "create":
                assert step.twin_path
                assert step.twin_by

    def test_carry_nothing_of_the_service(self, policy_type):
        for step in self.steps(policy_type):
            for name in ("@odata.context", "settingDefinitions", "createdDateTime"):
                assert name not in text(step.body)
            if isinstance(step.body, dict):
                assert "id" not in step.body

    def test_assignments_are_a_pass_of_their_own(self, policy_type):
        rule = policy_type.assignments
        own_keys = {rule.body_key} if rule else set()
        for step in self.steps(policy_type):
            if step.kind != "assign" and isinstance(step.body, dict):
                assert not {"assignments", *own_keys} & set(step.body)

    def test_send_exactly_the_wanted_targets(self, policy_type):
        rule = policy_type.assignments
        if rule is None or policy_type.restore.mode is RestoreMode.BACKUP_ONLY:
            assert writes.assign_steps(context(policy_type, a_body(policy_type))) == ()
            return
        body = a_body(policy_type)
        body["assignments"].append(
            {"source": "policySets", "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}
        )
        steps = writes.assign_steps(context(policy_type, body))
        sent = [row for step in steps for row in step.body.get(rule.body_key, [step.body])]
        assert assignments.normalised(rule, sent) == assignments.normalised(rule, body["assignments"])
        assert "policySets" not in text(sent)
        assert (
            writes.refusals(context(policy_type, {"assignments": sent})) == () or policy_type.restore.refuse
        )
        for row in sent:
            assert row.get("@odata.type", "") == rule.odata_type

    def test_refuse_what_cannot_be_assigned(self, policy_type):
        body = a_body(policy_type)
        body["assignments"] = [{"target": {"@odata.type": "#microsoft.graph.futureAssignmentTarget"}}]
        if policy_type.assignments is not None:
            assert any(
                "futureAssignmentTarget" in reason for reason in writes.refusals(context(policy_type, body))
            )

    def test_match_the_same_policy_and_no_other(self, policy_type):
        body = a_body(policy_type)
        other = {**body, policy_type.name_field: "Gadget"}
        assert matching.match(policy_type, body, {"1": body, "2": other}) == matching.Matched("1")
        assert matching.match(policy_type, body, {"1": body, "2": body}) == matching.Ambiguous(("1", "2"))
        assert matching.match(policy_type, body, {"2": other}) is None
