"""The run that compares two states of a tenant. It writes nothing to the tenant.

    against      earlier                            later                     Graph is
    ───────────  ─────────────────────────────────  ────────────────────────  ─────────
    set          that backup set                    the tenant as it is now   read
    baseline     the tenant's baseline set          the tenant as it is now   read
    inventory    the inventory before the newest    the newest inventory      not asked

With nothing on the earlier side the run is blocked, and says what to do first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from django.db.models import QuerySet

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.models import BackupSet, PolicyVersion, SetType
from tenantatlas.backups.operations import captured_set
from tenantatlas.backups.payloads import stage_rows
from tenantatlas.backups.queries import find_set
from tenantatlas.backups.reading import PolicyReading, Scope, Taken, graph_id_of, is_gone, policy_item
from tenantatlas.backups.scopes import scope_of_set
from tenantatlas.backups.services import load_document
from tenantatlas.backups.succession import made_again
from tenantatlas.core.errors import AtlasError, InputError, KeyMissing, NothingToCompare
from tenantatlas.inventory.listing import CollectionRead, choose_types
from tenantatlas.inventory.models import Inventory, TypeRead
from tenantatlas.inventory.operations import describe_types, facts_of
from tenantatlas.inventory.selection import selected_types, selection_hash
from tenantatlas.policies.canonical import compose, digest
from tenantatlas.policies.diff import differences
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.registry import get_type
from tenantatlas.policies.succession import Made, pair, renamed
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, RunContext, failed_item, operation
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope

from .inventories import READ_WHOLE, compare_reads, read_whole
from .models import FindingKind
from .queries import baseline_of_tenant, ignored_paths, two_inventories
from .services import Comparison, Found, Known, comparison_with, record_findings, resolve_gone
from .severity import severity_of_change, severity_of_presence

_TYPE = "type:"
_TWO = 2


class Against(StrEnum):
    """What the later state is compared with."""

    SET = "set"
    BASELINE = "baseline"
    INVENTORY = "inventory"


@dataclass(frozen=True, kw_only=True)
class DriftParams:
    """`set` when against a set; `types` and `foundations` are the selection when against an inventory."""

    against: Against = Against.SET
    set: int = 0
    types: tuple[str, ...] = ()
    foundations: bool = True

    def __post_init__(self) -> None:
        chosen = sorted({policy_type.key for policy_type in choose_types(self.types)}) if self.types else ()
        object.__setattr__(self, "types", tuple(chosen))
        if self.against is Against.SET and not self.set:
            raise InputError("Name the backup set to compare with.", details={"field": "set"})

    @property
    def selection(self) -> str:
        """Which inventories are compared with each other."""
        return selection_hash(selected_types(self.types, foundations=self.foundations))


@operation("drift.generate", label="Look for drift", needs=Capability.DRIFT_RUN, schedulable=True)
class GenerateDrift(PolicyReading[DriftParams]):
    """Compares and records what was added, removed, changed, or is not known; what is gone is resolved."""

    params_type = DriftParams
    telling = frozenset({FindingKind.ADDED.value, FindingKind.REMOVED.value, FindingKind.CHANGED.value})
    unique_by = ("against",)
    checks_again = False

    def target(self, params: DriftParams) -> str:
        """The set, the baseline, or the selection."""
        if params.against is Against.SET:
            return str(params.set)
        return params.selection if params.against is Against.INVENTORY else ""

    def subject(self, params: DriftParams, tenant: Tenant) -> str:
        """What is compared with what."""
        if params.against is Against.SET:
            with tenant_scope(tenant):
                return find_set(params.set).name
        if params.against is Against.BASELINE:
            return f"Baseline of {tenant.name}"
        return f"{describe_types(params.types) or 'Inventory'}: newest and the one before"

    def check(self, params: DriftParams, tenant: Tenant) -> None:
        """Refuse a set that is not there, or not captured yet."""
        if params.against is Against.SET:
            with tenant_scope(tenant):
                captured_set(params.set)

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """The collections that the set covers, or the types of the two inventories."""
        if ctx.params.against is Against.INVENTORY:
            yield from _types_to_compare(ctx)
            return
        ctx.set_context(set=_set_of(ctx).pk)
        yield from super().plan(ctx)

    def scope(self, ctx: RunContext) -> Scope:
        """What the set asked for."""
        return scope_of_set(_set_of(ctx))

    def items_of(self, ctx: RunContext, scope: Scope, read: CollectionRead) -> Iterable[ItemSpec]:
        """Policies on both sides are read; those on one side only need no further read."""
        held = {policy_type.key: policy_type for policy_type in read.types}
        ours = {
            (version.type_key, version.graph_id): version
            for version in _versions(_set_of(ctx)).filter(type_key__in=held)
        }
        known_as = _known_as(ours, read)
        chosen = [
            one
            for one in read.policies
            if (place := (one.policy_type.key, one.graph_id)) in known_as or scope.covers(*place)
        ]
        addresses = stage_rows(ctx.tenant, run_id=ctx.run.pk, rows=[one.row.raw for one in chosen])
        for listed, address in zip(chosen, addresses, strict=True):
            place = (listed.policy_type.key, listed.graph_id)
            spec = policy_item(listed, address)
            if place not in known_as:
                yield _one_sided(spec.label, listed.policy_type, listed.graph_id, FindingKind.ADDED)
                continue
            ours.pop((place[0], known_as[place]), None)
            yield replace(spec, payload={**(spec.payload or {}), "held": known_as[place]})
        kind = FindingKind.REMOVED if read.status in READ_WHOLE else FindingKind.UNKNOWN
        for (type_key, graph_id), version in sorted(ours.items(), key=lambda pair: pair[0]):
            yield _one_sided(version.name, held[type_key], graph_id, kind)

    def take(self, ctx: RunContext, taken: Sequence[Taken]) -> Iterable[ItemResult]:
        """Compare each document with the version in the set."""
        backup_set = _set_of(ctx)
        versions = {
            (version.type_key, version.graph_id): version
            for version in _versions(backup_set)
            .filter(graph_id__in=[_held_id(one.item) for one in taken])
            .select_related("blob", "tenant")
        }
        results: list[ItemResult] = []
        found: list[Found] = []
        types = {one.policy_type.key: one.policy_type for one in taken}.values()
        quiet = {
            policy_type.key: ignored_paths(policy_type.key, [_held_id(one.item) for one in taken])
            for policy_type in types
        }
        made = made_again({each.kind for policy_type in types for each in policy_type.references})
        for one in taken:
            try:
                result, finding = _compare(
                    one,
                    versions[one.policy_type.key, _held_id(one.item)],
                    made=made,
                    ignored=quiet[one.policy_type.key].get(_held_id(one.item), frozenset()),
                )
            except KeyMissing:
                raise
            except AtlasError as error:
                results.append(failed_item(one.item.key, error))
                continue
            results.append(result)
            found += [finding] if finding else []
        record_findings(comparison_with(backup_set), found, run_id=ctx.run.pk)
        return results

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """A collection, a policy that is on one side only, or a type of two inventories."""
        if item.key.startswith(_TYPE):
            return _compare_type(ctx, item)
        kind = facts_of(item).get("finding")
        if kind is None:
            return super().process(ctx, item)
        return self._record_one_sided(ctx, item, FindingKind(kind))

    def lost(self, ctx: RunContext, item: RunItem, error: AtlasError) -> ItemResult:
        """Gone between the list and the read is removed; anything else is not known."""
        if is_gone(error):
            return self._record_one_sided(ctx, item, FindingKind.REMOVED)
        self._record_one_sided(ctx, item, FindingKind.UNKNOWN, why=error.message)
        return failed_item(item.key, error)

    def finish(self, ctx: RunContext) -> None:
        """Resolve what is gone, and say by name what could not be compared."""
        if ctx.params.against is Against.INVENTORY:
            _finish_inventories(ctx)
            return
        resolve_gone(comparison_with(_set_of(ctx)), _known(ctx), run_id=ctx.run.pk)
        super().finish(ctx)

    def _record_one_sided(
        self, ctx: RunContext, item: RunItem, kind: FindingKind, *, why: str = ""
    ) -> ItemResult:
        backup_set, policy_type = _set_of(ctx), get_type(item.type_key)
        kind, summary = _told(backup_set, policy_type, kind)
        finding = Found(
            kind=kind,
            type_key=item.type_key,
            graph_id=_held_id(item),
            name=item.label,
            severity=severity_of_presence(policy_type, kind),
            summary=why or summary,
        )
        record_findings(comparison_with(backup_set), [finding], run_id=ctx.run.pk)
        state = ItemState.SKIPPED if kind == FindingKind.UNKNOWN else ItemState.SUCCEEDED
        return ItemResult(
            key=item.key,
            state=state,
            action=kind.value,
            reason="not_known" if kind == FindingKind.UNKNOWN else "",
            message=finding.summary[:600],
        )


def _told(backup_set: BackupSet, policy_type: PolicyType, kind: FindingKind) -> tuple[FindingKind, str]:
    """Added means that the set would have it: where the set did not read the type whole, nobody knows."""
    if kind == FindingKind.UNKNOWN:
        return kind, "The live tenant could not be read completely."
    if kind != FindingKind.ADDED:
        return kind, "It is no longer in the tenant."
    whole = SetType.objects.filter(
        backup_set=backup_set, type_key=policy_type.key, status__in=READ_WHOLE, whole=True
    ).exists()
    if whole:
        return kind, "It is in the tenant and not in the set."
    return FindingKind.UNKNOWN, "The set did not hold this type completely."


def _compare(
    taken: Taken, version: PolicyVersion, *, made: Mapping[str, Made], ignored: frozenset[str]
) -> tuple[ItemResult, Found | None]:
    policy_type = taken.policy_type
    live = compose(policy_type, taken.document)
    after = digest(policy_type, live)
    before, found = version.digest, None
    if after != before:
        ours = renamed(policy_type, compose(policy_type, load_document(version)), live, made)
        all_changes = differences(policy_type, ours, live)
        changes = tuple(one for one in all_changes if one.path not in ignored)
        if changes:
            severity, summary = severity_of_change(policy_type, ours, live, changes)
            found = Found(
                kind=FindingKind.CHANGED,
                type_key=policy_type.key,
                graph_id=_held_id(taken.item),
                name=taken.item.label,
                severity=severity,
                summary=summary or f"{len(changes)} difference{'' if len(changes) == 1 else 's'}.",
                differences=changes,
                before_digest=before,
                after_digest=after,
            )
    result = ItemResult(
        key=taken.item.key,
        state=ItemState.SUCCEEDED,
        action="changed" if found else "unchanged",
        before_digest=before,
        after_digest=after,
    )
    return result, found


def _one_sided(label: str, policy_type: PolicyType, graph_id: str, kind: FindingKind) -> ItemSpec:
    return ItemSpec(
        key=f"{policy_type.key}/{graph_id}",
        label=label[:400],
        type_key=policy_type.key,
        lane=policy_type.family,
        payload={"finding": kind.value},
    )


def _set_of(ctx: RunContext) -> BackupSet:
    """The set on the earlier side. A baseline is looked up once: choosing another does not move the run."""
    if ctx.params.against is Against.SET:
        return find_set(ctx.params.set)
    if "set" in ctx.run.context:
        return find_set(ctx.run.context["set"])
    baseline = baseline_of_tenant()
    if baseline is None:
        raise NothingToCompare(
            "No baseline is chosen for this tenant, or its backup set was deleted.",
            hint="Choose one: `tenantatlas drift baseline -t SLUG --set SET`.",
        )
    return baseline.backup_set


def _versions(backup_set: BackupSet) -> QuerySet[PolicyVersion]:
    return PolicyVersion.objects.filter(entries__backup_set=backup_set)


def _known_as(ours: Iterable[tuple[str, str]], read: CollectionRead) -> dict[tuple[str, str], str]:
    """By the place of a policy in the tenant, the id under which the set holds it."""
    in_set: dict[str, list[str]] = {}
    for type_key, graph_id in ours:
        in_set.setdefault(type_key, []).append(graph_id)
    made = made_again(in_set)
    return {
        (policy_type.key, now): was
        for policy_type in read.types
        for was, now in pair(
            in_set.get(policy_type.key, ()),
            (one.graph_id for one in read.of_type(policy_type)),
            made.get(policy_type.key, ()),
        ).items()
    }


def _held_id(item: RunItem) -> str:
    """The id under which the set holds the policy of this item: another one where a restore made it again."""
    return str(facts_of(item).get("held") or graph_id_of(item.key))


def _known(ctx: RunContext) -> Known:
    """Of which policies this run knows whether they drifted, under either of their ids."""
    items = ctx.items().exclude(type_key="").exclude(key__startswith="list:")
    places = {
        (item.type_key, graph_id): item.state
        for item in items.only("run", "type_key", "key", "state", "payload")
        for graph_id in (graph_id_of(item.key), _held_id(item))
    }
    whole = TypeRead.objects.filter(run_id=ctx.run.pk, status__in=READ_WHOLE)
    return Known(
        policies=frozenset(place for place, state in places.items() if state == ItemState.SUCCEEDED),
        types=frozenset(whole.values_list("type_key", flat=True)),
        unsure=frozenset(places),
    )


# ── Two inventories ───────────────────────────────────────────────────────────────────────────────────────


class _Pair(NamedTuple):
    before: Inventory
    after: Inventory


def _types_to_compare(ctx: RunContext) -> Iterable[ItemSpec]:
    pair = _inventories(ctx)
    ctx.set_context(before=pair.before.run_id, after=pair.after.run_id)
    for type_key in sorted(pair.before.reads.keys() | pair.after.reads.keys()):
        policy_type = get_type(type_key)
        yield ItemSpec(
            key=f"{_TYPE}{type_key}", label=policy_type.label[:400], type_key=type_key, lane="store"
        )


def _inventories(ctx: RunContext) -> _Pair:
    """The two inventories, looked up once: a later synchronisation does not move the run."""
    if "before" in ctx.run.context:
        known = Inventory.objects.in_bulk(
            [ctx.run.context["before"], ctx.run.context["after"]], field_name="run_id"
        )
        if len(known) == _TWO:
            return _Pair(known[ctx.run.context["before"]], known[ctx.run.context["after"]])
    found = two_inventories(ctx.params.selection)
    if len(found) < _TWO:
        many = "only one inventory" if found else "no inventory"
        raise NothingToCompare(
            f"There is {many} of this selection yet, and it takes two.",
            hint="Synchronise the inventory once more: `tenantatlas inventory sync -t SLUG --wait`.",
        )
    return _Pair(found[1], found[0])


def _reads_of(pair: _Pair, type_key: str) -> tuple[TypeRead | None, TypeRead | None]:
    numbers = [inventory.reads.get(type_key) for inventory in pair]
    reads = TypeRead.objects.select_related("observation").in_bulk([pk for pk in numbers if pk])
    before, after = (reads.get(pk) if pk else None for pk in numbers)
    return before, after


def _compare_type(ctx: RunContext, item: RunItem) -> ItemResult:
    before, after = _reads_of(_inventories(ctx), item.type_key)
    made = made_again([item.type_key]).get(item.type_key, ())
    found = list(compare_reads(before, after, type_key=item.type_key, made=made))
    record_findings(_comparison_of_inventories(ctx), found, run_id=ctx.run.pk)
    if read_whole(before) and read_whole(after):
        return ItemResult(
            key=item.key,
            state=ItemState.SUCCEEDED,
            action="changed" if found else "unchanged",
            details={"findings": len(found)},
        )
    gap = next((read for read in (after, before) if not read_whole(read)), None)
    return ItemResult(
        key=item.key,
        state=ItemState.SKIPPED,
        action="unknown",
        reason="not_known",
        message=f"Not read completely: {gap.reason if gap else 'it was not looked at.'}"[:600],
        hint="Synchronise the inventory again once it can be read.",
    )


def _finish_inventories(ctx: RunContext) -> None:
    done = ctx.items(ItemState.SUCCEEDED).values_list("type_key", flat=True)
    resolve_gone(_comparison_of_inventories(ctx), Known(types=frozenset(done)), run_id=ctx.run.pk)
    skipped = list(ctx.items(ItemState.SKIPPED).values_list("label", flat=True))
    if skipped:
        ctx.mark_incomplete(
            "incomplete", f"Not known for {len(skipped)} policy type(s): {', '.join(skipped[:5])}."
        )


def _comparison_of_inventories(ctx: RunContext) -> Comparison:
    return Comparison(key=f"inventory:{ctx.params.selection}")
