"""How slots look on pages: when they come, in their own zone and in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tenantatlas.runs.lifecycle import Outcome
from tenantatlas.schedules.due import find_zone
from tenantatlas.schedules.models import ScheduleSlot
from tenantatlas.web import schedule_form
from tenantatlas.web.times import times_of

from .atlas import NOTHING

register = template.Library()


@register.filter
def local(at: datetime, zone: str) -> str:
    """The moment as clocks of the zone show it."""
    return f"{at.astimezone(find_zone(zone)):%a %d %b %Y, %H:%M}"


@register.simple_tag(takes_context=True)
def slot_moment(context: template.Context, at: datetime | None, zone: str) -> SafeString | str:
    """The moment as the person likes to read it; the times of its own zone and of UTC are in its title."""
    if at is None:
        return NOTHING
    title = f"{local(at, zone)} {zone} ({at:%d %b %Y, %H:%M} UTC)"
    shown = times_of(context.get("request")).shown(at)
    return format_html('<time datetime="{}" title="{}">{}</time>', f"{at:%Y-%m-%dT%H:%M:%SZ}", title, shown)


@register.filter
def may_retry(slot: Any) -> bool:
    """Whether the slot's work can be done again: it was skipped, or its run ended badly."""
    if not isinstance(slot, ScheduleSlot):
        return False
    return slot.run is None or (not slot.run.is_open and slot.run.outcome != Outcome.SUCCEEDED)


@register.simple_tag
def nightly_address(slug: str) -> str:
    """The form of a new schedule, filled in for a backup every night."""
    return schedule_form.nightly_address(slug)
