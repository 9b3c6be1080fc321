"""`tenantatlas schedules`: any operation, on a cadence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any

import typer

from tenantatlas.accounts.preferences import ZONE, preference
from tenantatlas.cli.commands.run import pairs
from tenantatlas.cli.output import note, print_object, print_rows, wants_json, write_line
from tenantatlas.cli.session import Session, TenantOption, WaitOption, acting_user, in_tenant, in_tenant_of
from tenantatlas.cli.starts import finish_start
from tenantatlas.core import clock, errors, ids
from tenantatlas.core.errors import InputError
from tenantatlas.core.json import Json
from tenantatlas.runs.expiring import tell_of_ending_credentials
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.registry import get_operation, params_from_text, params_to_json
from tenantatlas.schedules import queries, services
from tenantatlas.schedules.due import (
    Cadence,
    CadenceKind,
    describe,
    describe_clock_changes,
    find_zone,
    next_slots,
)
from tenantatlas.schedules.models import Missed, Schedule, ScheduleSlot, Tell
from tenantatlas.schedules.promises import tell_of_late_backups
from tenantatlas.schedules.services import Wanted
from tenantatlas.tenants.expiry import consequence
from tenantatlas.tenants.queries import tenants_of

_COLUMNS = ("schedule", "tenant", "name", "operation", "cadence", "state", "next", "last_outcome")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NOUN = "schedule"

ScheduleArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule's number.")]
DailyOption = Annotated[str, typer.Option("--daily", metavar="HH:MM", help="Every day at that time.")]
WeeklyOption = Annotated[
    str, typer.Option("--weekly", metavar="DAYS@HH:MM", help="On weekdays: mon,thu@02:00.")
]
CronOption = Annotated[str, typer.Option("--cron", metavar="EXPR", help='Five fields, quoted: "0 2 1 * *".')]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="K=V", help="A parameter of the operation; may be given again."),
]
MissedOption = Annotated[
    Missed | None, typer.Option("--missed", help="When no scheduler was running at the time.")
]
TellOption = Annotated[Tell | None, typer.Option("--tell", help="On which outcomes the owner is told.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Schedules: any operation, on a cadence.", no_args_is_help=True)
    app.add_typer(group, name="schedules")
    commands: tuple[Callable[..., None], ...] = (
        *(add, list_, show, slots, next_, update, pause, resume, run, retry, duplicate),
        *(take_over, follow, archive, restore, delete, check),
    )
    for command in commands:
        group.command(name=command.__name__.rstrip("_").replace("_", "-"))(command)


def add(  # noqa: PLR0913 - one for each option
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    *,
    tenant: TenantOption,
    operation: Annotated[
        str, typer.Option("--operation", metavar="KEY", help="What to run.")
    ] = queries.CAPTURE,
    daily: DailyOption = "",
    weekly: WeeklyOption = "",
    cron: CronOption = "",
    zone: Annotated[
        str, typer.Option("--zone", metavar="ZONE", help="Its time zone; yours from the preferences without.")
    ] = "",
    param: ParamOption = None,
    missed: MissedOption = None,
    tell: TellOption = None,
    keep_last: Annotated[
        int | None, typer.Option("--keep-last", metavar="N", min=1, help="Keep the last N complete sets.")
    ] = None,
) -> None:
    """Put an operation on a schedule. You own it: its runs have your rights."""
    with in_tenant(tenant) as session:
        cadence = _cadence(daily, weekly, cron, zone or preference(session.user.preferences, ZONE))
        if cadence is None:
            raise InputError("Say when: --daily, --weekly or --cron.", hint="Write --daily 02:00.")
        wanted = Wanted(
            name=name,
            operation=operation,
            cadence=cadence,
            params=_params(operation, param),
            missed=missed or Missed.RUN_ONCE,
            owner_told=tell or Tell.ALWAYS,
            keep_last=keep_last,
        )
        _say(services.add_schedule(session.tenant, wanted, actor=session.user))


def list_(
    *,
    tenant: Annotated[str, typer.Option("--tenant", "-t", metavar="SLUG", help="Only this tenant.")] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Those that were put away.")] = False,
) -> None:
    """List schedules by name."""
    print_rows(
        _rows(tenant, archived=archived),
        columns=_COLUMNS,
        empty='No schedule yet. Make one with `tenantatlas schedules add "Nightly" -t SLUG --daily 02:00`.',
    )


def _rows(slug: str, *, archived: bool) -> Iterator[dict[str, Json]]:
    for each in [slug] if slug else [tenant.slug for tenant in tenants_of(acting_user())]:
        with in_tenant(each):
            for row in queries.schedule_rows(queries.schedule_list(archived=archived)):
                yield _facts(row)


def show(schedule: ScheduleArgument) -> None:
    """Show a schedule: what, when, whose, and what became of its last slots."""
    with _schedule(schedule) as (_, found):
        (row,) = queries.schedule_rows([found])
        facts = _facts(row) | {
            "params": found.params,
            "missed": found.missed,
            "owner_told": found.owner_told,
            "keep_last": found.keep_last,
            "followers": [each.user.email for each in found.followers.select_related("user")],
            "clock_changes": describe_clock_changes(found.cadence, after=clock.now()),
        }
        if wants_json():
            print_object(facts)
            return
        print_object(facts)
        write_line("")
        _print_slots(found, limit=5)


def slots(
    schedule: ScheduleArgument,
    *,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> None:
    """List a schedule's slots, newest first: started, or skipped and why."""
    with _schedule(schedule) as (_, found):
        _print_slots(found, limit=limit)


