"""The key that opens what is stored is missing, or another one lies there: nobody is told of damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantatlas.backups import payloads
from tenantatlas.backups.models import BackupSet
from tenantatlas.core.errors import KeyMissing
from tenantatlas.restore import services
from tenantatlas.restore.models import Restore
from tenantatlas.restore.params import PreviewParams
from tenantatlas.runs.models import OperationRun
from tenantatlas.tenants.connections import forget_clients
from tenantatlas.tenants.vault import load_key, make_key_file
from tests.simulated import World

TYPES = ["configurationPolicies"]
OPERATIONS = [
    "backup_set.verify",
    "backup_set.export",
    "backup_set.capture",
    "drift.generate",
    "restore.preview",
]


@pytest.fixture
def backup_set(world: World) -> BackupSet:
    for name in ("Alpha", "Beta"):
        world.catalog_policy(name)
    return BackupSet.objects.get(run=world.work("backup_set.capture", types=TYPES))


@pytest.fixture(params=["missing", "another", "none"])
def no_key(request: pytest.FixtureRequest, settings, tmp_path: Path):
    """From the call on the install's key cannot be had; what the admin must be told of."""

    def take() -> str:
        wanted = load_key().id
        forget_clients()
        settings.ATLAS_KEY_FILE = tmp_path / "key"
        if request.param == "another":
            make_key_file()
        elif request.param == "none":
            settings.ATLAS_KEY_FILE.write_text("no key\n")
            return "does not hold a key"
        return wanted

    return take


def assert_blocked(run: OperationRun, told: str) -> None:
    assert run.outcome == "blocked", run.failures
    assert [failure["code"] for failure in run.failures][:1] == ["key_missing"]
    assert told in run.failures[0]["message"]
    assert "ATLAS_KEY_FILE" in run.failures[0]["hint"]
    said = " ".join(
        [*(each["message"] for each in run.failures), *(item.message for item in run.items.all())]
    )
    assert "damaged" not in said


@pytest.mark.parametrize("key", OPERATIONS)
def test_the_run_is_blocked_and_says_which_key(world: World, backup_set: BackupSet, no_key, key: str) -> None:
    params = {"types": TYPES} if key == "backup_set.capture" else {"set": backup_set.pk}
    world.sim.mutate(world.sim.objects("/beta/deviceManagement/configurationPolicies")[0]["id"], _change)
    told = no_key()

    assert_blocked(world.work(key, **params), told)


def _change(body: dict) -> None:
    body["description"] = "Changed"


def test_with_the_key_back_everything_is_whole(world: World, backup_set: BackupSet, no_key, settings) -> None:
    home = settings.ATLAS_KEY_FILE
    no_key()
    assert world.work("backup_set.verify", set=backup_set.pk).outcome == "blocked"
    settings.ATLAS_KEY_FILE = home

    assert world.work("backup_set.verify", set=backup_set.pk).outcome == "succeeded"


def test_the_checks_of_a_restore_say_it_and_call_nothing_damaged(
    world: World, backup_set: BackupSet, no_key
) -> None:
    draft = services.save_draft(world.tenant, PreviewParams(set=backup_set.pk), actor=world.cast.ana)
    told = no_key()

    services.make_checks(draft)

    checks = {check["code"]: check for check in draft.checks}
    assert checks["key_missing"]["level"] == "blocking"
    assert told in checks["key_missing"]["message"]
    assert "damaged" not in checks


def test_an_execution_is_blocked_before_anything_is_written(
    world: World, backup_set: BackupSet, no_key
) -> None:
    world.sim.mutate(world.sim.objects("/beta/deviceManagement/configurationPolicies")[0]["id"], _change)
    preview = world.work("restore.preview", set=backup_set.pk)
    restore = Restore.objects.get(preview_run=preview)
    run = world.start("restore.execute", restore=restore.pk, plan=restore.plan_sha256, confirm="contoso")
    told = no_key()

    assert_blocked(world.finish(run), told)
    assert world.simulator.writes() == []
    restore.refresh_from_db()
    assert restore.status == "previewed"


@pytest.mark.usefixtures("backup_set")
def test_a_key_that_goes_while_policies_are_read_blocks_the_capture(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.catalog_policy("Gamma")

    def gone(*_args, **_options):
        raise KeyMissing(hint="Put it back, or set ATLAS_KEY_FILE.")

    monkeypatch.setattr(payloads, "seal", gone)
    assert_blocked(world.work("backup_set.capture", types=TYPES), "The key that opens")
