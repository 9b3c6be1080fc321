"""An entry of a set says of which type it is; those that are there are told by their versions."""

from django.apps.registry import Apps as StateApps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import OuterRef, Subquery


def fill(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    entries = apps.get_model("backups", "SetEntry")._base_manager
    versions = apps.get_model("backups", "PolicyVersion")._base_manager
    mine = versions.filter(pk=OuterRef("version")).values("type_key")
    entries.update(type_key=Subquery(mine))


class Migration(migrations.Migration):
    dependencies = [("backups", "0004_sets_of_single_policies")]

    operations = [
        migrations.AddField(
            model_name="setentry",
            name="type_key",
            field=models.CharField(default="", max_length=120),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name="setentry",
            index=models.Index(fields=["backup_set", "tenant", "type_key"], name="entries_by_type"),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
