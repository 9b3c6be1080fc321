"""What comparisons found. Reads the database only."""

from __future__ import annotations

from django.db.models import Case, Count, IntegerField, QuerySet, Value, When

from .models import Finding, FindingKind, Severity


def findings_of_run(run_id: int) -> QuerySet[Finding]:
    """The findings of one run, worst first, in the tenant in scope."""
    order = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}
    rank = Case(
        *(When(severity=severity, then=Value(place)) for severity, place in order.items()),
        output_field=IntegerField(),
    )
    return Finding.objects.filter(run_id=run_id).order_by(rank, "type_key", "name", "pk")


def finding_counts(run_id: int) -> dict[str, int]:
    """How many findings of each kind a run has; every kind is there."""
    rows = Finding.objects.filter(run_id=run_id).values_list("kind").annotate(number=Count("pk"))
    return {kind.value: dict(rows).get(kind.value, 0) for kind in FindingKind}
