"""How a person likes to see things: times, keys, notifications; the columns of a table."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from tenantatlas.accounts import preferences as known
from tenantatlas.accounts.services import set_preferences
from tenantatlas.core import clock
from tenantatlas.core.errors import InputError
from tenantatlas.core.json import Json
from tenantatlas.web import personal
from tenantatlas.web.requests import PersonRequest
from tenantatlas.web.times import times_for

from .session import next_within_site

LONGEST_NAME = 40


@require_http_methods(["GET", "POST"])
def preferences(request: PersonRequest) -> HttpResponse:
    """All of them on one page. A mistake is said beside its field, and nothing is changed."""
    asked = {name: request.POST[name] for name in (known.ZONE, *known.CHOICES) if name in request.POST}
    problems: list[dict[str, str]] = []
    if request.method == "POST":
        try:
            set_preferences(request.user, asked)
        except InputError as error:
            wrong = next(name for name, value in asked.items() if not known.is_allowed(name, value))
            problems.append({"field": wrong, "message": error.message, "hint": error.hint})
        else:
            messages.success(request, "Preferences saved.")
            return redirect("preferences")
    chosen = {**request.user.preferences, **asked}
    context: dict[str, Json] = {
        "title": "Preferences",
        "section": "preferences",
        "problems": problems,
        "zone": known.preference(chosen, known.ZONE),
        "zones": known.known_zones(),
        "look": [_choice(name, words, chosen) for name, words in LOOK.items()],
        "told": [
            _choice(f"notify.{kind}", words, chosen) for kind, words in known.NOTIFICATION_KINDS.items()
        ],
        "now": times_for(chosen).exact(clock.now()),
    }
    return render(request, "web/preferences/preferences.html", context, status=400 if problems else 200)


LOOK = {"theme": "Theme", "times": "Times", "hours": "Clock", "keys": "Single-letter keys"}


def _choice(name: str, words: str, chosen: dict[str, str]) -> dict[str, Json]:
    return {
        "name": name,
        "words": words,
        "value": known.preference(chosen, name),
        "choices": known.CHOICES[name].items(),
    }


@require_POST
def one_preference(request: PersonRequest) -> HttpResponse:
    """The quick choices of the top bar; leads back to the page that they were made on."""
    asked = {name: request.POST[name] for name in known.CHOICES if name in request.POST}
    set_preferences(request.user, asked)
    return redirect(next_within_site(request, "/"))


@require_POST
def guess_zone(request: PersonRequest) -> HttpResponse:
    """The zone of the person's browser, until they choose one. A zone that we do not know is no news."""
    zone = request.POST.get("zone", "")
    if known.ZONE not in request.user.preferences:
        set_preferences(request.user, {known.ZONE: zone if known.is_allowed(known.ZONE, zone) else "UTC"})
    return HttpResponse(status=204)


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
