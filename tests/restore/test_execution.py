"""Around the writes: stopping, waiting, holding, drafts, secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.core.ids import stable_id
from tenantatlas.restore import queries, services, stored
from tenantatlas.restore.models import Restore, RestoreStatus, WriteRecord
from tenantatlas.restore.params import ExecuteParams, PreviewParams
from tenantatlas.restore.world import Existing
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import install_crash_hook
from tenantatlas.runs.services import cancel_run
from tenantatlas.simulator.faults import LoseReply, Status, Throttle
from tests import canary
from tests.simulated import CATALOG, CONFIGURATIONS, group_target

from .conftest import Restoring
from .test_faults import CREATE, lost  # noqa: F401 - a fixture
from .test_round_trip import CATALOG_ONLY, put_group


@pytest.fixture(autouse=True)
def _unhooked():
    yield
    install_crash_hook(None)


def cancel_at(restoring: Restoring, run: OperationRun, point: str, nth: int) -> None:
    """A person asks to stop at the nth passing of the point."""
    left = [nth]

    def ask(name: str) -> None:
        left[0] -= name == point
        if left[0] == 0:
            left[0] = -1
            cancel_run(run, actor=restoring.world.cast.otto)

    install_crash_hook(ask)


@pytest.mark.parametrize(("point", "nth"), [("recorded", 2), ("assign", 2), ("verify", 1), ("intent", 1)])
def test_a_stop_says_of_each_policy_how_far_it_is(
    restoring: Restoring,
    lost: Restore,  # noqa: F811 - the fixture of that name
    point: str,
    nth: int,
) -> None:
    run = restoring.start(lost)
    cancel_at(restoring, run, point, nth)

    run = restoring.world.finish(run)

    ended = restoring.world.items(run).values()
    states = [item.state for item in ended]
    cut_short = "not_started" in states or "stopped" in {item.reason for item in ended}
    assert run.outcome == ("cancelled" if cut_short else "partially_succeeded")
    assert len(states) == 6
    assert set(states) <= {"succeeded", "failed", "not_started"}
    begun = set(WriteRecord.objects.values_list("item", flat=True))
    assert sum(state != "not_started" for state in states) == len(begun)
    again = restoring.preview(lost.backup_set)
    assert restoring.execute(again).outcome == "succeeded"
    assert restoring.names() == [f"Policy {number}" for number in range(6)]


def test_a_stop_while_an_answer_is_lost_leaves_it_unknown(
    restoring: Restoring,
    lost: Restore,  # noqa: F811 - the fixture of that name
) -> None:
    restoring.world.simulator.fault(*CREATE, LoseReply(), nth=1)
    run = restoring.start(lost)
    cancel_at(restoring, run, "recorded", 1)

    run = restoring.world.finish(run)

    assert run.outcome == "cancelled"
    assert "unknown" in {item.state for item in restoring.world.items(run).values()}


def test_a_long_throttle_puts_the_run_aside(restoring: Restoring, lost: Restore) -> None:  # noqa: F811
    restoring.world.simulator.fault(*CREATE, Throttle(retry_after="900"), nth=2)

    run = restoring.world.finish(restoring.start(lost))

    assert (run.status, run.waiting_reason) == ("queued", "throttled")
    restoring.world.clock.advance(901)
    run = restoring.world.finish(run)
    assert run.outcome == "succeeded", run.failures
    assert restoring.names() == [f"Policy {number}" for number in range(6)]


def test_an_approval_is_asked_for_and_never_a_failure(
    restoring: Restoring,
    lost: Restore,  # noqa: F811 - the fixture of that name
) -> None:
    held = Status(
        412,
        code="BadRequest",
        message="Approval Required",
        headers={"x-msft-approval-code": "0b6e6f61-0000-4000-8000-000000000001"},
    )
    restoring.world.simulator.fault(*CREATE, held, nth=2)

    run = restoring.execute(lost)

    states = {item.reason: item.state for item in restoring.world.items(run).values()}
    assert states.get("approval") == "needs_decision", states
    assert run.counts["succeeded"] == 5


def test_a_create_that_graph_never_shows_is_unknown(
    restoring: Restoring,
    lost: Restore,  # noqa: F811 - the fixture of that name
) -> None:
    restoring.world.simulator.fault(*CREATE, Status(500, applied=False), times=0)

    run = restoring.execute(lost)

    assert run.outcome == "failed"
    assert {item.reason for item in restoring.world.items(run).values()} == {"no_answer"}
    assert {record.attempt for record in WriteRecord.objects.all()} == {1, 2}
    assert restoring.names() == []


def test_held_writes_are_not_begun(restoring: Restoring, lost: Restore) -> None:  # noqa: F811
    tenant = restoring.world.tenant
    tenant.writes_held = True
    tenant.save()

    with pytest.raises(Conflict, match="until a person confirms"):
        restoring.start(lost)


def test_deletes_that_were_forbidden_since_are_refused(restoring: Restoring) -> None:
    policy = restoring.world.catalog_policy("There")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.mutate(policy, lambda body: body.update(description="x"), collection=CATALOG)
    tenant = restoring.world.tenant
    tenant.allow_deletes = True
    tenant.save()
    restore = restoring.preview(backup_set, existing="recreate")
    tenant.allow_deletes = False
    tenant.save()

    with pytest.raises(Conflict, match="does not allow deletes"):
        restoring.start(restore)


def test_a_restore_is_executed_once(restoring: Restoring, lost: Restore) -> None:  # noqa: F811
    assert restoring.execute(lost).outcome == "succeeded"

    with pytest.raises(Conflict, match="executed already"):
        restoring.start(lost)
    with pytest.raises(Conflict, match="has been executed"):
        services.save_draft(
            restoring.world.tenant,
            PreviewParams(set=lost.backup_set_id),
            actor=None,
            restore=Restore.objects.get(),
        )


def test_a_draft_is_chosen_step_by_step(restoring: Restoring) -> None:
    policy = restoring.world.catalog_policy("One")
    restoring.world.catalog_policy("Two")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    otto, tenant = restoring.world.cast.otto, restoring.world.tenant

    draft = services.save_draft(tenant, PreviewParams(set=backup_set.pk), actor=otto)
    assert draft.status == RestoreStatus.DRAFT
    chosen = PreviewParams(set=backup_set.pk, policies=(policy,), existing=Existing.SKIP)
    draft = services.save_draft(tenant, chosen, actor=otto, restore=draft)
    assert draft.status == RestoreStatus.SCOPED
    services.make_checks(draft)
    assert draft.status == RestoreStatus.CHECKED
    run, created = services.preview_draft(draft, actor=otto, trigger=Trigger.PERSON)
    restoring.world.finish(run)

    draft.refresh_from_db()
    assert created
    assert (draft.status, draft.preview_run) == (RestoreStatus.PREVIEWED, run)
    assert restoring.actions(draft) == {"One": "unchanged"}
    run, _ = services.execute_restore(
        draft, plan_sha256=draft.plan_sha256, confirm=tenant.slug, actor=otto, trigger=Trigger.PERSON
    )
    assert restoring.world.finish(run).outcome == "succeeded"
    assert [restore.pk for restore in queries.restore_list()] == [draft.pk]


def test_a_changed_draft_needs_another_preview(restoring: Restoring, lost: Restore) -> None:  # noqa: F811
    sha = lost.plan_sha256
    chosen = PreviewParams(set=lost.backup_set_id, existing=Existing.COPY)
    services.save_draft(restoring.world.tenant, chosen, actor=None, restore=lost)

    params = ExecuteParams(restore=lost.pk, plan=sha, confirm="contoso")
    with pytest.raises(Conflict, match="not been previewed"):
        services.check_executable(lost, params)


def test_a_preview_that_is_stopped_leaves_the_choice(restoring: Restoring) -> None:
    restoring.world.catalog_policy("One")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    run = restoring.world.start("restore.preview", set=backup_set.pk)
    cancel_at(restoring, run, "items_taken", 1)

    run = restoring.world.finish(run)

    assert run.outcome == "cancelled"
    restore = Restore.objects.get()
    assert (restore.status, restore.plan_sha256) == (RestoreStatus.CHECKED, "")


def test_what_is_chosen_must_be_there(restoring: Restoring) -> None:
    restoring.world.catalog_policy("One")
    backup_set = restoring.capture(types=CATALOG_ONLY)

    with pytest.raises(InputError, match="no policy with the id"):
        restoring.preview(backup_set, policies=["nobody"])
    with pytest.raises(InputError, match="policy type"):
        PreviewParams(set=backup_set.pk, types=("nothing",))
    with pytest.raises(InputError, match="mapping"):
        PreviewParams(set=backup_set.pk, mapping={"version": 3})
    with pytest.raises(InputError, match="no version"):
        restoring.preview(backup_set, version=999999)
    backup_set.status = "capturing"
    backup_set.save()
    with pytest.raises(InputError, match="still being captured"):
        restoring.preview(backup_set)


def test_one_version_is_restored_alone(restoring: Restoring) -> None:
    policy = restoring.world.catalog_policy("One")
    restoring.world.catalog_policy("Two")
    first = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.mutate(policy, lambda body: body.update(description="Later"), collection=CATALOG)
    second = restoring.capture(types=CATALOG_ONLY)
    version = first.entries.get(version__name="One").version

    restore = restoring.preview(second, version=version.pk)

    assert restoring.actions(restore) == {"One": "update"}
    assert restoring.execute(restore).outcome == "succeeded"
    assert restoring.world.sim.get(CATALOG, policy)["description"] == "About One"


def test_secrets_are_written_and_never_shown(restoring: Restoring) -> None:
    secret = canary.secret("value of a custom setting")
    body: dict[str, Any] = {
        "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
        "id": stable_id("oma"),
        "displayName": "Custom",
        "description": "",
        "roleScopeTagIds": ["0"],
        "omaSettings": [
            {
                "@odata.type": "#microsoft.graph.omaSettingString",
                "displayName": "Key",
                "description": "",
                "omaUri": "./Vendor/MSFT/Key",
                "value": secret,
                "isEncrypted": True,
            }
        ],
    }
    policy = restoring.world.sim.put(CONFIGURATIONS, body)
    types = ["deviceConfigurations.customOma"]
    backup_set = restoring.capture(types=types)
    restoring.world.sim.remove(CONFIGURATIONS, policy)

    restore = restoring.preview(backup_set)
    shown = queries.shown_writes(restore)
    run = restoring.execute(restore)

    assert run.outcome == "succeeded", run.failures
    assert secret not in str(shown)
    assert "•••" in str(shown[0].body)
    assert restoring.digests(restoring.capture(types=types)) == restoring.digests(backup_set)
    for row in restore.items.all():
        assert secret.encode() not in bytes(row.sealed)


def test_differences_are_shown_before_the_click(restoring: Restoring) -> None:
    policy = restoring.world.catalog_policy("Changed")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.mutate(policy, lambda body: body.update(description="Accident"), collection=CATALOG)

    restore = restoring.preview(backup_set)

    (difference,) = queries.item_differences(restore.items.select_related("restore__tenant").get())
    assert (difference["path"], difference["before"], difference["after"]) == (
        "description",
        "Accident",
        "About Changed",
    )
    (item,) = queries.shown_items(restore)
    assert (item.action, item.state, item.writes) == ("update", "", 1)


def test_a_preview_lasts_half_an_hour(restoring: Restoring, lost: Restore) -> None:  # noqa: F811
    assert lost.expires_at is not None
    assert lost.expires_at - clock.now() <= timedelta(minutes=30)
    # Six creates and six assignments at half of Graph's five writes a second.
    assert lost.bound_seconds == pytest.approx(12 / 2.5)
    assert lost.counts["reads"] > 0
    restoring.world.clock.advance(29 * 60)
    assert restoring.execute(lost).outcome == "succeeded"


def test_a_decision_about_what_nothing_names_does_not_look_applied(
    restoring: Restoring,
    lost: Restore,  # noqa: F811
) -> None:
    mapping = {"version": 1, "groups": {"mistyped": {"name": "", "action": "drop", "target": None}}}
    restore = restoring.preview(lost.backup_set, mapping=mapping)
    (warning,) = restore.warnings
    assert "what nothing names" in warning
    assert "mistyped" in warning


def test_a_directory_that_was_never_synchronised_is_pointed_out(restoring: Restoring) -> None:
    pilot = put_group(restoring, "Pilot")
    restoring.world.catalog_policy("One", assignments=[group_target(pilot)])
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.clear(CATALOG)
    restoring.world.sim.remove("/v1.0/groups", pilot)

    restore = restoring.preview(backup_set)

    assert restore.counts["undecided"] == 1
    assert any("synchronise the directory" in warning for warning in restore.warnings)
    assert stored.mapping_of(restore)["groups"][pilot]["action"] is None


def test_starting_twice_is_one_run(restoring: Restoring, lost: Restore) -> None:  # noqa: F811
    first = restoring.start(lost)

    assert restoring.start(lost).pk == first.pk
    assert restoring.world.finish(first).outcome == "succeeded"
