"""Who gains and who loses a policy, what may do harm, and how much it takes to confirm."""

from __future__ import annotations

from typing import Any

import pytest

from tenantatlas.core.ids import stable_id
from tenantatlas.policies.model import ALL_DEVICES_GROUP
from tenantatlas.restore.impact import ALL_DEVICES, ALL_USERS, TargetImpact, impact_of
from tenantatlas.restore.plan import build_plan
from tenantatlas.restore.planned import Plan
from tenantatlas.restore.risks import Friction, friction_of, risks_of
from tenantatlas.restore.world import Existence, Existing, PlanInput, RestoreKind
from tests.simulated import catalog_body, group_target

from .test_plan import ACCESS, CATALOG, PILOT, access_body, given, live, source, taken_back

OTHER = "22222222-2222-4222-8222-222222222222"
NARROW = "33333333-3333-4333-8333-333333333333"
GROUPS = {PILOT: "Pilot", OTHER: "Other"}
SCRIPTS = "deviceManagementScripts"
DEVICES = {"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}
USERS = {"target": {"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}}


def changing(before: list[Any] | None, after: list[Any], **more: Any) -> PlanInput:
    """A policy that has the assignments `before` (None: is not there) and is restored with `after`."""
    there = [] if before is None else [catalog_body("Baseline", assignments=before)]
    return given(
        source(CATALOG, catalog_body("Baseline", assignments=after)),
        live={CATALOG: live(*there)},
        groups=GROUPS,
        **more,
    )


def told(world: PlanInput) -> dict[str, dict[str, tuple[str, ...]]]:
    """Who → change → names, changes without names left out."""
    return {
        each.target.id or each.target.kind: {
            change: each.names(change) for change in each.changes if each.names(change)
        }
        for each in impact_of(build_plan(world).items)
    }


class TestImpact:
    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            (None, [group_target(PILOT)], {PILOT: "gains"}),
            ([], [group_target(PILOT)], {PILOT: "gains"}),
            ([group_target(PILOT)], [group_target(OTHER)], {PILOT: "loses", OTHER: "gains"}),
            ([group_target(PILOT)], [], {PILOT: "loses"}),
            ([DEVICES], [USERS], {ALL_DEVICES: "loses", ALL_USERS: "gains"}),
            (
                [DEVICES, group_target(PILOT, excluded=True)],
                [DEVICES],
                {PILOT: "exclusions_lost"},
            ),
            ([DEVICES], [DEVICES, group_target(PILOT, excluded=True)], {PILOT: "exclusions_made"}),
            (
                [group_target(PILOT)],
                [group_target(PILOT, excluded=True)],
                {PILOT: "exclusions_made loses"},
            ),
        ],
    )
    def test_before_and_after(self, before, after, expected):
        found = {who: " ".join(sorted(changes)) for who, changes in told(changing(before, after)).items()}
        assert found == expected

    def test_a_policy_that_is_removed_keeps_nobody_out_and_reaches_nobody(self):
        there = catalog_body("Made", assignments=[DEVICES, group_target(PILOT, excluded=True)])
        world = given(
            taken_back(CATALOG, there, there, remove=True),
            kind=RestoreKind.UNDO,
            allow_deletes=True,
            live={CATALOG: live(there)},
            groups=GROUPS,
        )
        assert told(world) == {ALL_DEVICES: {"loses": ("Made",)}}

    def test_the_names_of_the_policies(self):
        assert told(changing([], [DEVICES])) == {ALL_DEVICES: {"gains": ("Baseline",)}}

    def test_everybody_comes_first(self):
        world = changing([], [group_target(PILOT), DEVICES])
        (first, second) = impact_of(build_plan(world).items)
        assert (first.target.kind, second.target.id) == (ALL_DEVICES, PILOT)

    def test_the_virtual_group_of_all_devices_is_all_devices(self):
        found = told(changing([], [group_target(ALL_DEVICES_GROUP)]))
        assert set(found) == {ALL_DEVICES}

    def test_another_filter_on_the_same_target(self):
        narrowed = group_target(PILOT)
        narrowed["target"] |= {
            "deviceAndAppManagementAssignmentFilterId": NARROW,
            "deviceAndAppManagementAssignmentFilterType": "include",
        }
        assert told(changing([narrowed], [group_target(PILOT)]))[PILOT] == {"filter_changed": ("Baseline",)}

    def test_what_is_inherited_does_not_count(self):
        inherited = {**group_target(OTHER), "source": "policySets"}
        assert told(changing([inherited], [group_target(PILOT)])) == {PILOT: {"gains": ("Baseline",)}}

    def test_conditional_access_names_its_users(self):
        body = access_body(excludeGroups=[PILOT])
        world = given(source(ACCESS, body), groups=GROUPS)
        assert told(world) == {ALL_USERS: {"gains": ("Block",)}, PILOT: {"exclusions_made": ("Block",)}}

    def test_what_is_not_written_has_no_impact(self):
        assert told(changing([group_target(PILOT)], [group_target(PILOT)])) == {}


def risks(world: PlanInput) -> list[tuple[str, str]]:
    plan: Plan = build_plan(world)
    impact: tuple[TargetImpact, ...] = impact_of(plan.items)
    return [(risk.code, risk.severity.value) for risk in risks_of(plan, world, impact)]


class TestRisks:
    def test_none_where_a_group_gains_a_policy(self):
        assert risks(changing(None, [group_target(PILOT)])) == []

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            ([], [DEVICES], [("everybody", "high")]),
            ([DEVICES, group_target(PILOT, excluded=True)], [DEVICES], [("unexcluded", "high")]),
            ([group_target(PILOT)], [], [("unassigned", "medium")]),
            ([group_target(PILOT)], [USERS], [("everybody", "high"), ("unassigned", "medium")]),
        ],
    )
    def test_targeting(self, before, after, expected):
        assert risks(changing(before, after)) == expected

    @pytest.mark.parametrize(
        ("users", "checks", "expected"),
        [
            ({}, {}, True),
            ({"excludeGroups": [PILOT]}, {}, False),
            ({"excludeUsers": [OTHER]}, {("users", OTHER): Existence.PRESENT}, False),
            ({"excludeRoles": ["62e90394-69f5-4237-9190-012177145e10"]}, {}, False),
        ],
    )
    def test_a_lock_out_is_said_unless_somebody_known_is_excluded(self, users, checks, expected):
        world = given(source(ACCESS, access_body(**users)), groups=GROUPS, checks=checks)
        assert (("lock_out", "medium") in risks(world)) is expected

    def test_a_disabled_policy_locks_nobody_out(self):
        world = given(source(ACCESS, access_body(state="disabled")))
        assert "lock_out" not in {code for code, _ in risks(world)}

    @pytest.mark.parametrize(("changed", "expected"), [(1, []), (2, [("share", "medium")])])
    def test_a_large_share_of_a_type(self, changed, expected):
        names = [f"Policy {number}" for number in range(5)]
        there = [
            catalog_body(name, description="By somebody" if index < changed else f"About {name}")
            for index, name in enumerate(names)
        ]
        world = given(*(source(CATALOG, catalog_body(name)) for name in names), live={CATALOG: live(*there)})
        assert risks(world) == expected

    def test_what_is_made_again_runs_again(self):
        script = {
            "id": stable_id("script", "Hello"),
            "displayName": "Hello",
            "description": "",
            "scriptContent": "aGVsbG8=",
            "runAsAccount": "system",
            "enforceSignatureCheck": False,
            "fileName": "hello.ps1",
            "roleScopeTagIds": ["0"],
            "runAs32Bit": False,
        }
        assert risks(given(source(SCRIPTS, script))) == [("again", "medium")]
        there = live({**script, "description": "By somebody"})
        assert "again" not in {
            code for code, _ in risks(given(source(SCRIPTS, script), live={SCRIPTS: there}))
        }
        recreated = given(
            source(SCRIPTS, script), live={SCRIPTS: there}, existing=Existing.RECREATE, allow_deletes=True
        )
        assert ("again", "medium") in risks(recreated)


@pytest.mark.parametrize(
    ("severities", "production", "deletes", "expected"),
    [
        ([], False, False, Friction.PLAIN),
        ([], True, False, Friction.ACKNOWLEDGE),
        (["medium"], False, False, Friction.ACKNOWLEDGE),
        (["medium", "high"], False, False, Friction.TYPE),
        ([], False, True, Friction.TYPE),
    ],
)
def test_friction_grows_with_harm(severities, production, deletes, expected):
    stored = [{"code": "x", "severity": severity, "message": ""} for severity in severities]
    assert friction_of(risks=stored, production=production, deletes=deletes) is expected
