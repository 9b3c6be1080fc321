"""The checks of a choice: made from the database only, stored with what they are good for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tenantatlas.backups.models import BackupSet, Blob, PolicyVersion, SetStatus, SetType
from tenantatlas.core.errors import Conflict
from tenantatlas.restore import services
from tenantatlas.restore.models import Restore, RestoreStatus
from tenantatlas.restore.params import PreviewParams
from tenantatlas.restore.world import Assignments, Existing
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.tenants.models import Connection
from tests.simulated import group_target

from .conftest import Restoring

TYPES = ["configurationPolicies"]
WRITE = "DeviceManagementConfiguration.ReadWrite.All"


@pytest.fixture
def backup_set(restoring: Restoring) -> BackupSet:
    """Two policies of one type, one of them assigned to a group that is known."""
    world = restoring.world
    pilot = world.sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})
    world.catalog_policy("Assigned", assignments=[group_target(pilot)])
    world.catalog_policy("Plain")
    world.work("directory_groups.sync")
    world.work("inventory.sync", types=TYPES)
    return restoring.capture(types=TYPES)


@pytest.fixture
def draft(restoring: Restoring, backup_set: BackupSet) -> Restore:
    chosen = PreviewParams(set=backup_set.pk)
    return services.save_draft(restoring.world.tenant, chosen, actor=restoring.world.cast.otto)


def checked(draft: Restore) -> dict[str, tuple[str, str]]:
    """Code → (level, message), made now."""
    services.make_checks(draft)
    draft.refresh_from_db()
    return {check["code"]: (check["level"], check["message"]) for check in draft.checks}


def test_all_is_well_but_for_what_nobody_did_yet(draft: Restore, restoring: Restoring) -> None:
    restoring.world.work("connection.check")
    found = checked(draft)
    assert {code for code, (level, _) in found.items() if level != "safe"} == {"no_worker"}
    assert found["damaged"][1] == "What is stored of 2 policies was opened and is whole."
    assert draft.status == RestoreStatus.CHECKED


def test_each_says_what_to_do_unless_it_is_safe(draft: Restore) -> None:
    checked(draft)
    for check in draft.checks:
        assert check["message"].endswith(".")
        assert bool(check["hint"]) is (check["level"] != "safe")
    levels = [check["level"] for check in draft.checks]
    assert levels == sorted(levels, key=("blocking", "warning", "safe").index)


def test_nothing_is_asked_of_graph(draft: Restore, restoring: Restoring) -> None:
    before = len(restoring.world.simulator.journal)
    checked(draft)
    assert len(restoring.world.simulator.journal) == before


class TestBlocking:
    def blocked(self, draft: Restore, code: str) -> str:
        level, message = checked(draft)[code]
        assert level == "blocking"
        with pytest.raises(Conflict, match=message[:30].replace("(", r"\(")):
            services.preview_draft(draft, actor=draft.created_by, trigger=Trigger.PERSON)
        return message

    def test_held_writes(self, draft: Restore) -> None:
        draft.tenant.writes_held = True
        draft.tenant.save()
        assert "Nothing is written to contoso" in self.blocked(draft, "writes_held")

    def test_no_app(self, draft: Restore) -> None:
        Connection.objects.all().delete()
        self.blocked(draft, "not_connected")

    def test_damaged_payloads(self, draft: Restore) -> None:
        Blob.objects.filter(versions__name="Plain").update(sealed=b"nothing")
        assert "“Plain”" in self.blocked(draft, "damaged")

    def test_recreating_without_deletes(self, draft: Restore) -> None:
        chosen = PreviewParams(set=draft.backup_set_id, existing=Existing.RECREATE)
        self.blocked(services.save_draft(draft.tenant, chosen, actor=None, restore=draft), "deletes_off")

    def test_recreating_one_type_without_deletes(self, draft: Restore) -> None:
        chosen = PreviewParams(set=draft.backup_set_id, existing_by_type={TYPES[0]: Existing.RECREATE})
        self.blocked(services.save_draft(draft.tenant, chosen, actor=None, restore=draft), "deletes_off")

    def test_a_set_that_is_being_captured(self, draft: Restore) -> None:
        BackupSet.objects.update(status=SetStatus.CAPTURING)
        self.blocked(draft, "capturing")

    def test_nothing_chosen(self, draft: Restore) -> None:
        draft.backup_set.entries.all().delete()
        self.blocked(draft, "nothing_chosen")

    def test_nothing_may_be_written(self, draft: Restore, restoring: Restoring) -> None:
        restoring.world.sim.revoke([WRITE])
        restoring.world.work("connection.check")
        assert f"{WRITE} is missing" in self.blocked(draft, "permission_missing")
        assert "writer's app" in next(
            check["hint"] for check in draft.checks if check["code"] == "permission_missing"
        )
        restoring.world.sim.grant([WRITE])
        restoring.world.work("connection.check")
        assert checked(draft)["permission_missing"][0] == "safe"


class TestWarnings:
    def warned(self, draft: Restore, code: str) -> str:
        level, message = checked(draft)[code]
        assert level == "warning"
        run, _ = services.preview_draft(draft, actor=draft.created_by, trigger=Trigger.PERSON)
        assert run.is_open
        return message

    def test_a_permission_that_was_missing_long_ago_does_not_block(
        self, draft: Restore, restoring: Restoring
    ) -> None:
        restoring.world.sim.revoke([WRITE])
        restoring.world.work("connection.check")
        restoring.world.clock.advance(2 * 24 * 3600)
        assert "check the connection again" in self.warned(draft, "permission_missing")

    def test_a_permission_that_some_of_the_choice_lacks(self, draft: Restore, restoring: Restoring) -> None:
        restoring.world.sim.revoke(["DeviceManagementScripts.ReadWrite.All"])
        restoring.world.work("connection.check")
        PolicyVersion.objects.filter(name="Plain").update(type_key="deviceShellScripts")
        assert "cannot be written" in self.warned(draft, "permission_missing")

    def test_never_checked(self, draft: Restore) -> None:
        self.warned(draft, "never_checked")

    def test_an_incomplete_set(self, draft: Restore) -> None:
        SetType.objects.update(status="partial")
        assert "Settings catalog" in self.warned(draft, "incomplete")

    def test_an_old_inventory_and_directory(self, draft: Restore, restoring: Restoring) -> None:
        restoring.world.clock.advance(timedelta(days=1, seconds=1).total_seconds())
        found = checked(draft)
        assert found["old_inventory"][0] == "warning"
        assert "not been synchronised for a day" in found["old_directory"][1]

    def test_another_run_that_writes(self, draft: Restore) -> None:
        draft.tenant.writer_run = 7
        draft.tenant.save()
        assert "Run #7 is writing" in self.warned(draft, "other_writer")

    def test_secrets_that_nobody_has(self, draft: Restore) -> None:
        version = draft.backup_set.entries.get(version__name="Plain").version
        secrets = [{"path": "a", "kind": "needs input at restore", "captured": False, "reason": ""}]
        type(version).objects.filter(pk=version.pk).update(secrets=secrets)
        assert "“Plain”" in self.warned(draft, "secrets")

    def test_what_we_do_not_know_how_to_write(self, draft: Restore) -> None:
        version = draft.backup_set.entries.get(version__name="Plain").version
        type(version).objects.filter(pk=version.pk).update(backup_only=["It has an unknown property."])
        assert "“Plain”" in self.warned(draft, "backup_only")


class TestStaleness:
    @pytest.mark.parametrize(
        "other",
        [
            {"policies": ("x",)},
            {"types": tuple(TYPES)},
            {"existing": Existing.SKIP},
            {"existing_by_type": {TYPES[0]: Existing.COPY}},
            {"assignments": Assignments.KEEP},
            {"copy_suffix": " again"},
        ],
    )
    def test_another_choice_makes_them_stale(self, draft: Restore, other: dict[str, object]) -> None:
        services.make_checks(draft)
        assert not services.checks_are_stale(draft)
        chosen = PreviewParams(set=draft.backup_set_id, **other)  # type: ignore[arg-type]  # by name
        draft = services.save_draft(draft.tenant, chosen, actor=None, restore=draft)
        assert services.checks_are_stale(draft)
        assert draft.checks
        with pytest.raises(Conflict, match="changed since it was checked"):
            services.preview_draft(draft, actor=draft.created_by, trigger=Trigger.PERSON)

    def test_the_same_choice_keeps_them(self, draft: Restore) -> None:
        services.make_checks(draft)
        draft = services.save_draft(
            draft.tenant, services.choice_of(draft), actor=draft.created_by, restore=draft
        )
        assert draft.status == RestoreStatus.CHECKED

    def test_the_mapping_is_no_part_of_it(self, draft: Restore) -> None:
        services.make_checks(draft)
        chosen = PreviewParams(set=draft.backup_set_id, mapping={"version": 1, "groups": {}})
        draft = services.save_draft(draft.tenant, chosen, actor=None, restore=draft)
        assert not services.checks_are_stale(draft)

    def test_unchecked_drafts_are_not_previewed(self, draft: Restore) -> None:
        with pytest.raises(Conflict):
            services.preview_draft(draft, actor=draft.created_by, trigger=Trigger.PERSON)


def test_a_preview_without_a_draft_makes_them(restoring: Restoring, backup_set: BackupSet) -> None:
    restore = restoring.preview(backup_set)
    assert restore.checks
    assert not services.checks_are_stale(restore)


def test_the_tenant_is_named_as_it_was(restoring: Restoring, backup_set: BackupSet) -> None:
    restore = restoring.preview(backup_set)
    tenant = restoring.world.tenant
    tenant.name, tenant.environment = "Renamed", "production"
    tenant.save()
    restoring.execute(restore)
    restore.refresh_from_db()
    assert (restore.tenant_name, restore.environment) == ("Contoso", "test")


def test_another_choice_while_it_is_previewed_is_not_overwritten(
    draft: Restore, restoring: Restoring
) -> None:
    services.make_checks(draft)
    run, _ = services.preview_draft(draft, actor=restoring.world.cast.otto, trigger=Trigger.PERSON)
    services.note_preview(draft, run)
    draft.refresh_from_db()
    chosen = PreviewParams(set=draft.backup_set_id, existing=Existing.SKIP)
    services.save_draft(draft.tenant, chosen, actor=None, restore=draft)

    run = restoring.world.finish(run)

    assert run.outcome == "failed"
    assert "Something else was chosen" in run.failures[0]["message"]
    draft.refresh_from_db()
    assert (draft.existing, draft.plan_sha256) == ("skip", "")
