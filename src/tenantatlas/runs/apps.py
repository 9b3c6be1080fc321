"""The Django app of this package."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from .guards import install_guards


class RunsConfig(AppConfig):
    """Registered under the label `runs`."""

    name = "tenantatlas.runs"
    label = "runs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep the database's own guards in place. Nothing is launched here."""
        post_migrate.connect(install_guards, sender=self, dispatch_uid="runs.install_guards")
