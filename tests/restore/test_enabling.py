"""Conditional access comes back report-only; enforcing it is a step of its own, planned and confirmed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tenantatlas.core import json
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.core.ids import stable_id
from tenantatlas.restore.enablement import enable_params, report_only
from tenantatlas.restore.models import Restore
from tenantatlas.restore.plan import build_plan
from tenantatlas.restore.planned import Action
from tenantatlas.restore.services import preview_follow_up
from tenantatlas.restore.world import RestoreKind
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.registry import install_crash_hook

from .conftest import Restoring
from .test_plan import ACCESS, access_body, given, live, only, source

PATH = "/identity/conditionalAccess/policies"
BREAK_GLASS = stable_id("group", "Break glass")
REPORT_ONLY = "enabledForReportingButNotEnforced"


class TestPlan:
    def enabling(self, state: str | None, *, captured: str = "enabled", **more: Any) -> Any:
        there = [] if state is None else [access_body(state=state, **more)]
        world = given(source(ACCESS, access_body(state=captured)), live={ACCESS: live(*there)})
        return build_plan(replace(world, kind=RestoreKind.ENABLE))

    def test_it_is_one_patch_of_the_state(self):
        plan = self.enabling(REPORT_ONLY)
        (write,) = plan.writes
        assert (write.method, json.loads(write.body)) == ("PATCH", {"state": "enabled"})
        assert write.path.endswith(f"/{stable_id('access', 'Block')}")
        assert write.expects == only(plan).expects
        assert plan.head()["kind"] == "enable"

    def test_what_is_enforced_is_the_policy_as_it_is(self):
        plan = self.enabling(REPORT_ONLY, excludeGroups=[BREAK_GLASS])
        assert only(plan).wanted["conditions"]["users"]["excludeGroups"] == [BREAK_GLASS]

    @pytest.mark.parametrize(
        ("state", "captured", "action", "code"),
        [
            ("enabled", "enabled", Action.UNCHANGED, ""),
            ("disabled", "enabled", Action.CANNOT, "disabled"),
            (None, "enabled", Action.CANNOT, "not_there"),
            (REPORT_ONLY, "disabled", Action.CANNOT, "never_enabled"),
        ],
    )
    def test_nothing_else_is_enforced(self, state, captured, action, code):
        plan = self.enabling(state, captured=captured)
        assert only(plan).action is action
        assert [reason.code for reason in only(plan).reasons] == ([code] if code else [])
        assert plan.writes == ()


@pytest.fixture
def restored(restoring: Restoring) -> Restore:
    """A policy that was enabled and got lost came back report-only, under another id."""
    world = restoring.world
    group = {"id": BREAK_GLASS, "displayName": "Break glass", "securityEnabled": True, "groupTypes": []}
    world.sim.put("/groups", group)
    world.work("directory_groups.sync")
    world.sim.put(PATH, access_body(excludeGroups=[BREAK_GLASS]))
    backup_set = restoring.capture(types=[ACCESS])
    world.sim.clear(PATH)
    restore = restoring.preview(backup_set)
    assert restoring.execute(restore).outcome == "succeeded"
    restore.refresh_from_db()
    return restore


def state(restoring: Restoring) -> str:
    (policy,) = restoring.world.sim.objects(PATH)
    return str(policy["state"])


def enabling(restoring: Restoring, restored: Restore) -> Restore:
    """The restore that enforces it, previewed."""
    otto = restoring.world.cast.otto
    params = enable_params(restored, [each.source_id for each in report_only(restored)])
    draft, run, _ = preview_follow_up(restored.tenant, params, actor=otto, trigger=Trigger.PERSON)
    assert run is not None
    assert restoring.world.finish(run).outcome == "succeeded"
    draft.refresh_from_db()
    return draft


def test_it_stays_report_only_until_the_second_step(restoring: Restoring, restored: Restore) -> None:
    assert state(restoring) == REPORT_ONLY
    assert [each.name for each in report_only(restored)] == ["Block"]
    before = len(restoring.world.simulator.writes())
    draft = enabling(restoring, restored)
    assert (draft.kind, draft.parent_id, draft.counts["writes"]) == ("enable", restored.pk, 1)
    assert state(restoring) == REPORT_ONLY

    run = restoring.execute(draft)

    assert run.outcome == "succeeded", run.failures
    assert state(restoring) == "enabled"
    assert len(restoring.world.simulator.writes()) == before + 1
    (each,) = report_only(restored)
    assert each.enabled_by == draft.pk
    (record,) = restoring.records(draft)
    assert (record.method, record.result) == ("PATCH", "applied")


def test_a_policy_that_changed_since_is_not_enforced(restoring: Restoring, restored: Restore) -> None:
    draft = enabling(restoring, restored)
    (policy,) = restoring.world.sim.objects(PATH)
    restoring.world.sim.mutate(policy["id"], lambda body: body.update(displayName="Other"), collection=PATH)

    run = restoring.execute(draft)

    assert run.outcome == "failed"
    assert state(restoring) == REPORT_ONLY


def test_a_policy_that_is_not_enforced_after_all_is_no_success(
    restoring: Restoring, restored: Restore
) -> None:
    draft = enabling(restoring, restored)
    run = restoring.start(draft)
    (policy,) = restoring.world.sim.objects(PATH)

    def undone(name: str) -> None:
        if name == "recorded":
            restoring.world.sim.mutate(
                policy["id"], lambda body: body.update(state=REPORT_ONLY), collection=PATH
            )

    install_crash_hook(undone)
    try:
        run = restoring.world.finish(run)
    finally:
        install_crash_hook(None)
    assert run.outcome != "succeeded"


def test_without_anybody_excluded_it_takes_the_name_typed(restoring: Restoring, restored: Restore) -> None:
    (policy,) = restoring.world.sim.objects(PATH)
    restoring.world.sim.mutate(
        policy["id"],
        lambda body: body["conditions"]["users"].update(excludeGroups=[]),
        collection=PATH,
    )
    draft = enabling(restoring, restored)
    assert [(risk["code"], risk["severity"]) for risk in draft.risks] == [("lock_out", "high")]


def test_only_what_came_back_report_only_is_offered(restoring: Restoring, restored: Restore) -> None:
    with pytest.raises(InputError, match="did not come back report-only"):
        enable_params(restored, ["somebody"])
    with pytest.raises(InputError, match="No policy is named"):
        enable_params(restored, [])
    made = restored.items.get().created_id
    assert enable_params(restored, [made]).policies == (stable_id("access", "Block"),)
    draft = enabling(restoring, restored)
    with pytest.raises(Conflict, match="not been executed"):
        enable_params(draft, [made])
    assert report_only(draft) == []
