"""The bell, its panel, and the page behind it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.core.json import Json
from tenantatlas.notifications import queries
from tenantatlas.notifications.models import Notification, Tone
from tenantatlas.notifications.services import PROBLEMS, mark_all_read
from tenantatlas.web import filters
from tenantatlas.web.htmx import unchanged, wants_part
from tenantatlas.web.requests import PersonRequest

PER_PAGE = 50
IN_PANEL = 10
#: The panel looks at so many to fill its lines: the same trouble again and again is one of them.
LOOKED_AT = 100
SHOW = {"unread": "Unread", "problems": "Problems"}
#: tone -> the icon beside what it says, and the word for who does not see it.
SIGNS = {
    Tone.INFO: ("dot", "News"),
    Tone.NEUTRAL: ("dot", "News"),
    Tone.SUCCESS: ("check", "Done"),
    Tone.WARNING: ("half", "Look at this"),
    Tone.DANGER: ("cross", "Failed"),
    Tone.PURPLE: ("lock", "Blocked"),
}


@require_GET
@filters.remembered("notifications")
def notification_list(request: PersonRequest) -> HttpResponse:
    """Newest first; one entry per run, updated in place. As a fragment: the panel's ten lines."""
    person = request.user.pk
    if wants_part(request):
        newest = queries.latest_notifications(person, limit=LOOKED_AT)
        rows = _signed(queries.lines(newest)[:IN_PANEL])
        unread = any(line.unread for line, _, _ in rows)
        return render(request, "web/notifications/_panel.html", {"lines": rows, "unread": unread})
    tenants = [(tenant.slug, tenant.name) for tenant in queries.tenants_told_of(person)]
    asked = {
        "q": filters.text(request, "q"),
        "show": filters.chosen(request, "show", SHOW),
        "tenant": filters.chosen(request, "tenant", dict(tenants)),
    }
    found = queries.notification_list(
        person,
        text=asked["q"],
        tenant=asked["tenant"],
        unread=asked["show"] == "unread",
        tones=[tone.value for tone in PROBLEMS] if asked["show"] == "problems" else (),
    )
    page = filters.page_of(request, found, PER_PAGE)
    context: dict[str, Json] = {
        "title": "Notifications",
        "section": "notifications",
        "page": page,
        "lines": _signed(queries.lines(page.object_list)),
        "asked": asked,
        "filtered": any(asked.values()),
        "tenants": tenants,
        "show": SHOW.items(),
    }
    return render(request, "web/notifications/list.html", context)


def _signed(lines: list[queries.Line]) -> list[tuple[queries.Line, str, str]]:
    """Each line with its icon and the icon's word."""
    return [(line, *SIGNS[_tone(line.newest)]) for line in lines]


def _tone(row: Notification) -> Tone:
    return Tone(row.tone)


@require_GET
def bell(request: PersonRequest) -> HttpResponse:
    """The bell's own fragment; 204 while the number is the same."""
    unread = queries.unread_count(request.user.pk)
    if request.GET.get("v") == str(unread):
        return unchanged()
    return render(request, "web/notifications/_bell.html", {"unread": unread})


@require_POST
def mark_read(request: PersonRequest) -> HttpResponse:
    """Everything read."""
    mark_all_read(user_id=request.user.pk)
    return redirect("notification_list")
