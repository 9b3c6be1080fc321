"""The Django app of this package."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Registered under the label `tenants`."""

    name = "tenantatlas.tenants"
    label = "tenants"
    default_auto_field = "django.db.models.BigAutoField"
