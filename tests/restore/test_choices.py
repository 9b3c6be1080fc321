"""What a person chooses besides the policies: assignments, ways for some types, the names of copies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tenantatlas.core import json
from tenantatlas.core.errors import InputError
from tenantatlas.policies.model import NO_FILTER
from tenantatlas.restore.params import PreviewParams
from tenantatlas.restore.plan import build_plan
from tenantatlas.restore.planned import Action, Plan
from tenantatlas.restore.world import Assignments, Existing, PlanInput
from tests.simulated import catalog_body, group_target

from .conftest import Restoring
from .test_plan import ACCESS, CATALOG, FILTERS, PILOT, access_body, filter_body, given, live, only, source

OTHER = "22222222-2222-4222-8222-222222222222"


def catalog(name: str = "Baseline", group: str = PILOT, **more: object) -> dict[str, object]:
    return catalog_body(name, assignments=[group_target(group)], **more)


def planned(assignments: Assignments, *bodies: dict[str, object], **more: object) -> Plan:
    """A plan for a captured policy that is assigned to a group nobody knows here."""
    return build_plan(
        given(source(CATALOG, catalog()), live={CATALOG: live(*bodies)}, assignments=assignments, **more)
    )


def targets(plan: Plan) -> list[str]:
    return [row["target"]["groupId"] for row in only(plan).wanted["assignments"]]


class TestAssignments:
    def test_as_backed_up_waits_for_the_mapping(self):
        assert only(planned(Assignments.BACKED_UP)).action is Action.UNDECIDED

    @pytest.mark.parametrize("chosen", [Assignments.NONE, Assignments.KEEP])
    def test_what_is_not_written_needs_no_mapping(self, chosen):
        plan = planned(chosen)
        assert only(plan).action is Action.CREATE
        assert only(plan).wanted["assignments"] == []
        assert [write.kind for write in plan.writes] == ["create"]
        assert plan.needs() == ()

    def test_none_takes_away_what_is_there(self):
        plan = planned(Assignments.NONE, catalog(group=OTHER))
        (write,) = plan.writes
        assert (write.kind, json.loads(write.body)) == ("assign", {"assignments": []})

    def test_keep_leaves_what_is_there_and_does_not_map_it(self):
        plan = planned(Assignments.KEEP, catalog(group=OTHER, description="By somebody"))
        assert targets(plan) == [OTHER]
        assert [write.kind for write in plan.writes] == ["update"]

    def test_keep_sees_no_difference_in_assignments(self):
        assert only(planned(Assignments.KEEP, catalog(group=OTHER))).action is Action.UNCHANGED

    def test_recreating_keeps_them_too(self):
        plan = planned(
            Assignments.KEEP,
            catalog(group=OTHER, description="By somebody"),
            existing=Existing.RECREATE,
            allow_deletes=True,
        )
        assert [write.kind for write in plan.writes] == ["delete", "create", "assign"]
        assert targets(plan) == [OTHER]

    def test_a_copy_gets_none_of_what_is_kept(self):
        plan = planned(
            Assignments.KEEP, catalog(group=OTHER, description="By somebody"), existing=Existing.COPY
        )
        assert only(plan).wanted["assignments"] == []
        assert [write.kind for write in plan.writes] == ["create"]

    def test_conditional_access_names_its_users_itself(self):
        body = access_body(includeGroups=[PILOT])
        for chosen in Assignments:
            plan = build_plan(given(source(ACCESS, body), groups={PILOT: "Pilot"}, assignments=chosen))
            assert only(plan).wanted["conditions"]["users"]["includeGroups"] == [PILOT]

    def test_the_choice_is_part_of_what_is_confirmed(self):
        hashes = {planned(chosen, catalog(group=OTHER)).sha256 for chosen in Assignments}
        assert len(hashes) == len(Assignments)

    def test_no_group_becomes_anybody_else(self):
        for chosen in Assignments:
            said = b"".join(planned(chosen, catalog(group=OTHER)).lines())
            assert b"allDevicesAssignmentTarget" not in said
            assert NO_FILTER.encode() not in said


class TestWays:
    def given(self, **more: object) -> PlanInput:
        changed = catalog_body("Baseline", description="By somebody")
        narrow = filter_body()
        return given(
            source(CATALOG, catalog_body("Baseline")),
            source(FILTERS, narrow),
            live={CATALOG: live(changed), FILTERS: live({**narrow, "rule": "other"})},
            **more,
        )

    def test_one_type_may_go_another_way(self):
        plan = build_plan(self.given(existing_by_type={FILTERS: Existing.SKIP}))
        actions = {item.type_key: item.action for item in plan.items}
        assert actions == {CATALOG: Action.UPDATE, FILTERS: Action.SKIP}

    def test_ways_are_part_of_what_is_confirmed(self):
        one = build_plan(self.given()).sha256
        other = build_plan(self.given(existing_by_type={CATALOG: Existing.UPDATE})).sha256
        assert one != other

    def test_a_copy_is_called_as_chosen(self):
        plan = build_plan(self.given(existing=Existing.COPY, copy_suffix=" (old)"))
        assert {item.wanted["name"] for item in plan.items if item.type_key == CATALOG} == {"Baseline (old)"}

    def test_what_is_usual_says_nothing_in_the_head(self):
        usual = self.given()
        assert set(build_plan(usual).head()) == {"format", "tenant", "existing", "allow_deletes"}
        chosen = build_plan(replace(usual, copy_suffix=" x", assignments=Assignments.NONE)).head()
        assert chosen["copy_suffix"] == " x"
        assert chosen["assignments"] == "none"


@pytest.mark.parametrize("suffix", ["", "   ", "x" * 61])
def test_a_copy_needs_a_suffix(suffix):
    with pytest.raises(InputError, match="suffix"):
        PreviewParams(set=1, copy_suffix=suffix)


def test_an_unknown_type_has_no_way():
    with pytest.raises(InputError):
        PreviewParams(set=1, existing_by_type={"nothing": Existing.SKIP})


def test_kept_assignments_stay_through_an_execution(restoring: Restoring) -> None:
    world = restoring.world
    pilot = world.sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})
    other = world.sim.put("/groups", {"displayName": "Other", "securityEnabled": True, "groupTypes": []})
    world.work("directory_groups.sync")
    policy = world.catalog_policy("Baseline", assignments=[group_target(pilot)])
    backup_set = restoring.capture(types=["configurationPolicies"])
    world.sim.mutate(
        policy,
        lambda body: body.update(description="By somebody", assignments=[group_target(other)]),
    )
    restore = restoring.preview(backup_set, assignments="keep")
    assert restoring.execute(restore).outcome == "succeeded"
    (now,) = world.sim.objects("/deviceManagement/configurationPolicies")
    assert now["description"] == "About Baseline"
    assert [row["target"]["groupId"] for row in now["assignments"]] == [other]
    restore.refresh_from_db()
    assert (restore.assignments, restore.outcome, restore.word) == ("keep", "succeeded", "succeeded")
