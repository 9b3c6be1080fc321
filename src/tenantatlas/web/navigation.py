"""The left navigation, in groups. A new page is one entry here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One link: its words, the URL name (without the tenant) and the URL names under which it is current."""

    label: str
    url_name: str
    section: str


GROUPS: tuple[tuple[Entry, ...], ...] = (
    (Entry("Dashboard", "dashboard", "dashboard"), Entry("Operations", "run_list", "runs")),
    (
        Entry("Policies", "policy_list", "policies"),
        Entry("Backup sets", "set_list", "backups"),
        Entry("Restore", "restore_list", "restore"),
        Entry("Drift", "drift", "drift"),
    ),
    (Entry("Groups", "group_list", "groups"),),
    (
        Entry("Connection", "connection", "connection"),
        Entry("Members", "member_list", "members"),
        Entry("Audit", "audit", "audit"),
    ),
)
