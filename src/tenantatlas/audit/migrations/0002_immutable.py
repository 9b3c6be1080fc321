"""The database itself refuses to change or delete audit entries."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from tenantatlas.audit import triggers


def add_triggers(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """Refuse from now on."""
    for statement in triggers.creating(editor.connection.vendor):
        editor.execute(statement)


def drop_triggers(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """Refuse no more."""
    for statement in triggers.dropping(editor.connection.vendor):
        editor.execute(statement)


class Migration(migrations.Migration):
    """Triggers on the entries' table."""

    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(add_triggers, drop_triggers)]