def _print_slots(schedule: Schedule, *, limit: int) -> None:
    print_rows(
        (_slot_facts(slot) for slot in queries.slot_list(schedule)[:limit]),
        columns=("slot", "due", "state", "reason", "run", "outcome"),
        empty="It has not been due yet.",
    )


def next_(
    schedule: Annotated[str, typer.Argument(metavar="[SCHEDULE]", help="The schedule's number.")] = "",
    *,
    daily: DailyOption = "",
    weekly: WeeklyOption = "",
    cron: CronOption = "",
    zone: Annotated[
        str, typer.Option("--zone", metavar="ZONE", help="With a cadence: its time zone.")
    ] = "UTC",
    count: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 5,
) -> None:
    """Print the next times of a schedule, or of a cadence that is not one yet."""
    cadence = _cadence(daily, weekly, cron, zone)
    if cadence is not None and not schedule:
        _print_next(cadence, count)
        return
    if cadence is not None or not schedule:
        raise InputError("Give either a schedule's number, or --daily, --weekly or --cron.")
    with _schedule(schedule) as (_, found):
        if not found.is_on:
            note(f"{found.name} is {'archived' if found.archived_at else 'paused'}: it would run then.")
        _print_next(found.cadence, count)


def _print_next(cadence: Cadence, count: int) -> None:
    where = find_zone(cadence.zone)
    print_rows(
        (
            {
                "local": f"{slot.at.astimezone(where):%Y-%m-%d %H:%M %z}",
                "zone": cadence.zone,
                "utc": _time(slot.at),
            }
            for slot in next_slots(cadence, after=clock.now(), number=count)
        ),
        columns=("local", "zone", "utc"),
    )
    for sentence in describe_clock_changes(cadence, after=clock.now()):
        note(sentence)


def update(  # noqa: PLR0913 - one for each option
    schedule: ScheduleArgument,
    *,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Another name.")] = "",
    daily: DailyOption = "",
    weekly: WeeklyOption = "",
    cron: CronOption = "",
    zone: Annotated[str, typer.Option("--zone", metavar="ZONE", help="Another time zone.")] = "",
    param: ParamOption = None,
    missed: MissedOption = None,
    tell: TellOption = None,
    keep_last: Annotated[
        int | None,
        typer.Option("--keep-last", metavar="N", min=0, help="Keep the last N complete sets; 0 all."),
    ] = None,
) -> None:
    """Change a schedule. Another cadence counts from now."""
    with _schedule(schedule) as (session, found):
        cadence = _cadence(daily, weekly, cron, zone or found.zone)
        changes: dict[str, Any] = {
            "name": name or None,
            "cadence": cadence or (replace(found.cadence, zone=zone) if zone else None),
            "params": _params(found.operation, param, found.params) if param else None,
            "missed": missed,
            "owner_told": tell,
        }
        given = {key: value for key, value in changes.items() if value is not None}
        if keep_last is not None:
            given["keep_last"] = keep_last or None
        if not given:
            raise InputError("Nothing to change.", hint="See `tenantatlas schedules update --help`.")
        wanted = replace(services.wanted_of(found), **given)
        _say(services.change_schedule(found, wanted, actor=session.user))


