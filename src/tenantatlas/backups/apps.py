"""The Django app of this package."""

from django.apps import AppConfig


class BackupsConfig(AppConfig):
    """Registered under the label `backups`."""

    name = "tenantatlas.backups"
    label = "backups"
    default_auto_field = "django.db.models.BigAutoField"
