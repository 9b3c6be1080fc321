"""Owners are told of a credential that ends soon: once for each warning, and once when it is replaced.

Which warning holds is computed from the row whenever it is asked for, so pages and commands show it also
while no worker is alive. `tenants` lies below notifications and cannot tell anybody itself.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.notifications.models import Tone
from tenantatlas.notifications.services import notify_user
from tenantatlas.tenants.expiry import Ending, consequence, ending
from tenantatlas.tenants.models import Connection
from tenantatlas.tenants.queries import connections_to_warn_of, holders_of

from .upkeep import database_now


def tell_of_ending_credentials(*, at: datetime | None = None) -> list[tuple[Connection, Ending]]:
    """Tell owners of each warning that has begun to hold; returns every app that one holds for now."""
    apps = list(connections_to_warn_of())
    # Asked for after the rows were read: whoever sees a later warning told is not earlier than that one.
    moment = at or database_now()
    found = [(app, ending(app.expires_at, at=moment)) for app in apps]
    for app, end in found:
        _tell(app, end)
    return [(app, end) for app, end in found if end]


def _tell(app: Connection, end: Ending | None) -> None:
    """Tell of a warning that was not told yet, if nobody else does and the credential is still the same."""
    since = end.since if end else None
    if since == app.ending_told:
        return
    seen = {"expires_at": app.expires_at, "ending_told": app.ending_told}
    with transaction.atomic():
        mine = Connection.all_tenants.filter(pk=app.pk, **seen).update(ending_told=since)
        if mine and end:
            _notify(
                app,
                title=f"The {app.purpose}'s credential {end.words}: {app.tenant.name}",
                body=consequence(app, end),
                tone=Tone.DANGER if end.is_grave else Tone.WARNING,
            )
        elif mine:
            _notify(
                app,
                title=f"The {app.purpose}'s credential was replaced: {app.tenant.name}",
                body="There is nothing left to do about the end of the one before.",
                tone=Tone.SUCCESS,
            )


def _notify(app: Connection, *, title: str, body: str, tone: Tone) -> None:
    for owner in holders_of(app.tenant, Capability.TENANT_MANAGE):
        notify_user(
            user_id=owner.pk,
            subject=f"connection/{app.pk}/ending",
            tenant_id=app.tenant_id,
            title=title,
            body=body,
            tone=tone,
            url=f"/t/{app.tenant.slug}/connection/",
        )
