"""The Django app of this package."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """Registered under the label `inventory`."""

    name = "tenantatlas.inventory"
    label = "inventory"
    default_auto_field = "django.db.models.BigAutoField"
