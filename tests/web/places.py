"""Every address of the product with objects behind it, so that tests can ask them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.urls import get_resolver, reverse

from tenantatlas.backups.imports import keep_upload
from tenantatlas.backups.models import BackupSet, PolicyVersion
from tenantatlas.core import clock
from tenantatlas.directory.models import DirectoryGroup
from tenantatlas.drift.models import Finding, IgnoredSetting
from tenantatlas.inventory.models import Policy
from tenantatlas.restore.models import Restore
from tenantatlas.schedules.models import ScheduleSlot
from tests.schedules.making import make_schedule
from tests.simulated import World, group_target

#: Addresses that only take a POST.
POSTS = frozenset(
    {
        "run_cancel",
        "run_retry",
        "run_again",
        "start_sync",
        "start_backup",
        "export_policies",
        "add_to_set",
        "policies_ignore",
        "policy_snapshot",
        "set_keep",
        "set_rename",
        "set_remove",
        "import_store",
        "set_delete",
        "set_verify",
        "set_export",
        "restore_check",
        "restore_execute",
        "restore_enable",
        "restore_undo",
        "restore_again",
        "tenant_approval",
        "restore_ask_approval",
        "restore_decide",
        "restore_remove_twin",
        "start_drift",
        "schedule_run",
        "schedule_switch",
        "schedule_duplicate",
        "schedule_archive",
        "schedule_delete",
        "schedule_take_over",
        "schedule_follow",
        "schedule_retry",
        "choose_baseline",
        "acknowledge_ticked",
        "restore_found",
        "finding_acknowledge",
        "finding_reopen",
        "finding_ignore",
        "setting_heed",
        "start_check",
        "start_directory_sync",
        "sign_out",
        "theme",
        "notifications_read",
        "view_columns",
        "member_grant",
        "member_revoke",
        "audit_verify",
        "install_audit_verify",
        "people_add",
        "person_change",
        "security_password",
        "security_app_begin",
        "security_app_confirm",
        "security_app_remove",
        "security_recovery_codes",
        "security_end_sessions",
        "one_preference",
        "guess_zone",
        "certificate_make",
        "credential_save",
        "rbac_begin",
        "rbac_search",
        "rbac_choose",
        "rbac_forget",
        "setup_tenant",
        "setup_start",
        "setup_discard",
        "tenant_change",
        "tenant_deletes",
        "tenant_writes",
        "tenant_remove",
        "delegated_finish",
    }
)
OPEN_TO_ALL = frozenset({"healthz", "readyz", "metrics", "sign_in", "sign_in_code", "first_password"})
#: Addresses that need more than being a member.
FOR_OPERATORS = frozenset(
    {"import_start", "restore_source", "restore_policies", "restore_options", "restore_mapping"}
)
FOR_MANAGERS = frozenset({"set_download", "export_download", "schedule_new", "schedule_edit"})
#: Addresses that take a POST and start nothing.
FOR_EVERYBODY = frozenset({"audit_verify", "schedule_follow"})
#: Addresses for owners of the install.
FOR_OWNERS = frozenset(
    {
        "tenant_connect",
        "people_list",
        "people_add",
        "person_detail",
        "person_change",
        "install_audit",
        "install_audit_verify",
    }
)


@dataclass(frozen=True)
class Place:
    """One address: its name, where it is, and whether it belongs to a tenant."""

    name: str
    url: str
    in_tenant: bool

    @property
    def takes_get(self) -> bool:
        return self.name not in POSTS


def furnish(world: World) -> dict[str, int]:
    """Contoso with an inventory, two sets, a drift and a preview; the ids by URL argument."""
    group = world.sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})
    first = world.catalog_policy("Baseline", assignments=[group_target(group)])
    second = world.catalog_policy("Second")
    world.work("directory_groups.sync")
    world.work("inventory.sync", types=["configurationPolicies"])
    run = world.work("backup_set.capture", types=["configurationPolicies"], name="Nightly")
    world.sim.mutate(first, lambda body: body.update(description="Changed"))
    world.sim.remove("/deviceManagement/configurationPolicies", second)
    chosen = run.context["set"]
    world.work("backup_set.capture", types=["configurationPolicies"], name="After")
    drift = world.work("drift.generate", set=chosen)
    finding = Finding.objects.get(graph_id=first)
    ignored = IgnoredSetting.objects.create(
        type_key=finding.type_key,
        graph_id="elsewhere",
        path="description",
        reason="Notes",
        until=clock.now() + timedelta(days=9),
        decided_by="ana@contoso.example",
        created_at=clock.now(),
    )
    preview = world.work("restore.preview", set=chosen)
    schedule = make_schedule(world.tenant, world.cast.otto)
    slot = ScheduleSlot.objects.create(
        schedule=schedule, key="once", due_at=clock.now(), state="skipped", reason="missed"
    )
    upload = keep_upload(world.tenant, [b"no archive"], name="export.zip", actor=world.cast.ana)
    world.work("backup_set.look_into", upload=upload.pk)
    export = world.work("backup_set.export", set=chosen).context["export"]
    policy = Policy.objects.get(graph_id=first)
    return {
        "run_id": drift.pk,
        "policy_id": policy.pk,
        "finding_id": finding.pk,
        "upload_id": upload.pk,
        "export_id": export,
        "setting_id": ignored.pk,
        "version_id": PolicyVersion.objects.filter(policy=policy).latest("pk").pk,
        "set_id": BackupSet.objects.get(pk=chosen).pk,
        "group_id": DirectoryGroup.objects.get(graph_id=group).pk,
        "restore_id": Restore.objects.get(pk=preview.context["restore"]).pk,
        "schedule_id": schedule.pk,
        "slot_id": slot.pk,
        "user_id": world.cast.olu.pk,
    }


def every_place(slug: str, ids: dict[str, int]) -> Iterator[Place]:
    """Every named address of the URL map, filled in."""
    for name, patterns in get_resolver().reverse_dict.lists():
        if not isinstance(name, str):
            continue
        arguments = patterns[0][0][0][1]
        filled = {each: slug if each == "slug" else ids[each] for each in arguments}
        url = reverse(name, kwargs=filled)
        if name == "policy_diff":
            url = f"{url}?a={ids['version_id']}&b={ids['version_id']}"
        yield Place(name, url, "slug" in arguments)
