"""What each synchronisation saw, kept so that two of them can be compared without asking Graph again.

    Inventory ── reads ──> TypeRead ──> Observation      one row per type and run; equal lists share one

An observation holds of each policy what a list tells: name, evidence, and a few facts. It is no version.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db import transaction

from tenantatlas.core import clock, json
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json

from .listing import CollectionRead, ListedPolicy, row_evidence
from .models import Inventory, Observation, TypeRead
from .services import observed_policy

#: How many inventories of one selection are kept.
KEPT = 30


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One policy as a list showed it. `assigned` is None where the list does not tell."""

    graph_id: str
    name: str
    evidence: str
    last_modified: str = ""
    assigned: int | bool | None = None
    scope_tags: tuple[str, ...] = ()
    platform: str = ""


def keep_observations(read: CollectionRead, *, run_id: int) -> None:
    """Keep what this list showed of each type, beside how the run read it. Repeating it changes nothing."""
    with transaction.atomic():
        for policy_type in read.types:
            rows = sorted((_seen(one) for one in read.of_type(policy_type)), key=lambda seen: seen.graph_id)
            plain = json.dumps([_as_row(seen) for seen in rows])
            observation, _ = Observation.objects.get_or_create(
                type_key=policy_type.key,
                sha256=sha256_hex(plain),
                defaults={"packed": zlib.compress(plain)},
            )
            TypeRead.objects.filter(type_key=policy_type.key, run_id=run_id).update(observation=observation)


def keep_inventory(*, run_id: int, selection: str, completes: int) -> None:
    """Keep which reads make this inventory; `completes` is the run itself, or the one that it repairs."""
    reads = dict(TypeRead.objects.filter(run_id=run_id).values_list("type_key", "pk"))
    with transaction.atomic():
        earlier = Inventory.objects.select_for_update().filter(run_id=completes).first()
        if earlier is not None:
            earlier.reads = {**earlier.reads, **reads}
            earlier.save(update_fields=["reads"])
        elif reads:
            Inventory.objects.create(run_id=run_id, selection=selection, at=clock.now(), reads=reads)
    _forget_old(selection)


def _forget_old(selection: str) -> None:
    kept = Inventory.objects.filter(selection=selection).order_by("-pk").values_list("pk", flat=True)[:KEPT]
    old = Inventory.objects.filter(selection=selection).exclude(pk__in=list(kept))
    reads = [pk for inventory in old for pk in inventory.reads.values()]
    if reads:
        with transaction.atomic():
            TypeRead.objects.filter(pk__in=reads).update(observation=None)
            old.delete()
            Observation.objects.filter(reads=None).delete()


def policies_in(read: TypeRead) -> Mapping[str, Seen]:
    """What the list showed, by Graph id; empty where nothing was kept."""
    if read.observation is None:
        return {}
    rows = json.loads(zlib.decompress(bytes(read.observation.packed)))
    return {seen.graph_id: seen for seen in _seen_in(rows)}


def _seen_in(rows: Json) -> Iterator[Seen]:
    for graph_id, name, evidence, modified, assigned, tags, platform in rows:
        yield Seen(
            graph_id=graph_id,
            name=name,
            evidence=evidence,
            last_modified=modified,
            assigned=assigned,
            scope_tags=tuple(tags),
            platform=platform,
        )


def _seen(listed: ListedPolicy) -> Seen:
    policy = observed_policy(listed)
    return Seen(
        graph_id=listed.graph_id,
        name=policy.name,
        evidence=row_evidence(listed.row),
        last_modified=policy.last_modified,
        assigned=policy.is_assigned if policy.assigned_count is None else policy.assigned_count,
        scope_tags=tuple(policy.scope_tags),
        platform=policy.platform,
    )


def _as_row(seen: Seen) -> Json:
    return [
        seen.graph_id,
        seen.name,
        seen.evidence,
        seen.last_modified,
        seen.assigned,
        list(seen.scope_tags),
        seen.platform,
    ]
