"""`tenantatlas runs`: what is being done, and what was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer

from tenantatlas.cli.output import note, print_object, print_rows, wants_json, write_line
from tenantatlas.cli.session import WaitOption, acting_user, in_tenant, in_tenant_of
from tenantatlas.cli.starts import exit_code_of, finish_start, run_facts
from tenantatlas.core import clock
from tenantatlas.core.json import Json
from tenantatlas.runs.lifecycle import Outcome, RunStatus, Trigger
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.queries import (
    RunFilters,
    items_worth_reading,
    progress,
    run_detail,
    run_items,
    run_list,
)
from tenantatlas.runs.services import cancel_run, retry_failed_items, worker_alive
from tenantatlas.tenants.queries import tenants_of

_COLUMNS = ("run", "tenant", "operation", "subject", "status", "outcome", "started_by", "created", "counts")
_POLL_SECONDS = 0.5
_NOUN = "run"

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's number.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Runs: what is being done, and what was.", no_args_is_help=True)
    app.add_typer(group, name="runs")
    for command in (list_, show, watch, cancel, retry):
        group.command(name=command.__name__.rstrip("_"))(command)


def list_(
    *,
    tenant: Annotated[str, typer.Option("--tenant", "-t", metavar="SLUG", help="Only this tenant.")] = "",
    operation: Annotated[str, typer.Option(metavar="KEY", help="Only this operation.")] = "",
    status: Annotated[RunStatus | None, typer.Option(help="Only runs in this status.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only runs with this outcome.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many of each tenant.")] = 50,
) -> None:
    """List runs of the last 30 days and open ones, newest first."""
    filters = RunFilters(
        operations=[operation] if operation else (),
        statuses=[status.value] if status else (),
        outcomes=[outcome.value] if outcome else (),
    )
    print_rows(
        _runs(tenant, filters, limit=limit),
        columns=_COLUMNS,
        empty="No run yet. Start one with `tenantatlas backup -t SLUG --wait`.",
    )


def _runs(slug: str, filters: RunFilters, *, limit: int) -> Iterator[dict[str, Json]]:
    for each in [slug] if slug else [tenant.slug for tenant in tenants_of(acting_user())]:
        with in_tenant(each) as session:
            yield from (_facts(run) for run in run_list(session.tenant, filters)[:limit])


def show(
    run_: RunArgument,
    *,
    items: Annotated[bool, typer.Option("--items", help="List the run's items, one a line.")] = False,
) -> None:
    """Show one run: how far it is, what went wrong, what it made; or its items."""
    with in_tenant_of(OperationRun, run_, noun=_NOUN) as (session, run):
        if items:
            print_rows(
                (_item(item) for item in run_items(run)),
                columns=("type", "label", "state", "action", "message"),
                empty="The run has no items.",
            )
            return
        detail = run_detail(session.tenant, run.pk)
        facts = _facts(detail.run) | {
            "label": detail.label,
            "progress": detail.progress.sentence,
            "percent": detail.progress.percent,
            "notice": detail.progress.notice,
            "waiting": detail.run.waiting_reason,
            "waiting_until": _time(detail.run.waiting_until),
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
        states = items_worth_reading(detail.run)
        if states:
            write_line("")
            print_rows(
                (_item(item) for item in run_items(run, states=states)[:50]),
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


def _facts(run: OperationRun) -> dict[str, Json]:
    return {
        "run": run.pk,
        "tenant": run.tenant.slug,
        "operation": run.operation,
        "subject": run.subject,
        "status": run.status,
        "outcome": run.outcome,
        "counts": run.counts,
        "started_by": run.initiator_name,
        "trigger": run.trigger,
        "created": _time(run.created_at),
        "started": _time(run.started_at),
        "ended": _time(run.ended_at),
        **run.context,
    }


def _item(item: RunItem) -> dict[str, Json]:
    return {
        "key": item.key,
        "type": item.type_key,
        "label": item.label,
        "state": item.state,
        "action": item.action,
        "reason": item.reason,
        "message": item.message,
        "hint": item.hint,
        "before_digest": item.before_digest,
        "after_digest": item.after_digest,
        "request_id": item.request_id,
        "details": item.details,
        "attempts": item.attempts,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
