"""Notification templates: the object, then one message per language.

The default can be moved by setting it on another message and cannot be taken away, so the default message is
written first and what must go is deleted last. The language of a message never changes.
"""

from __future__ import annotations

from tenantatlas.core.json import Json
from tenantatlas.policies.bodies import cleaned
from tenantatlas.policies.model import Step, WriteContext

from .children import Children
from .general import create_body, differs, patch, post, update_body

_MESSAGES = "localizedNotificationMessages"


def _message(row: Json) -> Json:
    names = ("locale", "subject", "messageTemplate", *(("isDefault",) if row.get("isDefault") else ()))
    return cleaned({name: row.get(name) for name in names})


_CHILDREN = Children(segment=_MESSAGES, key=("locale",), body=_message, noun="a message")


def create_notification_template(ctx: WriteContext) -> tuple[Step, ...]:
    """POST without messages, then one POST per language, the default first."""
    made = post(ctx, create_body(ctx, without=(_MESSAGES, "defaultLocale")))
    return (made, *(_CHILDREN.added(row) for row in _default_first(ctx.wanted)))


def update_notification_template(ctx: WriteContext) -> tuple[Step, ...]:
    """PATCH of the object where it differs, then what differs in the messages."""
    steps = []
    without = (_MESSAGES, "defaultLocale")
    if differs(ctx, besides=("assignments", *without)):
        steps.append(patch(update_body(ctx, without=without)))
    wanted, live = _default_first(ctx.wanted), _default_first(ctx.live)
    return (*steps, *_CHILDREN.changes(wanted, live), *_CHILDREN.removals(wanted, live))


def _default_first(body: Json) -> list[Json]:
    rows = (body or {}).get(_MESSAGES) or ()
    return sorted(rows, key=lambda row: (not row.get("isDefault"), str(row.get("locale"))))
