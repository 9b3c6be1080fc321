"""Every address: the pages of `tenantatlas.web`."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = []

if find_spec("tenantatlas.web.urls"):
    urlpatterns.append(path("", include("tenantatlas.web.urls")))
