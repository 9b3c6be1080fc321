"""The Django app of this package."""

from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    """Registered under the label `directory`."""

    name = "tenantatlas.directory"
    label = "directory"
    default_auto_field = "django.db.models.BigAutoField"
