"""The bell, its panel, and the page behind it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.notifications.queries import latest_notifications, unread_count
from tenantatlas.notifications.services import mark_all_read
from tenantatlas.web.htmx import render_page_or_part, unchanged
from tenantatlas.web.requests import PersonRequest

SHOWN = 50
IN_PANEL = 10


@require_GET
def notification_list(request: PersonRequest) -> HttpResponse:
    """Newest first; one entry per run, updated in place. As a fragment: the panel's ten."""
    rows = list(latest_notifications(request.user.pk, limit=SHOWN))
    context = {"title": "Notifications", "notifications": rows, "newest": rows[:IN_PANEL]}
    return render_page_or_part(
        request, "web/notifications/list.html", "web/notifications/_panel.html", context
    )


@require_GET
def bell(request: PersonRequest) -> HttpResponse:
    """The bell's own fragment; 204 while the number is the same."""
    unread = unread_count(request.user.pk)
    if request.GET.get("v") == str(unread):
        return unchanged()
    return render(request, "web/notifications/_bell.html", {"unread": unread})


@require_POST
def mark_read(request: PersonRequest) -> HttpResponse:
    """Everything read."""
    mark_all_read(user_id=request.user.pk)
    return redirect("notification_list")