def pause(schedule: ScheduleArgument) -> None:
    """Start nothing until it is resumed."""
    _switch(schedule, services.pause_schedule)


def resume(schedule: ScheduleArgument) -> None:
    """Go on from now; what was due meanwhile is not made up for."""
    _switch(schedule, services.resume_schedule)


def archive(schedule: ScheduleArgument) -> None:
    """Put it away: it starts nothing and leaves the list."""
    _switch(schedule, services.archive_schedule)


def restore(schedule: ScheduleArgument) -> None:
    """Take it back from the archive."""
    _switch(schedule, services.restore_schedule)


def take_over(schedule: ScheduleArgument) -> None:
    """Become its owner: its runs have your rights from now on."""
    _switch(schedule, services.take_over)


def duplicate(
    schedule: ScheduleArgument,
    *,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the copy is called.")] = "",
) -> None:
    """Make a paused copy."""
    with _schedule(schedule) as (session, found):
        _say(services.duplicate_schedule(found, actor=session.user, name=name))


def delete(schedule: ScheduleArgument) -> None:
    """Delete it with its history. Its runs and backup sets stay."""
    with _schedule(schedule) as (session, found):
        number, name = found.pk, found.name
        services.delete_schedule(found, actor=session.user)
        print_object({"schedule": number, "deleted": True}, text=f"{name} is deleted.")


def follow(
    schedule: ScheduleArgument,
    *,
    tell: Annotated[Tell, typer.Option("--tell", help="On which outcomes; never stops it.")] = Tell.PROBLEMS,
) -> None:
    """Be told of its runs besides its owner."""
    with _schedule(schedule) as (session, found):
        if tell is Tell.NEVER:
            services.unfollow_schedule(found, user=session.user, actor=session.user)
        else:
            services.follow_schedule(found, user=session.user, told=tell, actor=session.user)
        print_object(
            {"schedule": found.pk, "person": session.user.email, "told": tell.value},
            text=f"{session.user.email} is told of {found.name}: {tell.label.lower()}.",
        )


def run(schedule: ScheduleArgument, *, wait: WaitOption = False) -> None:
    """Do its work once, now, with your rights."""
    with _schedule(schedule) as (session, found):
        made, created = services.run_now(found, actor=session.user, trigger=Trigger.CLI, nonce=ids.fresh_id())
        finish_start(made, created=created, wait=wait)


def retry(
    schedule: ScheduleArgument,
    *,
    slot: Annotated[
        str, typer.Option("--slot", metavar="SLOT", help="The slot's number; the newest without.")
    ] = "",
    wait: WaitOption = False,
) -> None:
    """Do the work of a slot again that failed or was skipped."""
    with _schedule(schedule) as (session, found):
        chosen = _slot(found, slot)
        made, created = services.retry_slot(
            chosen, actor=session.user, trigger=Trigger.CLI, nonce=ids.fresh_id()
        )
        finish_start(made, created=created, wait=wait)


def _slot(schedule: Schedule, number: str) -> ScheduleSlot:
    if number and not (number.isascii() and number.isdigit()):
        raise InputError(f"{number[:60]!r} is not the number of a slot.")
    chosen = queries.find_slot(schedule, int(number)) if number else queries.newest_slot(schedule)
    if chosen is None:
        raise InputError("It has not been due yet.", hint="Run it now: `tenantatlas schedules run`.")
    return chosen


