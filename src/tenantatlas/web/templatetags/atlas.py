"""How values look on pages: times, durations, pills, digests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tenantatlas.core import clock, json
from tenantatlas.runs.registry import label_of

register = template.Library()

#: word -> (what people read, icon, tone). One table for every pill.
STATES: dict[str, tuple[str, str, str]] = {
    "queued": ("Queued", "clock", "neutral"),
    "running": ("Running", "ring", "info"),
    "succeeded": ("Succeeded", "check", "success"),
    "partially_succeeded": ("Partly succeeded", "half", "warning"),
    "failed": ("Failed", "cross", "danger"),
    "blocked": ("Blocked", "lock", "purple"),
    "cancelled": ("Cancelled", "slash", "neutral"),
    "pending": ("Not yet", "clock", "neutral"),
    "in_hand": ("In hand", "ring", "info"),
    "skipped": ("Skipped", "slash", "neutral"),
    "unknown": ("Unknown", "half", "warning"),
    "needs_decision": ("Needs a decision", "half", "warning"),
    "not_started": ("Not started", "slash", "neutral"),
    "complete": ("Complete", "check", "success"),
    "incomplete": ("Incomplete", "half", "warning"),
    "capturing": ("Capturing", "ring", "info"),
    "partial": ("Partial", "half", "warning"),
    "denied": ("Denied", "lock", "purple"),
    "unavailable": ("Not offered here", "slash", "neutral"),
    "changed": ("Changed during capture", "half", "warning"),
    "protected": ("Protected", "check", "success"),
    "changed_since": ("Changed since", "half", "warning"),
    "never": ("Never backed up", "cross", "danger"),
    "present": ("Present", "check", "success"),
    "missing": ("Missing", "cross", "danger"),
    "granted": ("Granted", "check", "success"),
    "create": ("Create", "dot", "info"),
    "update": ("Update", "dot", "info"),
    "recreate": ("Recreate", "half", "warning"),
    "copy": ("Copy", "dot", "info"),
    "unchanged": ("Unchanged", "check", "success"),
    "skip": ("Skip", "slash", "neutral"),
    "cannot": ("Cannot", "cross", "danger"),
    "undecided": ("Needs a decision", "half", "warning"),
    "draft": ("Draft", "dot", "neutral"),
    "previewing": ("Preview running", "ring", "info"),
    "previewed": ("Previewed", "check", "info"),
    "completed": ("Completed", "check", "success"),
}
NOTHING = "\N{EN DASH}"
MINUTE, HOUR, DAY = 60, 3600, 86400
RELATIVE_DAYS = 7


@register.inclusion_tag("web/components/pill_tag.html")
def pill(word: str, note: str = "") -> dict[str, str]:
    """The pill of a state; an unknown word is shown as it is."""
    label, icon, tone = STATES.get(word, (word.replace("_", " ").capitalize(), "dot", "neutral"))
    return {"label": label, "icon": icon, "tone": tone, "note": note}


def seconds_in_words(seconds: float) -> str:
    """2 min 14 s."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


@register.filter
def duration(value: timedelta | float | None) -> str:
    """A duration in words; a dash while there is none."""
    if value is None:
        return NOTHING
    return seconds_in_words(value.total_seconds() if isinstance(value, timedelta) else value)


def ago(moment: datetime, now: datetime) -> str:
    """Relative within a week, else the date."""
    seconds = (now - moment).total_seconds()
    future = seconds < 0
    seconds = abs(seconds)
    if seconds < MINUTE:
        words = "under a minute"
    elif seconds < HOUR:
        words = f"{int(seconds // MINUTE)} min"
    elif seconds < DAY:
        words = f"{int(seconds // HOUR)} h"
    elif seconds < RELATIVE_DAYS * DAY:
        words = f"{int(seconds // DAY)} d"
    else:
        return moment.strftime("%d %b %Y")
    return f"in {words}" if future else f"{words} ago"


@register.simple_tag
def moment(value: datetime | None, empty: str = NOTHING) -> SafeString | str:
    """A relative time that carries the exact one."""
    if value is None:
        return empty
    exact = value.strftime("%d %b %Y, %H:%M:%S UTC")
    machine = value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return format_html('<time datetime="{}" title="{}">{}</time>', machine, exact, ago(value, clock.now()))


@register.filter
def operation_label(key: str) -> str:
    """What people call the operation."""
    return label_of(key)


@register.filter
def as_json(value: Any) -> str:
    """Readable JSON."""
    import json as standard  # noqa: PLC0415 - indentation is for eyes only; core.json writes for machines

    return standard.dumps(standard.loads(json.dumps(value)), indent=2, ensure_ascii=False)


@register.filter
def short(value: str, length: int = 12) -> str:
    """The beginning of a digest or id."""
    return value if len(value) <= length else f"{value[:length]}…"


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    """One value of a mapping whose key is in a variable."""
    return mapping.get(key, "") if mapping else ""


@register.filter
def value_words(value: Any) -> str:
    """A JSON value in a diff, short and readable."""
    if value is None:
        return "not set"
    if isinstance(value, str):
        return value if value else '""'
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value).decode("utf-8", "replace")
