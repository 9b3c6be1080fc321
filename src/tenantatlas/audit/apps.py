"""The Django app of this package."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Registered under the label `audit`."""

    name = "tenantatlas.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