def check() -> None:
    """Say which backups are overdue, and tell their owners; leaves with 3 if any is. For monitoring.

    Owners are told of credentials that end soon, too.
    """
    mine = set(tenants_of(acting_user()).values_list("pk", flat=True))
    for app, end in tell_of_ending_credentials():
        if app.tenant_id in mine:
            note(f"warning: {consequence(app, end)}")
    late = [one for one in tell_of_late_backups() if one.schedule.tenant_id in mine]
    print_rows(
        (
            {
                "tenant": one.schedule.tenant.slug,
                "schedule": one.schedule.pk,
                "name": one.schedule.name,
                "last_good": _time(one.last_good) if one.last_good else None,
                "overdue_since": _time(one.since),
                "message": one.sentence,
            }
            for one in late
        ),
        columns=("tenant", "schedule", "name", "overdue_since", "message"),
        empty="No backup is overdue.",
    )
    if late:
        raise typer.Exit(errors.Incomplete.exit_code)


# ── Reading and saying ────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _schedule(number: str) -> Iterator[tuple[Session, Schedule]]:
    """The schedule, in its tenant's scope."""
    with in_tenant_of(Schedule, number, noun=_NOUN) as (session, found):
        yield session, queries.find_schedule(found.pk)


def _switch(number: str, change: Callable[..., Schedule]) -> None:
    with _schedule(number) as (session, found):
        _say(change(found, actor=session.user))


def _say(schedule: Schedule) -> None:
    (row,) = queries.schedule_rows([queries.find_schedule(schedule.pk)])
    facts = _facts(row)
    following = f", next {facts['next']}" if facts["next"] else ""
    print_object(facts, text=f"{schedule.name} ({schedule.pk}): {row.cadence}; {facts['state']}{following}.")


def _cadence(daily: str, weekly: str, cron: str, zone: str) -> Cadence | None:
    if sum(map(bool, (daily, weekly, cron))) > 1:
        raise InputError("Give one of --daily, --weekly and --cron.")
    if cron:
        return services.read_cadence(kind=CadenceKind.CRON, zone=zone, cron=cron)
    if weekly:
        days, _, at = weekly.partition("@")
        return services.read_cadence(
            kind=CadenceKind.WEEKLY,
            zone=zone,
            at=at,
            weekdays=tuple(_weekday(day) for day in days.split(",")),
        )
    return services.read_cadence(kind=CadenceKind.DAILY, zone=zone, at=daily) if daily else None


def _weekday(text: str) -> int:
    day = text.strip().lower()[:3]
    if day not in _DAYS:
        raise InputError(f"{text[:20]!r} is not a weekday.", hint="Write --weekly mon,thu@02:00.")
    return _DAYS.index(day) + 1


def _params(
    operation: str, given: list[str] | None, before: dict[str, Json] | None = None
) -> dict[str, Json]:
    """The parameters, read from texts; those that are not given stay as they were."""
    if not given:
        return before or {}
    kept = {name: _as_text(value) for name, value in (before or {}).items() if value not in (None, "", {})}
    return params_to_json(params_from_text(get_operation(operation), {**kept, **pairs(given)}))


def _as_text(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _facts(row: queries.ScheduleRow) -> dict[str, Json]:
    schedule = row.schedule
    state = "archived" if schedule.archived_at else "paused" if schedule.paused_at else "on"
    return {
        "schedule": schedule.pk,
        "tenant": schedule.tenant.slug,
        "name": schedule.name,
        "operation": schedule.operation,
        "cadence": describe(schedule.cadence),
        "zone": schedule.zone,
        "state": state,
        "next": _time(row.following.at) if row.following else None,
        "last_run": row.last_run.pk if row.last_run else None,
        "last_outcome": row.last_run.word if row.last_run else None,
        "owner": schedule.owner.email,
        "overdue": row.late.sentence if row.late else None,
    }


def _slot_facts(slot: ScheduleSlot) -> dict[str, Json]:
    return {
        "slot": slot.pk,
        "due": _time(slot.due_at),
        "state": slot.state,
        "reason": slot.reason or None,
        "run": slot.run_id,
        "outcome": slot.run.word if slot.run else None,
    }


def _time(moment: Any) -> str:
    return str(moment.isoformat(timespec="seconds"))
