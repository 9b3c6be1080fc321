"""Recording findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Min

from tenantatlas.backups.models import BackupSet
from tenantatlas.core import clock, json
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json
from tenantatlas.policies.diff import Difference
from tenantatlas.policies.redact import REDACTED

from .models import Finding, FindingKind, Severity


@dataclass(frozen=True, kw_only=True)
class Found:
    """One policy that differs between a set and the live tenant."""

    kind: FindingKind
    type_key: str
    graph_id: str
    name: str
    severity: Severity
    summary: str = ""
    differences: Sequence[Difference] = ()
    before_digest: str = ""
    after_digest: str = ""


def record_findings(backup_set: BackupSet, found: Iterable[Found], *, run_id: int) -> None:
    """Store what a run found, in the tenant in scope. One finding per policy and run: repeating replaces."""
    at = clock.now()
    pairs = [(one, fingerprint_of(backup_set, one)) for one in found]
    earlier = dict(
        Finding.objects.filter(fingerprint__in=[fingerprint for _, fingerprint in pairs])
        .values_list("fingerprint")
        .annotate(first=Min("first_seen"))
    )
    Finding.objects.bulk_create(
        [
            Finding(
                run_id=run_id,
                backup_set=backup_set,
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
                first_seen=earlier.get(fingerprint, at),
                found_at=at,
            )
            for one, fingerprint in pairs
        ],
        update_conflicts=True,
        unique_fields=("run_id", "type_key", "graph_id"),
        update_fields=(
            "kind",
            "severity",
            "summary",
            "differences",
            "fingerprint",
            "before_digest",
            "after_digest",
        ),
    )


def fingerprint_of(backup_set: BackupSet, found: Found) -> str:
    """The same drift of the same set has the same fingerprint, whichever run finds it."""
    return sha256_hex(
        json.dumps(
            [
                backup_set.pk,
                found.kind.value,
                found.type_key,
                found.graph_id,
                found.before_digest,
                found.after_digest,
            ]
        )
    )


def shown_differences(differences: Iterable[Difference]) -> list[Json]:
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
