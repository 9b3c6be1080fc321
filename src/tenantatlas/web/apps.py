"""The Django app of this package."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Registered under the label `web`."""

    name = "tenantatlas.web"
    label = "web"
    default_auto_field = "django.db.models.BigAutoField"
