"""How a person likes to see things."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from tenantatlas.web import personal
from tenantatlas.web.requests import PersonRequest

from .session import next_within_site

LONGEST_NAME = 40


@require_POST
def view_columns(request: PersonRequest) -> HttpResponse:
    """Which columns of a table the person wants to see."""
    there, shown = request.POST.getlist("column"), set(request.POST.getlist("show"))
    kept = personal.read(request)
    hidden = [key[:LONGEST_NAME] for key in there if key not in shown]
    kept.hide_columns(request.POST.get("table", "")[:LONGEST_NAME], hidden)
    response = redirect(next_within_site(request, "/"))
    personal.write(response, kept)
    return response
