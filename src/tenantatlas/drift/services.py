"""Recording findings, and what people decide about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from tenantatlas.backups.models import BackupSet
from tenantatlas.core import clock, json
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json
from tenantatlas.policies.diff import Difference
from tenantatlas.policies.redact import REDACTED

from .models import Finding, FindingKind, FindingState, Severity, Sighting

_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What is compared with what: its key, and the set where one is on the earlier side."""

    key: str
    backup_set: BackupSet | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """One policy that differs between two states."""

    kind: FindingKind
    type_key: str
    graph_id: str
    name: str
    severity: Severity
    summary: str = ""
    differences: Sequence[Difference] = ()
    before_digest: str = ""
    after_digest: str = ""


def comparison_with(backup_set: BackupSet) -> Comparison:
    """A set compared with the live tenant."""
    return Comparison(key=f"set:{backup_set.pk}", backup_set=backup_set)


def record_findings(comparison: Comparison, found: Iterable[Found], *, run_id: int) -> None:
    """Store what a run found, in the tenant in scope: one finding per fingerprint, one sighting per run.

    A finding that was resolved, or whose time of being ignored has passed, is new again. Repeatable.
    """
    at = clock.now()
    rows = [(fingerprint_of(comparison, one), one) for one in found]
    for start in range(0, len(rows), _AT_ONCE):
        _record(comparison, dict(rows[start : start + _AT_ONCE]), run_id=run_id, at=at)


def _record(comparison: Comparison, rows: Mapping[str, Found], *, run_id: int, at: datetime) -> None:
    with transaction.atomic():
        again = Q(state=FindingState.RESOLVED) | Q(state=FindingState.IGNORED, ignored_until__lte=at)
        Finding.objects.filter(again, fingerprint__in=rows).update(**_UNDECIDED)
        Finding.objects.bulk_create(
            [
                _finding(comparison, one, fingerprint=fingerprint, run_id=run_id, at=at)
                for fingerprint, one in sorted(rows.items())
            ],
            update_conflicts=True,
            unique_fields=("tenant", "fingerprint"),
            update_fields=("name", "severity", "summary", "differences", "found_at", "last_run_id"),
        )
        seen = Finding.objects.filter(fingerprint__in=rows).values_list("pk", flat=True)
        Sighting.objects.bulk_create(
            [Sighting(finding_id=pk, run_id=run_id, at=at) for pk in seen], ignore_conflicts=True
        )


_UNDECIDED: Mapping[str, Json] = {
    "state": FindingState.NEW,
    "reason": "",
    "ignored_until": None,
    "decided_by": "",
    "decided_at": None,
    "resolved_at": None,
}


def _finding(comparison: Comparison, one: Found, *, fingerprint: str, run_id: int, at: datetime) -> Finding:
    return Finding(
        comparison=comparison.key,
        backup_set=comparison.backup_set,
        type_key=one.type_key,
        graph_id=one.graph_id,
        name=json.storable_text(one.name)[:1000],
        kind=one.kind,
        severity=one.severity,
        summary=one.summary,
        differences=shown_differences(one.differences),
        fingerprint=fingerprint,
        before_digest=one.before_digest,
        after_digest=one.after_digest,
        first_seen=at,
        found_at=at,
        last_run_id=run_id,
    )


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a run knows the truth of: single policies (type, id), and of whole types all but `unsure`."""

    policies: frozenset[tuple[str, str]] = frozenset()
    types: frozenset[str] = frozenset()
    unsure: frozenset[tuple[str, str]] = frozenset()

    def covers(self, place: tuple[str, str]) -> bool:
        """Whether the run would have seen a drift of this policy."""
        return place in self.policies or (place[0] in self.types and place not in self.unsure)


def resolve_gone(comparison: Comparison, known: Known, *, run_id: int) -> int:
    """Findings of the comparison that this run would have seen and did not are resolved; how many."""
    open_ = Finding.objects.filter(comparison=comparison.key).exclude(state=FindingState.RESOLVED)
    unseen = open_.exclude(last_run_id=run_id).values_list("pk", "type_key", "graph_id")
    gone = [pk for pk, type_key, graph_id in unseen if known.covers((type_key, graph_id))]
    at = clock.now()
    return sum(
        open_.filter(pk__in=gone[start : start + _AT_ONCE]).update(
            state=FindingState.RESOLVED, resolved_at=at
        )
        for start in range(0, len(gone), _AT_ONCE)
    )


def fingerprint_of(comparison: Comparison, found: Found) -> str:
    """The same drift in the same comparison has the same fingerprint, whichever run finds it.

    What is shown tells it; the digests only where that does not: without differences, or with a secret.
    """
    shown = shown_differences(found.differences)
    blind = not shown or any(one["secret"] for one in shown)
    digests = [found.before_digest, found.after_digest] if blind else []
    what = [comparison.key, found.kind.value, found.type_key, found.graph_id, digests, shown]
    return sha256_hex(json.dumps_sorted(what))


def shown_differences(differences: Iterable[Difference]) -> list[dict[str, Json]]:
    """Differences as they may be stored and shown: secrets say only that they differ."""
    return [
        {
            "path": json.storable_text(one.path),
            "label": json.storable_text(one.label),
            "kind": str(one.kind),
            "before": _shown(one, one.before),
            "after": _shown(one, one.after),
            "secret": one.secret,
        }
        for one in differences
    ]


def _shown(difference: Difference, value: Json) -> Json:
    if value is None:
        return None
    return REDACTED if difference.secret else json.storable(value)
