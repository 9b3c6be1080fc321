"""Every component in every state, with made-up contents: to look at, and for the tests to walk over."""

from __future__ import annotations

from datetime import timedelta

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tenantatlas.core import clock
from tenantatlas.core.json import Json
from tenantatlas.runs.lifecycle import Outcome
from tenantatlas.web import filters
from tenantatlas.web.bars import draw
from tenantatlas.web.qr import qr_code
from tenantatlas.web.queries import DayOfRuns
from tenantatlas.web.requests import PersonRequest
from tenantatlas.web.wizard import Step
from tenantatlas.web.words import STATES

TABS = [("overview", "Overview"), ("versions", "Versions", 4), ("nothing", "Nothing", 0)]
PLATFORMS = [("windows", "Windows"), ("macos", "macOS"), ("linux", "Linux")]
LONG_NAME = "Windows - Attack surface reduction - all workstations of the Frankfurt and Lisbon offices " * 2
DIFFERENCES: list[dict[str, Json]] = [
    {
        "path": "/passwordMinimumLength",
        "label": "Minimum length",
        "kind": "changed",
        "before": 8,
        "after": 14,
    },
    {"path": "/description", "label": "", "kind": "added", "before": None, "after": "<b>Not markup</b>"},
    {"path": "/omaSettings/0/value", "label": "Value", "kind": "changed", "secret": True},
    {"path": "/roleScopeTagIds/1", "label": "Scope tag", "kind": "removed", "before": "Lisbon"},
]
PROBLEMS = [
    {"field": "example", "message": "The name is missing.", "hint": "Give it one that others will know."},
    {"field": "example", "message": "The time zone is not known."},
]


@require_GET
def components(request: PersonRequest) -> HttpResponse:
    """All of them. Nothing of any tenant, and no command does anything."""
    now = clock.now()
    ways = (timedelta(seconds=5), timedelta(hours=3), timedelta(days=40), timedelta(hours=-2))
    context: dict[str, Json] = {
        "title": "Components",
        "section": "components",
        "states": STATES,
        "tones": ("neutral", "info", "success", "warning", "danger", "purple"),
        "toasts": ("success", "info", "warning", "error"),
        "moments": [now - away for away in ways],
        "tabs": TABS,
        "platforms": PLATFORMS,
        "asked": {"platform": filters.chosen(request, "platform", dict(PLATFORMS))},
        "differences": DIFFERENCES,
        "names": {},
        "problems": PROBLEMS,
        "long_name": LONG_NAME,
        "page": filters.page_of(request, list(range(60)), 20),
        "single": Paginator([1], 20).get_page(1),
        "steps": [
            Step(name="Source", url="#steps", state="done"),
            Step(name="Policies", url="", state="current"),
            Step(name="Review", url="", state="to come"),
        ],
        "bars": draw(_made_up_days()),
        "qr": qr_code("A made-up text"),
    }
    return render(request, "web/components_page/components.html", context)


def _made_up_days() -> list[DayOfRuns]:
    today = clock.now().date()
    return [
        DayOfRuns(
            day=today - timedelta(days=13 - number),
            by_outcome={
                Outcome.SUCCEEDED.value: number,
                Outcome.PARTIALLY_SUCCEEDED.value: number % 3,
                Outcome.FAILED.value: number % 5,
                Outcome.BLOCKED.value: number % 2,
                Outcome.CANCELLED.value: number % 4,
            },
        )
        for number in range(14)
    ]
