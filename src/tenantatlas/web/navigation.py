"""The left navigation, in groups. A new page is one entry here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One link: its words, the URL name (without the tenant), its section, its key after `g`."""

    label: str
    url_name: str
    section: str
    key: str = ""


GROUPS: tuple[tuple[Entry, ...], ...] = (
    (Entry("Dashboard", "dashboard", "dashboard", "d"), Entry("Operations", "run_list", "runs", "o")),
    (
        Entry("Policies", "policy_list", "policies", "p"),
        Entry("Backup sets", "set_list", "backups", "b"),
        Entry("Restore", "restore_list", "restore", "r"),
        Entry("Drift", "drift", "drift", "f"),
    ),
    (Entry("Schedules", "schedule_list", "schedules", "s"), Entry("Groups", "group_list", "groups", "u")),
    (
        Entry("Connection", "connection", "connection", "c"),
        Entry("Members", "member_list", "members", "m"),
        Entry("Audit", "audit", "audit", "a"),
        Entry("Settings", "tenant_settings", "settings", "e"),
        Entry("Worker", "worker_page", "workers", "k"),
    ),
)
