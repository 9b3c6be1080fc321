"""`tenantatlas runs`: what is being done, and what was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tenantatlas.cli.files import input_file
from tenantatlas.cli.output import note, print_file, print_object, print_rows, wants_json, write_line
from tenantatlas.cli.session import WaitOption, acting_user, in_tenant, in_tenant_of
from tenantatlas.cli.starts import exit_code_of, finish_start, run_facts
from tenantatlas.core import clock
from tenantatlas.core.errors import Incomplete
from tenantatlas.core.json import Json
from tenantatlas.runs.facts import ITEM_COLUMNS, RUN_COLUMNS, item_facts, time_text
from tenantatlas.runs.facts import run_facts as facts_of_run
from tenantatlas.runs.history import import_runs
from tenantatlas.runs.lifecycle import Outcome, RunStatus, Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.progress import progress
from tenantatlas.runs.queries import (
    RunFilters,
    run_detail,
    run_items,
    run_list,
    worth_reading,
)
from tenantatlas.runs.services import cancel_run, retry_failed_items, worker_alive
from tenantatlas.tenants.queries import tenants_of

_COLUMNS = ("run", "tenant", "operation", "subject", "status", "outcome", "started_by", "created", "counts")
_POLL_SECONDS = 0.5
_AT_ONCE = 500
_NOUN = "run"

OperationOption = Annotated[str, typer.Option(metavar="KEY", help="Only this operation.")]
StatusOption = Annotated[RunStatus | None, typer.Option(help="Only runs in this status.")]
OutcomeOption = Annotated[Outcome | None, typer.Option(help="Only runs with this outcome.")]
AttentionOption = Annotated[
    bool, typer.Option("--attention", help="Only runs that failed, are blocked or partly succeeded.")
]
TriggerOption = Annotated[Trigger | None, typer.Option(help="Only runs that were started from there.")]
WhoOption = Annotated[str, typer.Option(metavar="NAME", help="Only runs of people with this in their name.")]
SubjectOption = Annotated[str, typer.Option(metavar="TEXT", help="Only runs with this in their subject.")]
DaysOption = Annotated[int, typer.Option(min=1, max=3650, help="Runs of so many days, and open ones.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's number.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Runs: what is being done, and what was.", no_args_is_help=True)
    app.add_typer(group, name="runs")
    for command in (list_, show, watch, cancel, retry, export, import_):
        group.command(name=command.__name__.rstrip("_"))(command)


def list_(  # noqa: PLR0913 - its options
    *,
    tenant: Annotated[str, typer.Option("--tenant", "-t", metavar="SLUG", help="Only this tenant.")] = "",
    operation: OperationOption = "",
    status: StatusOption = None,
    outcome: OutcomeOption = None,
    attention: AttentionOption = False,
    trigger: TriggerOption = None,
    who: WhoOption = "",
    subject: SubjectOption = "",
    days: DaysOption = 30,
    limit: Annotated[int, typer.Option(min=1, help="At most so many of each tenant.")] = 50,
) -> None:
    """List runs of the last days and open ones, newest first."""
    filters = _filters(operation, status, outcome, attention, trigger, who, subject, days)
    print_rows(
        _runs(tenant, filters, limit=limit),
        columns=_COLUMNS,
        empty="No such run. Start one with `tenantatlas backup -t SLUG --wait`.",
    )


def export(  # noqa: PLR0913 - its options
    run_: Annotated[
        str, typer.Argument(metavar="[RUN]", help="A run's number: its items. Without one: the runs.")
    ] = "",
    *,
    tenant: Annotated[str, typer.Option("--tenant", "-t", metavar="SLUG", help="Only this tenant.")] = "",
    operation: OperationOption = "",
    status: StatusOption = None,
    outcome: OutcomeOption = None,
    attention: AttentionOption = False,
    trigger: TriggerOption = None,
    who: WhoOption = "",
    subject: SubjectOption = "",
    days: DaysOption = 30,
) -> None:
    """Write every run that the options select, or a run's items, as CSV; with --json as objects."""
    if run_:
        with in_tenant_of(OperationRun, run_, noun=_NOUN) as (_, run):
            items = run_items(run).iterator(chunk_size=_AT_ONCE)
            print_file((item_facts(item) for item in items), columns=ITEM_COLUMNS)
        return
    filters = _filters(operation, status, outcome, attention, trigger, who, subject, days)
    print_file(_runs(tenant, filters, limit=None), columns=RUN_COLUMNS)


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON lines, one run of an earlier system each.")
    ],
) -> None:
    """Import the history of runs of an earlier system. Importing a line twice adds nothing.

    A line that cannot be read as a run is refused by its number, the others are imported: exit code 3.
    """
    with input_file(file) as lines:
        report = import_runs(lines, actor=acting_user())
    for refused in report.refused:
        note(f"line {refused.line}: {refused.why}")
    print_object(
        {
            "imported": report.imported,
            "known_before": report.known,
            "ended_since": report.updated,
            "refused": [{"line": refused.line, "why": refused.why} for refused in report.refused],
        },
        text=f"{report.imported} imported, {report.known} known before, {len(report.refused)} refused.",
    )
    if report.refused:
        raise typer.Exit(Incomplete.exit_code)


