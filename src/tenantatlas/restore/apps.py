"""The Django app of this package."""

from django.apps import AppConfig


class RestoreConfig(AppConfig):
    """Registered under the label `restore`."""

    name = "tenantatlas.restore"
    label = "restore"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say which policies were made again, to whoever compares two states of a tenant."""
        from tenantatlas.backups.succession import add_teller  # noqa: PLC0415 - models are ready only now

        from .queries import made_by_restores  # noqa: PLC0415 - models are ready only now

        add_teller(made_by_restores)
