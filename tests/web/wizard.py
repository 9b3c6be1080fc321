"""Taking the steps of the restore wizard as a person does."""

from __future__ import annotations

from typing import Any

from tenantatlas.backups.models import BackupSet
from tenantatlas.restore.models import Restore
from tenantatlas.runs.models import OperationRun
from tests.simulated import CATALOG, World, group_target

from .reading import element, text

TYPES = ["configurationPolicies"]
RESTORE = "/t/contoso/restore/"
COLLECTION = CATALOG.removeprefix("/beta")


def lose_some(world: World) -> BackupSet:
    """A set of three policies; since then one was deleted and one changed."""
    group = world.sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})
    gone = world.catalog_policy("Gone", assignments=[group_target(group)])
    changed = world.catalog_policy("Changed")
    world.catalog_policy("Same")
    world.work("directory_groups.sync")
    run = world.work("backup_set.capture", types=TYPES, name="Nightly")
    world.sim.remove(COLLECTION, gone)
    world.sim.mutate(changed, lambda body: body.update(description="By somebody"))
    return BackupSet.objects.get(pk=run.context["set"])


def finish_newest(world: World) -> OperationRun:
    return world.finish(OperationRun.objects.latest("pk"))


def draft_of(ana: Any, backup_set: BackupSet) -> str:
    """Begin in the wizard; the address of the policies step."""
    answer = ana.post(f"{RESTORE}new/", {"set": backup_set.pk})
    return str(answer.headers["Location"])


def to_mapping(ana: Any, backup_set: BackupSet, **options: str) -> str:
    """Through the wizard to the mapping; its address. The checks are made."""
    options_step = ana.post(draft_of(ana, backup_set), {"scope": "all"}).headers["Location"]
    return str(ana.post(options_step, {"existing": "update", **options}).headers["Location"])


def previewed(ana: Any, world: World, backup_set: BackupSet, **options: str) -> Restore:
    """Through the wizard to the end of the preview, leaving out what is open."""
    mapping = to_mapping(ana, backup_set, **options)
    preview = ana.post(mapping, {"leave_out": "1"}).headers["Location"]
    return preview_at(ana, world, preview)


def preview_at(ana: Any, world: World, preview: str) -> Restore:
    """Start the preview on its step and work it to its end."""
    assert ana.post(preview).headers["Location"] == preview
    run = finish_newest(world)
    assert run.outcome == "succeeded", run.failures
    return Restore.objects.get(pk=run.context["restore"])


def review(restore: Restore) -> str:
    return f"{RESTORE}{restore.pk}/review/"


def execute(ana: Any, restore: Restore, **given: str) -> Any:
    values = {"plan": restore.plan_sha256, "confirm": "contoso", "acknowledged": "1", **given}
    return ana.post(f"{RESTORE}{restore.pk}/execute/", values)


def leads_to(source: str, field: str, sentence: str) -> None:
    """The summary of problems says this, and leads to the field."""
    summary = source.partition('id="error-summary"')[2].partition("</div>")[0]
    assert f'href="#{field}"' in summary
    assert sentence in text(summary)
    element(source, field)
