"""What is known of restores. Reads the database only."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import TextField
from django.db.models.functions import Cast

from tenantatlas.backups.models import PolicyVersion, SetEntry
from tenantatlas.core import json
from tenantatlas.core.errors import NotFound
from tenantatlas.core.json import Json
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.redact import REDACTED, redact
from tenantatlas.policies.registry import get_type
from tenantatlas.policies.secret_values import secret_places
from tenantatlas.runs.models import RunItem

from .models import Restore, RestoreItem, WriteRecord
from .params import PreviewParams
from .stored import open_item

if TYPE_CHECKING:
    from django.db.models import QuerySet

_MOST_MAPPINGS = 50


@dataclass(frozen=True, kw_only=True)
class ShownWrite:
    """One write of a plan as people may see it: secrets replaced.

    `unless` holds values that the object may have got by itself: where it has all of them right before its
    turn, the write is left out, since Graph would refuse it.
    """

    n: int
    item: str
    name: str
    phase: int
    family: str
    method: str
    path: str
    body: Json
    why: str
    expects: str
    depends_on: tuple[int, ...]
    mapping: tuple[Json, ...]
    unless: Json


@dataclass(frozen=True, kw_only=True)
class ShownItem:
    """One policy of a restore: what was planned and, once executed, how it ended."""

    key: str
    type_key: str
    type_label: str
    name: str
    action: str
    reasons: tuple[Json, ...]
    notes: tuple[str, ...]
    live_id: str
    created_id: str
    writes: int
    version_id: int
    preimage_id: int | None
    state: str = ""
    reason: str = ""
    message: str = ""
    hint: str = ""
    details: Json = None
    ended_at: datetime | None = None


def find_restore(number: int) -> Restore:
    """A restore of the tenant in scope."""
    found = Restore.objects.filter(pk=number).select_related("tenant", "backup_set", "preview_run").first()
    if found is None:
        raise NotFound(f"There is no restore {number} here.", hint="Preview one first.")
    return found


def restore_list() -> QuerySet[Restore]:
    """The restores of the tenant in scope, newest first."""
    return Restore.objects.select_related("backup_set", "created_by", "preview_run").order_by("-id")


def followers(restore: Restore) -> list[Restore]:
    """The restores that enforce policies of it, take it back or repeat it, oldest first."""
    return list(Restore.objects.filter(parent=restore).only("pk", "kind", "status", "outcome").order_by("pk"))


def planned_items(restore: Restore) -> QuerySet[RestoreItem]:
    """The rows of the plan, in order."""
    return RestoreItem.objects.filter(restore=restore).order_by("position")


def made_by_restores(type_keys: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(type, the id that a policy had, the id of what a restore made from it), oldest first."""
    made = RestoreItem.objects.filter(type_key__in=list(type_keys)).exclude(created_id="")
    yield from made.order_by("pk").values_list("type_key", "source_id", "created_id")


def shown_items(restore: Restore) -> list[ShownItem]:
    """Every policy of the restore with its outcome. Two queries."""
    ended = _outcomes(restore)
    return [_shown_item(row, ended.get(row.key)) for row in planned_items(restore).defer("sealed")]


def _outcomes(restore: Restore) -> dict[str, RunItem]:
    if restore.execute_run_id is None:
        return {}
    return {item.key: item for item in RunItem.objects.filter(run_id=restore.execute_run_id)}


def _shown_item(row: RestoreItem, ended: RunItem | None) -> ShownItem:
    return ShownItem(
        key=row.key,
        type_key=row.type_key,
        type_label=get_type(row.type_key).label,
        name=row.name,
        action=row.action,
        reasons=tuple(row.reasons),
        notes=tuple(row.notes),
        live_id=row.live_id,
        created_id=row.created_id,
        writes=row.writes,
        version_id=row.version_id,
        preimage_id=row.preimage_id,
        state=ended.state if ended else "",
        reason=ended.reason if ended else "",
        message=ended.message if ended else "",
        hint=ended.hint if ended else "",
        details=ended.details if ended else None,
        ended_at=ended.ended_at if ended else None,
    )


def shown_writes(restore: Restore) -> list[ShownWrite]:
    """Every write of the plan, in order, with secrets replaced."""
    found = []
    for row in planned_items(restore).filter(writes__gt=0).select_related("restore__tenant"):
        found += writes_of(row)
    return sorted(found, key=lambda write: write.n)


def writes_of(row: RestoreItem) -> list[ShownWrite]:
    """The writes for one policy, in order, with secrets replaced."""
    if not row.writes:
        return []
    opened = open_item(row)
    hidden = _Hidden(get_type(row.type_key), opened["item"]["wanted"])
    return [
        _shown_write(row, facts, hidden) for facts in sorted(opened["writes"], key=lambda each: each["n"])
    ]


