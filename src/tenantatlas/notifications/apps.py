"""The Django app of this package."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Registered under the label `notifications`."""

    name = "tenantatlas.notifications"
    label = "notifications"
    default_auto_field = "django.db.models.BigAutoField"
