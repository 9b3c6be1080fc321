"""The steps of a restore, in the order in which a person takes them."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from tenantatlas.restore.models import OPEN_STATUSES, Restore, RestoreStatus

STEPS = ("Source", "Policies", "Options", "Preview", "Mapping", "Review")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: its words, where it is if one can go there now; it is done, current or to come."""

    name: str
    url: str
    state: str


def steps(slug: str, restore: Restore | None, current: str) -> tuple[Step, ...]:
    """The steps as the person stands at `current`."""
    places = _places(slug, restore) if restore is not None else {}
    here = STEPS.index(current)
    states = {-1: "done", 0: "current", 1: "to come"}
    return tuple(
        Step(name=name, url=places.get(name, ""), state=states[(index > here) - (index < here)])
        for index, name in enumerate(STEPS)
    )


def _places(slug: str, restore: Restore) -> dict[str, str]:
    if restore.status not in OPEN_STATUSES:
        return {}
    here = {"slug": slug, "restore_id": restore.pk}
    places = {
        "Source": f"{reverse('restore_source', kwargs={'slug': slug})}?set={restore.backup_set_id}",
        "Options": reverse("restore_options", kwargs=here),
    }
    if restore.version_id is None:
        places["Policies"] = reverse("restore_policies", kwargs=here)
    if restore.preview_run_id:
        run = {"slug": slug, "run_id": restore.preview_run_id}
        places["Preview"] = reverse("run_detail", kwargs=run)
    if restore.status == RestoreStatus.PREVIEWED:
        places["Mapping"] = reverse("restore_mapping", kwargs=here)
        places["Review"] = reverse("restore_review", kwargs=here)
    return places
