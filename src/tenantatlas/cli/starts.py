"""Starting runs from the command line, and what a start prints.

The object: run, created, status, outcome, counts, and the ids of what the run made (`set`, `restore`).
With `--wait` the exit code is the outcome's: succeeded 0, partly 3, failed its first cause's (else 1),
blocked its cause's, cancelled 8; `runs.reasons` says what each failure's code amounts to. A run that could
not be handed over has ended, with or without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import typer

from tenantatlas.core import errors
from tenantatlas.core.json import Json
from tenantatlas.runs.lifecycle import BLOCKING_CODES, Outcome, RunStatus, Trigger, words_of
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.reasons import exit_code_of_failures
from tenantatlas.runs.services import start_run, work_until_done, worker_alive

from .output import note, print_start
from .session import Session

_EXIT_INCOMPLETE = errors.Incomplete.exit_code


def start_and_wait(
    key: str,
    session: Session,
    *,
    params: Any,
    wait: bool,
    nonce: str = "",
    extra: Callable[[OperationRun], Mapping[str, Json]] | None = None,
    sentence: Callable[[OperationRun], str] | None = None,
) -> None:
    """Start the operation and print the object of the start; with `wait`, once the run has ended.

    `extra` adds what this operation's object carries besides, `sentence` is what people read instead of the
    run's own. Leaves with the outcome's exit code where it
    waited, or where the run could not be handed over.
    """
    run, created = start_run(
        key,
        tenant=session.tenant,
        params=params,
        actor=session.user,
        trigger=Trigger.CLI,
        nonce=nonce,
    )
    finish_start(run, created=created, wait=wait, extra=extra, sentence=sentence)


def finish_start(
    run: OperationRun,
    *,
    created: bool,
    wait: bool,
    extra: Callable[[OperationRun], Mapping[str, Json]] | None = None,
    sentence: Callable[[OperationRun], str] | None = None,
) -> None:
    """The second half of `start_and_wait`, for runs that were started in another way (retry)."""
    if not created:
        note(f"Already {already(run)}: run {run.pk}. See it with `tenantatlas runs show {run.pk}`.")
    if wait:
        run = work_until_done(run)
    elif run.is_open and not worker_alive():
        note("No worker is alive: the run waits for one. Start it with `tenantatlas worker` or add --wait.")
    data: dict[str, Json] = {"run": run.pk, "created": created, **run_facts(run)}
    if extra is not None:
        data.update(extra(run))
    print_start(data, sentence=(sentence and sentence(run)) or _sentence(run))
    if wait or run.not_handed_over:
        _explain(run)
        raise typer.Exit(exit_code_of(run))


def already(run: OperationRun) -> str:
    """Where the run is that a start was given instead of a new one."""
    return "running" if run.status == RunStatus.RUNNING else "queued" if run.is_open else "done"


def run_facts(run: OperationRun) -> dict[str, Json]:
    """What every object about a run carries: status, outcome, counts and related ids."""
    return {"status": run.status, "outcome": run.outcome, "counts": run.counts, **run.context}


def exit_code_of(run: OperationRun) -> int:
    """The exit code of a run's outcome; 0 for one that has not ended."""
    if run.outcome == Outcome.PARTIALLY_SUCCEEDED:
        return _EXIT_INCOMPLETE
    if run.outcome == Outcome.CANCELLED:
        return errors.Cancelled.exit_code
    if run.outcome in (Outcome.FAILED, Outcome.BLOCKED):
        codes = [failure.get("code", "") for failure in run.failures]
        causes = [code for code in codes if code in BLOCKING_CODES] if run.outcome == Outcome.BLOCKED else []
        return exit_code_of_failures(causes or codes)
    return 0


def _sentence(run: OperationRun) -> str:
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in run.counts.items() if count)
    return f"Run {run.pk}: {run.subject}: {words_of(run.word)}" + (f" ({counts})" if counts else "")


def _explain(run: OperationRun) -> None:
    for failure in run.failures:
        times = f" ({failure['count']} times)" if failure.get("count", 1) > 1 else ""
        note(f"{words_of(run.word)}: {failure.get('message', '')}{times}")
        if failure.get("hint"):
            note(f"hint: {failure['hint']}")
