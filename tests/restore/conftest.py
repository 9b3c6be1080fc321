"""Restoring into the simulated Contoso."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tenantatlas.backups.models import BackupSet
from tenantatlas.restore.models import Restore, WriteRecord
from tenantatlas.runs.models import OperationRun
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
            "restore.execute",
            restore=restore.pk,
            plan=restore.plan_sha256,
            confirm=self.world.tenant.slug,
        )

    def execute(self, restore: Restore) -> OperationRun:
        """A previewed restore, executed to its end."""
        return self.world.finish(self.start(restore))

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