def _filters(
    operation: str,
    status: RunStatus | None,
    outcome: Outcome | None,
    attention: bool,  # noqa: FBT001 - an option
    trigger: Trigger | None,
    who: str,
    subject: str,
    days: int,
) -> RunFilters:
    return RunFilters(
        operations=[operation] if operation else (),
        statuses=[status.value] if status else (),
        outcomes=[outcome.value] if outcome else (),
        triggers=[trigger.value] if trigger else (),
        initiator=who,
        subject=subject,
        since=clock.now() - timedelta(days=days),
        attention=attention,
    )


def _runs(slug: str, filters: RunFilters, *, limit: int | None) -> Iterator[dict[str, Json]]:
    for each in [slug] if slug else [tenant.slug for tenant in tenants_of(acting_user())]:
        with in_tenant(each) as session:
            rows = run_list(session.tenant, filters)[:limit]
            yield from (facts_of_run(run) for run in rows.iterator(chunk_size=_AT_ONCE))


def show(
    run_: RunArgument,
    *,
    items: Annotated[bool, typer.Option("--items", help="List the run's items, one a line.")] = False,
) -> None:
    """Show one run: how far it is, what went wrong, what it made; or its items."""
    with in_tenant_of(OperationRun, run_, noun=_NOUN) as (session, run):
        if items:
            print_rows(
                (item_facts(item) for item in run_items(run)),
                columns=("type", "label", "state", "action", "message"),
                empty="The run has no items.",
            )
            return
        detail = run_detail(session.tenant, run.pk)
        facts = facts_of_run(detail.run) | {
            "label": detail.label,
            "progress": detail.progress.sentence,
            "percent": detail.progress.percent,
            "notice": detail.progress.notice,
            "waiting": detail.run.waiting_reason,
            "waiting_until": time_text(detail.run.waiting_until),
            "attempts": detail.run.attempts,
            "params": detail.run.params,
            "failures": detail.run.failures,
            "context": detail.run.context,
            "parent": detail.run.parent_id,
            "children": [child.pk for child in detail.children],
            "correlation_id": detail.run.correlation_id,
        }
        if wants_json():
            print_object(facts)
            return
        failures = facts.pop("failures")
        print_object(facts)
        for failure in failures:
            write_line(f"{failure['count']} x {failure['code']}: {failure['message']}")
        rows = list(worth_reading(detail.run)[:50])
        if rows:
            write_line("")
            print_rows(
                (item_facts(item) for item in rows),
                columns=("type", "label", "state", "message", "hint"),
            )


def watch(run_: RunArgument) -> None:
    """Wait for a run to end, telling how far it is; leaves with its exit code."""
    with in_tenant_of(OperationRun, run_, noun=_NOUN) as (_, run):
        if run.is_open and not worker_alive():
            note("No worker is alive: the run waits for one. Start it with `tenantatlas worker`.")
        said = ""
        while run.is_open:
            found = progress(run)
            sentence = f"{found.sentence}. {found.notice}".rstrip(". ")
            if sentence != said:
                note(sentence)
                said = sentence
            clock.sleep(_POLL_SECONDS * clock.scale())
            run.refresh_from_db()
        print_object({"run": run.pk, **run_facts(run), "failures": run.failures}, text=progress(run).sentence)
        raise typer.Exit(exit_code_of(run))


def cancel(run_: RunArgument) -> None:
    """Ask a run to stop. The item in hand finishes; the others are not started."""
    with in_tenant_of(OperationRun, run_, noun=_NOUN) as (session, run):
        asked = cancel_run(run, actor=session.user)
        stopping = "is stopping" if asked.is_open else f"has ended: {asked.word.replace('_', ' ')}"
        print_object({"run": asked.pk, **run_facts(asked)}, text=f"Run {asked.pk} {stopping}.")


def retry(run_: RunArgument, *, wait: WaitOption = False) -> None:
    """Do again, as a new run, what went wrong or was not started."""
    with in_tenant_of(OperationRun, run_, noun=_NOUN) as (session, run):
        child, created = retry_failed_items(run, actor=session.user, trigger=Trigger.CLI)
        finish_start(child, created=created, wait=wait)
