"""For whatever watches the product: does the process live, is the install ready, and its numbers.

`/healthz` and `/readyz` are open and say two words. `/metrics` is for whoever asks from this machine, or
brings the token of ATLAS_METRICS_TOKEN; to everybody else it is not there.
"""

from __future__ import annotations

import hmac
import ipaddress

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tenantatlas.core.errors import AtlasError
from tenantatlas.runs.monitoring import has_open_runs, metrics_text
from tenantatlas.runs.services import worker_alive
from tenantatlas.tenants.install import require_ready
from tenantatlas.tenants.vault import load_key
from tenantatlas.web.requests import address_of

from .session import open_to_all


@open_to_all
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process lives, and the database answers."""
    return _says(_database_answers())


@open_to_all
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Migrated, the key is there, and somebody works runs or there are none to work."""
    return _says(_database_answers() and _is_set_up() and (worker_alive() or not has_open_runs()))


@open_to_all
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The install's numbers as Prometheus reads them. No tenant is named."""
    if not _may_read(request):
        raise Http404
    return HttpResponse(metrics_text(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _says(well: bool) -> HttpResponse:  # noqa: FBT001 - the whole answer
    return HttpResponse("ok\n" if well else "no\n", status=200 if well else 503, content_type="text/plain")


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _is_set_up() -> bool:
    try:
        require_ready()
        load_key()
    except (AtlasError, DatabaseError, OSError):
        return False
    return True


def _may_read(request: HttpRequest) -> bool:
    token = settings.ATLAS_METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    address = address_of(request)
    return bool(address) and ipaddress.ip_address(address).is_loopback
