"""The Django app of this package."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registered under the label `accounts`."""

    name = "tenantatlas.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