def types_chosen(params: PreviewParams) -> list[PolicyType]:
    """The policy types of what was chosen, by label."""
    chosen: QuerySet[PolicyVersion] | QuerySet[SetEntry]
    if params.version:
        chosen = PolicyVersion.objects.filter(pk=params.version)
    else:
        chosen = SetEntry.objects.filter(backup_set_id=params.set)
        if params.types:
            chosen = chosen.filter(type_key__in=params.types)
        if params.policies:
            chosen = chosen.filter(version__graph_id__in=params.policies)
    keys = chosen.values_list("type_key", flat=True).distinct()
    return sorted((get_type(key) for key in keys), key=lambda each: each.label)


class _Hidden:
    """The secrets of one policy, wherever its writes carry them: also encoded, also without their context."""

    def __init__(self, policy_type: PolicyType, wanted: Json) -> None:
        self._type = policy_type
        places = [found.place for found in secret_places(policy_type, wanted) if found.given]
        self._values = {(place.key, json.dumps(place.value)) for place in places}
        texts = [place.value for place in places if isinstance(place.value, str) and place.value]
        self._texts = [*texts, *(base64.b64encode(text.encode()).decode() for text in texts)]

    def hide(self, body: Json) -> Json:
        """The body as people may see it."""
        return redact(self._type, self._without(body, ""))

    def _without(self, value: Json, name: str | int) -> Json:
        if isinstance(value, dict):
            return {key: self._without(child, key) for key, child in value.items()}
        if isinstance(value, list):
            return [self._without(child, name) for child in value]
        if isinstance(value, str) and any(text in value for text in self._texts):
            return REDACTED
        return REDACTED if (name, json.dumps(value)) in self._values else value


def _shown_write(row: RestoreItem, facts: Json, hidden: _Hidden) -> ShownWrite:
    body = facts["body"]
    return ShownWrite(
        n=facts["n"],
        item=facts["item"],
        name=row.name,
        phase=facts["phase"],
        family=facts["family"],
        method=facts["method"],
        path=facts["path"],
        body=None if body is None else hidden.hide(body),
        why=facts["why"],
        expects=facts["expects"],
        depends_on=tuple(facts["depends_on"]),
        mapping=tuple(facts["mapping"]),
        unless=facts["unless"],
    )


def item_differences(row: RestoreItem) -> list[Json]:
    """What an update changes, property by property; secrets say only that they change."""
    found: list[Json] = open_item(row)["differences"]
    return found


def write_records(restore: Restore) -> QuerySet[WriteRecord]:
    """Every attempt of every write, in the order of the plan."""
    return WriteRecord.objects.filter(restore=restore).order_by("n", "attempt")


def restore_facts(restore: Restore) -> dict[str, Json]:
    """What the object of a restore carries on the command line."""
    return {
        "restore": restore.pk,
        "set": restore.backup_set_id,
        "kind": restore.kind,
        "parent": restore.parent_id,
        "tenant": restore.tenant_name,
        "environment": restore.environment,
        "status": restore.status,
        "outcome": restore.outcome,
        "reason": restore.reason,
        "plan_sha256": restore.plan_sha256,
        "expires_at": restore.expires_at.isoformat() if restore.expires_at else None,
        "counts": restore.counts,
        "bound_seconds": round(restore.bound_seconds, 1),
        "warnings": restore.warnings,
        "checks": restore.checks,
        "risks": restore.risks,
        "impact": restore.impact,
        "late_twins": restore.late_twins,
    }


def each_write(restore: Restore) -> Iterator[dict[str, Json]]:
    """The writes as objects for the command line, one by one."""
    for write in shown_writes(restore):
        yield {
            "n": write.n,
            "item": write.item,
            "name": write.name,
            "method": write.method,
            "path": write.path,
            "body": write.body,
            "why": write.why,
            "expects": write.expects,
            "depends_on": list(write.depends_on),
            "mapping": list(write.mapping),
            "unless": write.unless,
        }


def restores_mapping_to(group_id: str) -> list[Restore]:
    """The newest restores of the tenant in scope whose mapping puts this group in another's place."""
    text = Cast("mapping", TextField())
    found = Restore.objects.annotate(text=text).filter(text__contains=f'"{group_id}"').order_by("-pk")
    return [restore for restore in found[:_MOST_MAPPINGS] if _maps_to(restore, group_id)]


def _maps_to(restore: Restore, group_id: str) -> bool:
    groups = restore.mapping.get("groups", {}) if isinstance(restore.mapping, dict) else {}
    return any(line.get("action") == "map" and line.get("target") == group_id for line in groups.values())
