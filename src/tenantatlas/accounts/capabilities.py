"""What a person may do, and which role bundles it. Capabilities are checked; role names never are.

capability            reader  operator  manager  owner
tenant.view             ✓        ✓         ✓       ✓
inventory.sync                   ✓         ✓       ✓
directory.sync                   ✓         ✓       ✓
connection.check                 ✓         ✓       ✓
backup.run                       ✓         ✓       ✓
drift.run                        ✓         ✓       ✓
restore.preview                  ✓         ✓       ✓
run.cancel                       ✓         ✓       ✓
schedule.run                     ✓         ✓       ✓
schedule.manage                            ✓       ✓
backup.keep                                ✓       ✓
backup.delete                              ✓       ✓
backup.export                              ✓       ✓
restore.execute               by grant     ✓       ✓
connection.manage                          ✓       ✓
tenant.manage                                      ✓
members.manage                                     ✓
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Capability(StrEnum):
    """One thing that a person may be allowed to do in a tenant."""

    TENANT_VIEW = "tenant.view"
    INVENTORY_SYNC = "inventory.sync"
    DIRECTORY_SYNC = "directory.sync"
    CONNECTION_CHECK = "connection.check"
    BACKUP_RUN = "backup.run"
    BACKUP_KEEP = "backup.keep"
    BACKUP_DELETE = "backup.delete"
    BACKUP_EXPORT = "backup.export"
    DRIFT_RUN = "drift.run"
    RESTORE_PREVIEW = "restore.preview"
    RESTORE_EXECUTE = "restore.execute"
    RUN_CANCEL = "run.cancel"
    SCHEDULE_RUN = "schedule.run"
    SCHEDULE_MANAGE = "schedule.manage"
    CONNECTION_MANAGE = "connection.manage"
    TENANT_MANAGE = "tenant.manage"
    MEMBERS_MANAGE = "members.manage"

    @property
    def words(self) -> str:
        """What the person may do, for a sentence: the right to …"""
        return WORDS[self]


#: What people read for a capability, after "the right to".
WORDS: Mapping[Capability, str] = {
    Capability.TENANT_VIEW: "see the tenant",
    Capability.INVENTORY_SYNC: "sync the inventory",
    Capability.DIRECTORY_SYNC: "sync groups",
    Capability.CONNECTION_CHECK: "check the connection",
    Capability.BACKUP_RUN: "back up policies",
    Capability.BACKUP_KEEP: "keep backup sets and choose the baseline",
    Capability.BACKUP_DELETE: "delete backup sets",
    Capability.BACKUP_EXPORT: "export backup sets",
    Capability.DRIFT_RUN: "look for drift and decide about it",
    Capability.RESTORE_PREVIEW: "preview restores",
    Capability.RESTORE_EXECUTE: "restore policies",
    Capability.RUN_CANCEL: "cancel runs",
    Capability.SCHEDULE_RUN: "run schedules at once",
    Capability.SCHEDULE_MANAGE: "manage schedules",
    Capability.CONNECTION_MANAGE: "manage the connection",
    Capability.TENANT_MANAGE: "manage the tenant's settings",
    Capability.MEMBERS_MANAGE: "manage members",
}


class Role(StrEnum):
    """A bundle of capabilities."""

    OWNER = "owner"
    MANAGER = "manager"
    OPERATOR = "operator"
    READER = "reader"


_READER = frozenset({Capability.TENANT_VIEW})
_OPERATOR = _READER | {
    Capability.INVENTORY_SYNC,
    Capability.DIRECTORY_SYNC,
    Capability.CONNECTION_CHECK,
    Capability.BACKUP_RUN,
    Capability.DRIFT_RUN,
    Capability.RESTORE_PREVIEW,
    Capability.RUN_CANCEL,
    Capability.SCHEDULE_RUN,
}
_MANAGER = _OPERATOR | {
    Capability.SCHEDULE_MANAGE,
    Capability.BACKUP_KEEP,
    Capability.BACKUP_DELETE,
    Capability.BACKUP_EXPORT,
    Capability.RESTORE_EXECUTE,
    Capability.CONNECTION_MANAGE,
}

ROLES: Mapping[Role, frozenset[Capability]] = {
    Role.OWNER: frozenset(Capability),
    Role.MANAGER: _MANAGER,
    Role.OPERATOR: _OPERATOR,
    Role.READER: _READER,
}

#: What an owner may add to a role, person by person.
GRANTABLE: frozenset[Capability] = frozenset({Capability.RESTORE_EXECUTE})
