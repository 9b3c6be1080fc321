"""The Django app of this package."""

from django.apps import AppConfig


class RestoreConfig(AppConfig):
    """Registered under the label `restore`."""

    name = "tenantatlas.restore"
    label = "restore"
    default_auto_field = "django.db.models.BigAutoField"
