"""The steps of a restore, in the order in which a person takes them."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from tenantatlas.restore.models import OPEN_STATUSES, Restore, RestoreStatus
from tenantatlas.restore.planned import Action
from tenantatlas.restore.services import blocking_checks, checks_are_stale
from tenantatlas.restore.world import RestoreKind

STEPS = ("Source", "Policies", "Options", "Mapping", "Preview", "Review")
#: What enforces or takes back has nothing to choose.
SHORT = ("Preview", "Review")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: its words, where it is if one can go there now, and its state."""

    name: str
    url: str
    #: done, current, to come, or needs a look
    state: str


def steps(slug: str, restore: Restore | None, current: str) -> tuple[Step, ...]:
    """The steps as the person stands at `current`."""
    names = STEPS if restore is None or restore.kind == RestoreKind.RESTORE else SHORT
    places = _places(slug, restore) if restore is not None else {}
    wrong = _wrong(restore) if restore is not None else frozenset()
    here = names.index(current)
    states = {-1: "done", 0: "current", 1: "to come"}
    return tuple(
        Step(
            name=name,
            url=places.get(name, ""),
            state="needs a look"
            if name in wrong and name != current
            else states[(index > here) - (index < here)],
        )
        for index, name in enumerate(names)
    )


def _wrong(restore: Restore) -> frozenset[str]:
    """The steps behind which something keeps the restore from going on as chosen."""
    found = set()
    if restore.checks and (blocking_checks(restore) or checks_are_stale(restore)):
        found.add("Preview")
    if restore.plan_sha256 and restore.counts.get(Action.UNDECIDED.value):
        found.add("Mapping")
    return frozenset(found)


def _places(slug: str, restore: Restore) -> dict[str, str]:
    if restore.status not in OPEN_STATUSES:
        return {}
    here = {"slug": slug, "restore_id": restore.pk}
    places = {
        "Source": f"{reverse('restore_source', kwargs={'slug': slug})}?restore={restore.pk}",
        "Policies": reverse("restore_policies", kwargs=here),
    }
    if restore.version_id is not None:
        del places["Policies"]
    if restore.status != RestoreStatus.DRAFT:
        places["Options"] = reverse("restore_options", kwargs=here)
    if restore.checked_at is not None:
        places["Mapping"] = reverse("restore_mapping", kwargs=here)
        places["Preview"] = reverse("restore_preview", kwargs=here)
    if restore.status == RestoreStatus.PREVIEWED:
        places["Review"] = reverse("restore_review", kwargs=here)
    return places
