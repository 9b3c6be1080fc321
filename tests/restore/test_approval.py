"""A second person's approval, bound to the plan."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from tenantatlas.accounts.capabilities import Role
from tenantatlas.accounts.models import User
from tenantatlas.audit.models import AuditEntry
from tenantatlas.core import clock
from tenantatlas.core.errors import ApprovalMissing, Conflict, InputError, NotAllowed
from tenantatlas.notifications.models import Notification
from tenantatlas.restore.approval import ask_approval, decide
from tenantatlas.restore.models import Restore, RestoreApproval
from tenantatlas.runs.lifecycle import Outcome
from tenantatlas.tenants import services
from tests.simulated import CATALOG

from .conftest import Restoring

BAD = ("other plan", "too old", "declined", "not entitled", "own")


@pytest.fixture
def waiting(restoring: Restoring) -> Restore:
    """A previewed restore of Otto's, in a tenant that asks for a second person."""
    world = restoring.world
    services.set_require_approval(world.tenant, actor=world.cast.otto, required=True)
    lost = world.catalog_policy("Lost")
    backup_set = restoring.capture(types=["configurationPolicies"])
    world.sim.remove(CATALOG, lost)
    return restoring.preview(backup_set)


def approve(restoring: Restoring, restore: Restore, actor: User | None = None) -> None:
    """Ana (or somebody else) approves what Otto asked for."""
    cast = restoring.world.cast
    ask_approval(restore, actor=cast.otto)
    decide(restore, plan=restore.plan_sha256, approve=True, actor=actor or cast.ana)


def test_nothing_is_executed_without_a_second_person(restoring: Restoring, waiting: Restore) -> None:
    with pytest.raises(ApprovalMissing, match="nobody has approved this plan"):
        restoring.start(waiting)
    approve(restoring, waiting)
    assert restoring.execute(waiting).outcome == Outcome.SUCCEEDED


@pytest.mark.parametrize("bad", [set(each) for n in range(1, 6) for each in itertools.combinations(BAD, n)])
def test_no_combination_of_bad_approvals_executes_anything(
    restoring: Restoring, waiting: Restore, bad: set[str]
) -> None:
    cast = restoring.world.cast
    approve(restoring, waiting)
    row = RestoreApproval.objects.get()
    if "other plan" in bad:
        row.plan_sha256 = "0" * 64
    if "too old" in bad:
        row.decided_at = clock.now() - timedelta(hours=24, seconds=1)
    if "declined" in bad:
        row.approved = False
    if "own" in bad:
        row.asked_by = row.decided_by
    row.save()
    if "not entitled" in bad:
        services.grant_membership(restoring.world.tenant, actor=cast.otto, user=cast.ana, role=Role.OPERATOR)
    before = len(restoring.world.simulator.writes())

    with pytest.raises(ApprovalMissing):
        restoring.start(waiting)

    assert len(restoring.world.simulator.writes()) == before


def test_who_approved_does_not_execute(restoring: Restoring, waiting: Restore) -> None:
    cast = restoring.world.cast
    ask_approval(waiting, actor=cast.ana)
    decide(waiting, plan=waiting.plan_sha256, approve=True, actor=cast.otto)
    before = len(restoring.world.simulator.writes())

    run = restoring.execute(waiting)  # as Otto

    assert (run.outcome, run.failures[0]["code"]) == (Outcome.BLOCKED, "approval_missing")
    assert len(restoring.world.simulator.writes()) == before


def test_an_approval_that_is_lost_while_the_run_waits_blocks_it(
    restoring: Restoring, waiting: Restore
) -> None:
    cast = restoring.world.cast
    approve(restoring, waiting)
    run = restoring.start(waiting)
    services.revoke_membership(restoring.world.tenant, actor=cast.otto, user=cast.ana)

    run = restoring.world.finish(run)

    assert (run.outcome, run.failures[0]["code"]) == (Outcome.BLOCKED, "approval_missing")
    assert restoring.names() == []


def test_nobody_approves_what_they_asked_for_or_another_plan(restoring: Restoring, waiting: Restore) -> None:
    cast = restoring.world.cast
    ask_approval(waiting, actor=cast.otto)
    with pytest.raises(Conflict, match="yourself"):
        decide(waiting, plan=waiting.plan_sha256, approve=True, actor=cast.otto)
    with pytest.raises(Conflict, match="not the plan"):
        decide(waiting, plan="0" * 64, approve=True, actor=cast.ana)
    with pytest.raises(NotAllowed):
        decide(waiting, plan=waiting.plan_sha256, approve=True, actor=cast.olu)
    with pytest.raises(InputError, match="Say why"):
        decide(waiting, plan=waiting.plan_sha256, approve=False, actor=cast.ana)


def test_everybody_concerned_is_told_and_it_is_audited(restoring: Restoring, waiting: Restore) -> None:
    cast = restoring.world.cast
    ask_approval(waiting, actor=cast.otto)
    told = Notification.objects.filter(subject=f"approval/{waiting.pk}")
    assert [each.user for each in told] == [cast.ana]
    decide(waiting, plan=waiting.plan_sha256, approve=False, actor=cast.ana, reason="Not on a Friday.")

    answer = Notification.objects.get(user=cast.otto, subject=f"approval/{waiting.pk}")
    assert (answer.title, answer.body) == (f"Ana declined restore {waiting.pk}", "Not on a Friday.")
    with pytest.raises(ApprovalMissing, match="declined"):
        restoring.start(waiting)
    services.set_require_approval(restoring.world.tenant, actor=cast.otto, required=False)
    actions = AuditEntry.objects.filter(tenant_id=restoring.world.tenant.pk).values_list("action", flat=True)
    assert {"restore.approval_asked", "restore.declined"} <= set(actions)
    assert list(actions).count("tenant.require_approval") == 2
