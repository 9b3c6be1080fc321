"""Sets of single policies never asked for whole types; their rows say so now."""

from django.apps.registry import Apps as StateApps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def mark(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    backup_set = apps.get_model("backups", "BackupSet")._base_manager
    set_type = apps.get_model("backups", "SetType")._base_manager
    for pk, scope in backup_set.values_list("pk", "scope").iterator(chunk_size=500):
        if (scope or {}).get("policies"):
            set_type.filter(backup_set_id=pk).update(whole=False)


class Migration(migrations.Migration):
    dependencies = [("backups", "0003_successors_and_uploads")]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
