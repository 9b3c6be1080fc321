"""`tenantatlas audit`: who did what, and whether the trail was rewritten."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from tenantatlas.accounts.models import User
from tenantatlas.audit.chain import Head
from tenantatlas.audit.queries import AuditFilters, audit_entries, entry_facts, verify_chain
from tenantatlas.audit.services import record_event
from tenantatlas.cli.output import note, print_object, print_rows, write_line
from tenantatlas.cli.session import acting_user, in_tenant
from tenantatlas.core.errors import InputError, StorageFailed
from tenantatlas.core.json import Json, dumps
from tenantatlas.tenants.queries import require_install_owner

_COLUMNS = ("at", "who", "action", "subject", "details")
_DAY = timedelta(days=1)

TenantOption = Annotated[
    str, typer.Option("--tenant", "-t", metavar="SLUG", help="The tenant; without, the install's own trail.")
]
WhoOption = Annotated[str, typer.Option(metavar="WORDS", help="Only entries of who is called so.")]
WhatOption = Annotated[str, typer.Option(metavar="WORDS", help="Only actions with these words, such as run.")]
SubjectOption = Annotated[str, typer.Option(metavar="WORDS", help="Only what concerns this.")]
SinceOption = Annotated[str, typer.Option(metavar="DATE", help="From this day on, UTC: 2026-11-23.")]
UntilOption = Annotated[str, typer.Option(metavar="DATE", help="Until the end of this day, UTC.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Who did what, and whether the trail was rewritten.", no_args_is_help=True)
    app.add_typer(group, name="audit")
    for command in (list_, verify, export):
        group.command(name=command.__name__.rstrip("_"))(command)


def list_(
    *,
    tenant: TenantOption = "",
    who: WhoOption = "",
    what: WhatOption = "",
    subject: SubjectOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> None:
    """List entries, newest first."""
    asked = _filters(who=who, what=what, subject=subject, since=since, until=until)
    with _chain_of(tenant) as (_, chain):
        entries = audit_entries(chain, asked)[:limit]
        print_rows((entry_facts(each) for each in entries), columns=_COLUMNS, empty="No such entry.")


def verify(
    *,
    tenant: TenantOption = "",
    anchor: Annotated[
        str,
        typer.Option(
            metavar="NUMBER:DIGEST",
            help="An end of the trail that was noted elsewhere: it must still be in it.",
        ),
    ] = "",
) -> None:
    """Verify that no entry was changed, added, moved or removed. Prints the end of the trail, to be noted."""
    noted = _anchor(anchor)
    with _chain_of(tenant) as (_, chain):
        report = verify_chain(chain, anchor=noted)
    if not report.intact:
        raise StorageFailed(
            f"The trail does not hold at entry {report.first_bad}: {report.reason}.",
            hint="Keep the database as it is and compare it with a copy by `tenantatlas self backup`.",
        )
    end = f"{report.head.sequence}:{report.head.digest}"
    facts: dict[str, Json] = {"tenant": tenant, "intact": True, "entries": report.entries, "end": end}
    print_object(facts, text=f"All {report.entries} entries are as they were written. The end is {end}")
    note("Note the end elsewhere: `audit verify --anchor` then also finds a trail rewritten as a whole.")


def export(
    *,
    tenant: TenantOption = "",
    who: WhoOption = "",
    what: WhatOption = "",
    subject: SubjectOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
) -> None:
    """Write entries to standard output, oldest first, one JSON object a line. The export is audited."""
    asked = _filters(who=who, what=what, subject=subject, since=since, until=until)
    with _chain_of(tenant) as (actor, chain):
        number = 0
        for entry in audit_entries(chain, asked).order_by("sequence").iterator(chunk_size=1000):
            write_line(dumps(entry_facts(entry)).decode("utf-8"))
            number += 1
        record_event(
            tenant_id=chain,
            actor_id=actor.pk,
            actor_name=actor.display_name,
            action="audit.exported",
            subject=tenant or "install",
            details={"entries": number, "by": "command line"},
        )
    note(f"{number} entries.")


@contextlib.contextmanager
def _chain_of(slug: str) -> Iterator[tuple[User, int | None]]:
    """Who acts, and the chain: of a tenant for its members, the install's own for its owners."""
    if slug:
        with in_tenant(slug) as session:
            yield session.user, session.tenant.pk
        return
    actor = acting_user()
    require_install_owner(actor)
    yield actor, None


def _filters(*, who: str, what: str, subject: str, since: str, until: str) -> AuditFilters:
    last = _day(until, option="--until")
    return AuditFilters(
        who=who,
        what=what,
        subject=subject,
        since=_day(since, option="--since"),
        until=last + _DAY if last else None,
    )


def _day(text: str, *, option: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise InputError(f"{text[:30]!r} is not a day.", hint=f"Write {option} 2026-11-23.") from error


def _anchor(text: str) -> Head | None:
    if not text:
        return None
    number, _, digest = text.partition(":")
    if not (number.isdecimal() and digest):
        raise InputError("--anchor takes a number and a digest.", hint="Write what `audit verify` printed.")
    return Head(sequence=int(number), digest=digest)
