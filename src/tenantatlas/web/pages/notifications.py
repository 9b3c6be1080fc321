"""The bell and its page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.notifications.queries import latest_notifications, unread_count
from tenantatlas.notifications.services import mark_all_read
from tenantatlas.web.requests import PersonRequest

SHOWN = 50


@require_GET
def notification_list(request: PersonRequest) -> HttpResponse:
    """Newest first; one entry per run, updated in place."""
    rows = latest_notifications(request.user.pk, limit=SHOWN)
    return render(request, "web/notifications/list.html", {"title": "Notifications", "notifications": rows})


@require_GET
def bell(request: PersonRequest) -> HttpResponse:
    """The bell's own fragment."""
    return render(request, "web/notifications/_bell.html", {"unread": unread_count(request.user.pk)})


@require_POST
def mark_read(request: PersonRequest) -> HttpResponse:
    """Everything read."""
    mark_all_read(user_id=request.user.pk)
    return redirect("notification_list")
