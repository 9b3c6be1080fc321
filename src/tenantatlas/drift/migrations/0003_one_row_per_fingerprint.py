"""The rows of one drift become one finding, and each run that saw it a sighting."""

from django.apps.registry import Apps as StateApps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def fold(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    finding = apps.get_model("drift", "Finding")._base_manager
    sighting = apps.get_model("drift", "Sighting")._base_manager
    kept: dict[tuple[int, str], int] = {}
    for row in finding.order_by("-last_run_id").iterator(chunk_size=500):
        first = kept.setdefault((row.tenant_id, row.fingerprint), row.pk)
        sighting.create(tenant_id=row.tenant_id, finding_id=first, run_id=row.last_run_id, at=row.found_at)
        if first != row.pk:
            finding.filter(pk=row.pk).delete()
        elif row.backup_set_id:
            finding.filter(pk=row.pk).update(comparison=f"set:{row.backup_set_id}")


class Migration(migrations.Migration):
    dependencies = [("drift", "0002_lifecycle")]

    operations = [migrations.RunPython(fold, migrations.RunPython.noop)]
