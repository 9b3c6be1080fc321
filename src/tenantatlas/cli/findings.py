"""What a comparison with live prints besides the facts of its run."""

from __future__ import annotations

from tenantatlas.core.json import Json
from tenantatlas.drift.queries import finding_counts, finding_facts, findings_of_run
from tenantatlas.runs.models import OperationRun

from .output import print_of_start


def found_by(run: OperationRun) -> dict[str, Json]:
    """How many findings of each kind, and each finding, gravest first."""
    found = list(findings_of_run(run.pk))
    for one in found:
        print_of_start(f"{one.severity:<6}  {one.kind:<7}  {one.type_key}  {one.name}: {one.summary}")
    return {
        "findings": finding_counts(run.pk),
        "found": [finding_facts(one) for one in found],
    }
