"""Secrets in captured policies: kept sealed where Graph gives them, said plainly where it does not."""

from __future__ import annotations

import io
import zipfile

import pytest

from tenantatlas.backups import queries
from tenantatlas.backups.archive import read_archive
from tenantatlas.backups.models import BackupSet, Blob, Export, PolicyVersion, SetStatus, SetType
from tenantatlas.backups.services import load_document
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.policies.canonical import compose
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.models import OperationRun
from tenantatlas.simulator.faults import Status
from tests.canary import secret
from tests.simulated import CONFIGURATIONS, World

CANARY = secret("value of a custom setting")


@pytest.fixture
def secretive(world: World) -> World:
    world.sim.put(
        CONFIGURATIONS,
        {
            "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
            "displayName": "Wi-Fi key",
            "omaSettings": [
                {
                    "@odata.type": "#microsoft.graph.omaSettingString",
                    "displayName": "Key",
                    "omaUri": "./Vendor/MSFT/WiFi/Key",
                    "value": CANARY,
                    "isEncrypted": True,
                }
            ],
        },
    )
    return world


def capture(world: World) -> tuple[OperationRun, BackupSet]:
    run = world.work("backup_set.capture", types=["deviceConfigurations.customOma"])
    return run, BackupSet.objects.get(run=run)


def test_a_recoverable_secret_is_kept_and_never_shown(secretive: World) -> None:
    run, backup_set = capture(secretive)

    assert run.outcome == "succeeded", run.failures
    assert backup_set.status == SetStatus.COMPLETE
    version = queries.find_version(PolicyVersion.objects.get().pk)
    policy_type = get_type(version.type_key)
    assert compose(policy_type, load_document(version))["omaSettings"][0]["value"] == CANARY
    assert CANARY not in str(queries.shown_body(version))
    assert [secret["captured"] for secret in version.secrets] == [True]
    assert all(CANARY.encode() not in bytes(blob.sealed) for blob in Blob.objects.all())
    export = Export.objects.get(run_id=secretive.work("backup_set.export", set=backup_set.pk).pk)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(read_archive(export))))
    assert all(CANARY.encode() not in archive.read(name) for name in archive.namelist())


def test_a_secret_that_cannot_be_read_is_said_by_name(secretive: World) -> None:
    secretive.simulator.fault("GET", "getOmaSettingPlainTextValue", Status(403, code="Forbidden"), times=0)

    run, backup_set = capture(secretive)

    assert run.outcome == "partially_succeeded"
    assert backup_set.status == SetStatus.INCOMPLETE
    row = SetType.objects.get(captured=1)
    assert row.status == ReadStatus.PARTIAL
    assert "captured without a secret value that could not be read: Wi-Fi key" in row.detail
    version = PolicyVersion.objects.get()
    assert [secret["captured"] for secret in version.secrets] == [False]
    assert version.backup_only
