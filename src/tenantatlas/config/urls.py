"""Every address: the pages of `tenantatlas.web`; what is shown where there is none, or where one fails."""

from __future__ import annotations

from django.urls import include, path

handler404 = "tenantatlas.web.errors.not_found"
handler500 = "tenantatlas.web.errors.our_fault"

urlpatterns = [path("", include("tenantatlas.web.urls"))]
