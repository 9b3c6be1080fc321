"""Restoring into the simulated Contoso."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tenantatlas.backups.models import BackupSet
from tenantatlas.restore.models import Restore, WriteRecord
from tenantatlas.restore.params import PreviewParams
from tenantatlas.restore.services import operation_of
from tenantatlas.restore.undo import undo_params
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import params_to_json
from tenantatlas.tenants import services
from tests.simulated import CATALOG, World, world  # noqa: F401 - a fixture


@dataclass(frozen=True)
class Restoring:
    """Short words for what these tests do over and over."""

    world: World

    def capture(self, **params: Any) -> BackupSet:
        """A backup set of the tenant as it is."""
        run = self.world.work("backup_set.capture", **params)
        assert run.outcome == "succeeded", run.failures
        return BackupSet.objects.get(run=run)

    def preview(self, backup_set: BackupSet, **params: Any) -> Restore:
        """The restore of a set, previewed; nothing was written for it."""
        before = len(self.world.simulator.writes())
        run = self.world.work("restore.preview", set=backup_set.pk, **params)
        assert run.outcome == "succeeded", run.failures
        assert len(self.world.simulator.writes()) == before
        return Restore.objects.get(preview_run=run)

    def start(self, restore: Restore) -> OperationRun:
        """The execution of a previewed restore; nobody works it."""
        return self.world.start(
            operation_of(restore),
            restore=restore.pk,
            plan=restore.plan_sha256,
            confirm=self.world.tenant.slug,
        )

    def execute(self, restore: Restore) -> OperationRun:
        """A previewed restore, executed to its end."""
        return self.world.finish(self.start(restore))

    def undo(self, restore: Restore) -> Restore:
        """The undo of an ended restore, previewed; nothing was written for it."""
        restore.refresh_from_db()
        return self.preview_as(undo_params(restore))

    def preview_as(self, params: PreviewParams) -> Restore:
        """A restore with these params, previewed; nothing was written for it."""
        before = len(self.world.simulator.writes())
        run = self.world.work("restore.preview", **params_to_json(params))
        assert run.outcome == "succeeded", run.failures
        assert len(self.world.simulator.writes()) == before
        return Restore.objects.get(preview_run=run)

    def allow_deletes(self) -> None:
        """From now on the tenant lets restores delete."""
        services.set_allow_deletes(self.world.tenant, actor=self.world.cast.otto, allowed=True)

    def actions(self, restore: Restore) -> dict[str, str]:
        """Name → action of every policy of the plan."""
        return dict(restore.items.values_list("name", "action"))

    def digests(self, backup_set: BackupSet) -> dict[str, str]:
        """Name → digest of every policy of a set."""
        return dict(backup_set.entries.values_list("version__name", "version__digest"))

    def records(self, restore: Restore) -> list[WriteRecord]:
        """The write journal, in the order of the plan."""
        return list(WriteRecord.objects.filter(restore=restore).order_by("n", "attempt"))

    def names(self, collection: str = CATALOG) -> list[str]:
        """The names of what the simulated tenant has, duplicates too."""
        found = self.world.sim.objects(collection)
        return sorted(str(body.get("name") or body.get("displayName")) for body in found)


@pytest.fixture
def restoring(world: World) -> Restoring:  # noqa: F811 - the fixture of that name
    """Contoso, with short words."""
    return Restoring(world)
