"""Who did what: a tenant's trail for its members, the install's own for its owners; and whether it holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.audit.models import AuditEntry
from tenantatlas.audit.queries import ENTRY_FACTS, AuditFilters, audit_entries, entry_facts, verify_newest
from tenantatlas.core import clock
from tenantatlas.core.json import Json
from tenantatlas.runs.registry import label_of
from tenantatlas.tenants.queries import require_install_owner
from tenantatlas.web import filters
from tenantatlas.web.exports import export_response
from tenantatlas.web.queries import PAGES, pages_of
from tenantatlas.web.requests import PersonRequest, TenantRequest

SHOWN = 50
#: As many entries are verified while a person waits; the command verifies all.
VERIFIED = 10_000
DAYS = 30
#: As many plain details stand on the page itself.
_INLINE = 3
#: How the trail names what it is about.
_SUBJECT = re.compile(rf"(?P<kind>{'|'.join(PAGES)})[ /](?P<number>[0-9]{{1,15}})")
_DAY = timedelta(days=1)


@require_GET
@filters.remembered("audit")
def audit(request: TenantRequest) -> HttpResponse | StreamingHttpResponse:
    """What was done in this tenant, newest first."""
    context = {"title": "Audit", "section": "audit", "command": _command_of(request.tenant.slug)}
    return _page(request, request.tenant.pk, context)


@require_POST
def audit_verify(request: TenantRequest) -> HttpResponse:
    """Say whether the tenant's trail is as it was written."""
    _say(request, request.tenant.pk, command=_command_of(request.tenant.slug))
    return redirect("audit", slug=request.tenant.slug)


@require_GET
@filters.remembered("install_audit")
def install_audit(request: PersonRequest) -> HttpResponse | StreamingHttpResponse:
    """Sign-ins, people and tenants of this install."""
    require_install_owner(request.user)
    context = {"title": "Audit of this install", "section": "install_audit", "command": _command_of()}
    return _page(request, None, context)


@require_POST
def install_audit_verify(request: PersonRequest) -> HttpResponse:
    """Say whether the install's trail is as it was written."""
    require_install_owner(request.user)
    _say(request, None, command=_command_of())
    return redirect("install_audit")


def _page(
    request: HttpRequest, chain: int | None, context: dict[str, Json]
) -> HttpResponse | StreamingHttpResponse:
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    since = _day(request, "from") or today - DAYS * _DAY
    until = _day(request, "to")
    asked = AuditFilters(
        who=filters.text(request, "who"),
        what=filters.text(request, "what"),
        subject=filters.text(request, "q"),
        since=since,
        until=until + _DAY if until else None,
    )
    found = audit_entries(chain, asked)
    entries = (entry_facts(entry) for entry in found.iterator(chunk_size=1000))
    if file := export_response(request, name="audit", columns=ENTRY_FACTS, rows=entries):
        return file
    before = filters.number(request, "before")
    rows = list((found.filter(sequence__lt=before) if before else found)[: SHOWN + 1])
    context |= {
        "rows": _rows(rows[:SHOWN], chain),
        "older": rows[SHOWN - 1].sequence if len(rows) > SHOWN else 0,
        "newer": bool(before),
        "asked": asked,
        "since": since,
        "until": until,
        "days": 0 if request.GET.get("from") else DAYS,
        "verified": f"{VERIFIED:,}",
        "narrowed": bool(asked.who or asked.what or asked.subject or until or request.GET.get("from")),
    }
    return render(request, "web/audit/list.html", context)


def _rows(entries: Sequence[AuditEntry], chain: int | None) -> list[dict[str, Json]]:
    """The entries as they are shown; what each is about leads to its page, where the tenant has one still."""
    named = {entry.sequence: _SUBJECT.fullmatch(entry.subject) for entry in entries if chain is not None}
    there = pages_of((found["kind"], int(found["number"])) for found in named.values() if found)
    return [_row(entry, named.get(entry.sequence), there) for entry in entries]


def _row(
    entry: AuditEntry, named: re.Match[str] | None, there: Collection[tuple[str, int]]
) -> dict[str, Json]:
    kind, number = (named["kind"], int(named["number"])) if named else ("", 0)
    what, _, operation = entry.action.partition(":")
    details = sorted(entry.details.items()) if isinstance(entry.details, dict) else []
    return {
        "about": f"{kind.capitalize()} #{number}" if named else entry.subject,
        "page": PAGES[kind] if (kind, number) in there else "",
        "number": number,
        "what": f"{what.replace('.', ' ').capitalize()}: {label_of(operation)}" if operation else "",
        "folded": len(details) > _INLINE or any(isinstance(value, dict | list) for _, value in details),
        "sequence": entry.sequence,
        "at": entry.at,
        "who": entry.actor_name,
        "action": entry.action,
        "details": details,
        "digest": entry.digest,
    }


def _day(request: HttpRequest, name: str) -> datetime | None:
    """The day in the query string; one that cannot be read is dropped, and said."""
    text = request.GET.get(name, "")
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        messages.info(request, f"The link asked for the day “{text[:30]}”, which is none: left out.")
        return None


def _command_of(slug: str = "") -> str:
    """The command that verifies the whole trail of a tenant, or the install's own."""
    return f"tenantatlas audit verify -t {slug}" if slug else "tenantatlas audit verify"


def _say(request: HttpRequest, chain: int | None, *, command: str) -> None:
    report = verify_newest(chain, most=VERIFIED)
    if not report.intact:
        messages.error(request, f"The trail does not hold at entry {report.first_bad}: {report.reason}.")
    elif report.entries < report.head.sequence:
        messages.success(
            request,
            f"The newest {report.entries} of {report.head.sequence} entries are as they were written. "
            f"Verify all with `{command}`.",
        )
    else:
        messages.success(request, f"All {report.entries} entries are as they were written.")
