"""What comparisons found. Reads the database only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from tenantatlas.backups.models import BackupSet, SetStatus
from tenantatlas.backups.queries import set_list
from tenantatlas.backups.succession import ids_of
from tenantatlas.core import clock
from tenantatlas.core.errors import NotFound
from tenantatlas.core.json import Json
from tenantatlas.inventory.models import Inventory
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.queries import doing

from .models import Baseline, Finding, FindingKind, FindingState, IgnoredSetting, Severity

_GRAVEST_FIRST = Case(
    *(When(severity=severity.value, then=Value(place)) for place, severity in enumerate(Severity)),
    output_field=IntegerField(),
)

#: What can be restored from the set that it was compared with.
RESTORABLE = Q(kind__in=(FindingKind.CHANGED, FindingKind.REMOVED), backup_set__isnull=False)


def findings_of_run(run_id: int) -> QuerySet[Finding]:
    """The findings that one run saw, worst first, in the tenant in scope."""
    return _ordered(Finding.objects.filter(sightings__run_id=run_id))


def finding_counts(run_id: int) -> dict[str, int]:
    """How many findings of each kind a run saw; every kind is there."""
    found = Finding.objects.filter(sightings__run_id=run_id)
    rows = dict(found.values_list("kind").annotate(number=Count("pk")).order_by())
    return {kind.value: rows.get(kind.value, 0) for kind in FindingKind}


def comparison_in_words(run: OperationRun) -> str:
    """What a comparison that has ended came to: "17 of 277 policies differ, 3 are not known". One query."""
    if "set" in run.context:
        found = _policies_by_action(run)
        compared = sum(found.values())
        unknown = compared - sum(found.get(each, 0) for each in (*_DRIFTED, "unchanged"))
    else:  # inventories are compared type by type
        found, compared = finding_counts(run.pk), 0
        unknown = found[FindingKind.UNKNOWN]
    words = _so_many_differ(sum(found.get(each, 0) for each in _DRIFTED), of=compared)
    return f"{words}, {unknown} {'is' if unknown == 1 else 'are'} not known" if unknown else words


_DRIFTED = (FindingKind.ADDED.value, FindingKind.REMOVED.value, FindingKind.CHANGED.value)


def _policies_by_action(run: OperationRun) -> dict[str, int]:
    rows = RunItem.objects.filter(run=run).exclude(key__startswith="list:")
    return dict(rows.order_by().values_list("action").annotate(number=Count("pk")))


def _so_many_differ(number: int, *, of: int) -> str:
    if not number:
        return "No policy differs"
    counted = f"{number} of {of}" if of else str(number)
    return f"{counted} polic{'y' if (of or number) == 1 else 'ies'} differ{'s' if number == 1 else ''}"


def to_restore(run_id: int) -> QuerySet[Finding]:
    """What one run saw that its set can bring back: policies that changed or went."""
    return findings_of_run(run_id).filter(RESTORABLE)


def finding_list(
    *, state: FindingState | None = None, comparison: str = "", types: Iterable[str] = ()
) -> QuerySet[Finding]:
    """The findings of the tenant in scope, worst first; those of deleted sets are left out."""
    found = Finding.objects.exclude(backup_set__status=SetStatus.DELETED)
    if state is not None:
        found = found.filter(in_state(state))
    if comparison:
        found = found.filter(comparison=comparison)
    keys = list(types)
    if keys:
        found = found.filter(type_key__in=keys)
    return _ordered(found)


def open_findings() -> QuerySet[Finding]:
    """What waits for somebody: new, or ignored until a time that has passed. Not what is not known."""
    return finding_list(state=FindingState.NEW).exclude(kind=FindingKind.UNKNOWN)


def open_by_tenant(tenant_ids: Collection[int]) -> dict[int, int]:
    """How many findings wait for somebody, as `open_findings` counts them, for each tenant that has one."""
    waiting = Finding.all_tenants.filter(in_state(FindingState.NEW), tenant__in=tenant_ids)
    waiting = waiting.exclude(kind=FindingKind.UNKNOWN).exclude(backup_set__status=SetStatus.DELETED)
    return dict(waiting.order_by().values_list("tenant_id").annotate(Count("pk")))


def state_counts() -> dict[str, int]:
    """How many findings are in each state; every state is there."""
    found = Finding.objects.exclude(backup_set__status=SetStatus.DELETED)
    numbers = {state.value: Count("pk", filter=in_state(state)) for state in FindingState}
    return {name: number or 0 for name, number in found.aggregate(**numbers).items()}


def in_state(state: FindingState) -> Q:
    """Findings in this state now: one whose time of being ignored has passed is new."""
    over = Q(state=FindingState.IGNORED, ignored_until__lte=clock.now())
    if state == FindingState.NEW:
        return Q(state=FindingState.NEW) | over
    if state == FindingState.IGNORED:
        return Q(state=FindingState.IGNORED) & ~over
    return Q(state=state)


def state_of(finding: Finding) -> FindingState:
    """The state of one finding now."""
    over = finding.ignored_until is not None and finding.ignored_until <= clock.now()
    return FindingState.NEW if over else FindingState(finding.state)


def find_finding(number: int) -> Finding:
    """A finding of the tenant in scope."""
    found = Finding.objects.select_related("tenant", "backup_set").filter(pk=number).first()
    if found is None:
        raise NotFound(
            f"There is no finding {number} here.", hint="See `tenantatlas drift findings -t SLUG`."
        )
    return found


def finding_facts(one: Finding) -> dict[str, Json]:
    """What every face tells of a finding, for machines."""
    return {
        "finding": one.pk,
        "state": state_of(one).value,
        "kind": one.kind,
        "severity": one.severity,
        "type": one.type_key,
        "id": one.graph_id,
        "name": one.name,
        "summary": one.summary,
        "differences": one.differences,
        "comparison": one.comparison,
        "fingerprint": one.fingerprint,
        "first_seen": one.first_seen.isoformat(),
        "last_seen": one.found_at.isoformat(),
        "reason": one.reason,
        "ignored_until": one.ignored_until.isoformat() if one.ignored_until else None,
    }


def findings_of_policy(type_key: str, graph_id: str) -> QuerySet[Finding]:
    """The findings about one policy, worst first, under every id that it had."""
    return finding_list(types=[type_key]).filter(graph_id__in=ids_of(type_key, graph_id))


def _ordered(found: QuerySet[Finding]) -> QuerySet[Finding]:
    return found.order_by(_GRAVEST_FIRST, "type_key", "name", "pk")


# ── What is compared ──────────────────────────────────────────────────────────────────────────────────────


def baseline_of_tenant() -> Baseline | None:
    """The baseline of the tenant in scope; None where none was chosen, or its set was deleted."""
    living = Baseline.objects.exclude(backup_set__status=SetStatus.DELETED)
    return living.select_related("backup_set").first()


def set_after(moment: datetime) -> BackupSet | None:
    """The newest complete set that was begun after this moment: what could be accepted as a new baseline."""
    return set_list().filter(status=SetStatus.COMPLETE, created_at__gt=moment).first()


def comparison_before(moment: datetime) -> OperationRun | None:
    """The newest comparison of a set with the tenant, if it was begun before this moment."""
    runs = OperationRun.objects.filter(doing("drift.generate"), context__has_key="set")
    newest = runs.order_by("-pk").first()
    return newest if newest is not None and newest.created_at < moment else None


def two_inventories(selection: str) -> tuple[Inventory, ...]:
    """The newest two inventories of this selection in the tenant in scope, newest first; fewer if fewer."""
    return tuple(Inventory.objects.filter(selection=selection).order_by("-pk")[:2])


def ignored_paths(type_key: str, graph_ids: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """The properties that are left out of comparisons now, by policy."""
    rows = IgnoredSetting.objects.filter(
        type_key=type_key, graph_id__in=list(graph_ids), until__gt=clock.now()
    ).values_list("graph_id", "path")
    found: dict[str, set[str]] = {}
    for graph_id, path in rows:
        found.setdefault(graph_id, set()).add(path)
    return {graph_id: frozenset(paths) for graph_id, paths in found.items()}


def ignored_settings() -> QuerySet[IgnoredSetting]:
    """What is left out of comparisons, soonest to end first; what has ended is left out here."""
    return IgnoredSetting.objects.filter(until__gt=clock.now()).order_by("until", "pk")
