"""`tenantatlas drift`: compare states of a tenant, and decide about what was found."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated

import typer

from tenantatlas.backups.queries import find_set
from tenantatlas.cli.findings import found_by
from tenantatlas.cli.output import print_object, print_rows
from tenantatlas.cli.session import TenantOption, WaitOption, in_tenant, in_tenant_of
from tenantatlas.cli.starts import start_and_wait
from tenantatlas.cli.words import FoundationsOption, TypesOption, split_words, with_foundations
from tenantatlas.core import clock
from tenantatlas.core.errors import InputError
from tenantatlas.core.json import Json
from tenantatlas.drift import deciding, queries
from tenantatlas.drift.models import Baseline, Finding, FindingState
from tenantatlas.drift.operations import Against, DriftParams

_COLUMNS = ("finding", "state", "severity", "kind", "type", "name", "summary")
_OPEN, _ALL = "open", "all"

FindingArgument = Annotated[str, typer.Argument(metavar="FINDING", help="The finding's number.")]


def register(app: typer.Typer) -> None:
    """Add the command and what is below it."""
    group = typer.Typer(help="Compare states of a tenant.", invoke_without_command=True)
    group.callback()(drift)
    app.add_typer(group, name="drift")
    for command in (findings, acknowledge, ignore, reopen, baseline):
        group.command(name=command.__name__)(command)


def drift(
    ctx: typer.Context,
    *,
    tenant: Annotated[str, typer.Option("--tenant", "-t", metavar="SLUG", help="The tenant.")] = "",
    set_: Annotated[
        int, typer.Option("--set", metavar="SET", show_default=False, help="Compare this set with live.")
    ] = 0,
    against_baseline: Annotated[
        bool, typer.Option("--baseline", help="Compare the tenant's baseline with live.")
    ] = False,
    inventory: Annotated[
        bool, typer.Option("--inventory", help="Compare the newest inventory with the one before.")
    ] = False,
    types: TypesOption = None,
    foundations: FoundationsOption = None,
    wait: WaitOption = False,
) -> None:
    """Say what was added, removed or changed in the tenant. Reads only."""
    if ctx.invoked_subcommand is not None:
        return
    if not tenant:
        raise InputError("Name the tenant.", hint="Add -t SLUG.")
    against = _against(set_, against_baseline=against_baseline, inventory=inventory)
    with in_tenant(tenant) as session:
        params = DriftParams(
            against=against,
            set=set_,
            types=tuple(split_words([types])),
            foundations=with_foundations(foundations, types),
        )
        start_and_wait("drift.generate", session, params=params, wait=wait, extra=found_by)


def _against(set_: int, *, against_baseline: bool, inventory: bool) -> Against:
    if bool(set_) + against_baseline + inventory != 1:
        raise InputError(
            "Say what to compare with, and only one thing.",
            hint="Give --set SET, --baseline or --inventory.",
            details={"field": "set"},
        )
    if set_:
        return Against.SET
    return Against.BASELINE if against_baseline else Against.INVENTORY


def findings(
    *,
    tenant: TenantOption,
    state: Annotated[
        str, typer.Option(metavar="STATE", help="new, acknowledged, ignored, resolved, open or all.")
    ] = _OPEN,
    types: TypesOption = None,
) -> None:
    """List what comparisons found, gravest first. Open means not resolved."""
    known = {each.value: each for each in FindingState}
    if state not in (_OPEN, _ALL, *known):
        raise InputError(f"There is no state {state!r}.", hint=f"One of {', '.join([_OPEN, _ALL, *known])}.")
    with in_tenant(tenant):
        found = queries.finding_list(state=known.get(state), types=split_words([types]))
        if state == _OPEN:
            found = found.exclude(queries.in_state(FindingState.RESOLVED))
        print_rows(
            (queries.finding_facts(one) for one in found),
            columns=_COLUMNS,
            empty="No such finding. Look for drift with `tenantatlas drift -t SLUG --set SET --wait`.",
        )


def acknowledge(finding: FindingArgument) -> None:
    """Say that somebody has seen it; it stays listed until the drift is gone or another one."""
    with in_tenant_of(Finding, finding, noun="finding") as (session, _):
        found = queries.find_finding(int(finding))
        deciding.acknowledge_finding(found, actor=session.user)
        print_object(queries.finding_facts(found), text=f"The drift of {found.name} is acknowledged.")


def ignore(
    finding: FindingArgument,
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day, as YYYY-MM-DD.")] = "",
    days: Annotated[int, typer.Option(metavar="N", help="For so many days, unless --until is given.")] = 30,
    setting: Annotated[
        str, typer.Option(metavar="PATH", help="Only this setting, whatever it becomes, from now on.")
    ] = "",
) -> None:
    """Leave it out of what asks for attention, for a reason and until a day."""
    end = _end_of(until) if until else clock.now() + timedelta(days=days)
    with in_tenant_of(Finding, finding, noun="finding") as (session, _):
        found = queries.find_finding(int(finding))
        if setting:
            deciding.ignore_setting(found, path=setting, actor=session.user, reason=reason, until=end)
            text = f"{setting} of {found.name} is left out of comparisons until {end:%Y-%m-%d}."
        else:
            deciding.ignore_finding(found, actor=session.user, reason=reason, until=end)
            text = f"The drift of {found.name} is ignored until {end:%Y-%m-%d}."
        print_object(queries.finding_facts(found), text=text)


def reopen(finding: FindingArgument) -> None:
    """Take back that it was acknowledged or ignored."""
    with in_tenant_of(Finding, finding, noun="finding") as (session, _):
        found = queries.find_finding(int(finding))
        deciding.reopen_finding(found, actor=session.user)
        print_object(queries.finding_facts(found), text=f"The drift of {found.name} is new again.")


def baseline(
    *,
    tenant: TenantOption,
    set_: Annotated[
        int, typer.Option("--set", metavar="SET", show_default=False, help="Make this set the baseline.")
    ] = 0,
) -> None:
    """Show the backup set that says how the tenant should be, or choose it. A baseline set is kept."""
    with in_tenant(tenant) as session:
        if set_:
            chosen: Baseline | None = deciding.choose_baseline(find_set(set_), actor=session.user)
        else:
            chosen = queries.baseline_of_tenant()
        print_object(
            _baseline_facts(tenant, chosen),
            text="" if chosen else "No baseline is chosen. Choose one with --set SET.",
        )


def _baseline_facts(slug: str, chosen: Baseline | None) -> dict[str, Json]:
    return {
        "tenant": slug,
        "set": chosen.backup_set_id if chosen else None,
        "name": chosen.backup_set.name if chosen else None,
        "chosen_by": chosen.chosen_by if chosen else None,
        "chosen_at": chosen.chosen_at.isoformat(timespec="seconds") if chosen else None,
    }


def _end_of(day: str) -> datetime:
    try:
        chosen = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(f"{day[:40]!r} is not a day.", hint="Write it as 2027-01-31.") from None
    return datetime.combine(chosen.date(), time.max, tzinfo=UTC)
