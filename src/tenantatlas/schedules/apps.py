"""The Django app of this package."""

from django.apps import AppConfig


class SchedulesConfig(AppConfig):
    """Registered under the label `schedules`."""

    name = "tenantatlas.schedules"
    label = "schedules"
    default_auto_field = "django.db.models.BigAutoField"
