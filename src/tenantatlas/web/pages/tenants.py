"""The tenants a person may enter."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tenantatlas.tenants.queries import tenants_of
from tenantatlas.web.requests import PersonRequest


@require_GET
def tenant_list(request: PersonRequest) -> HttpResponse:
    """Name, environment, cloud; how to connect one while there is none."""
    context = {"title": "Tenants", "section": "tenants", "tenants": tenants_of(request.user)}
    return render(request, "web/tenants/list.html", context)
