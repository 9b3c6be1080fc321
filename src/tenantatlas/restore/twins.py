"""Late twins: what a lost answer made shows up after the run has looked for the last time.

The next three captures of the tenant are looked through, in the database only. An object is a twin where it
was first seen after the create was sent, is none of ours, has the name, and carries what was sent. It is
reported; removing it is a person's act.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction
from django.db.models import F

from tenantatlas.backups.models import IMPORTED, BackupSet, PolicyVersion, SetStatus
from tenantatlas.backups.services import load_document
from tenantatlas.inventory.models import Policy, Presence, ReadStatus
from tenantatlas.notifications.models import Tone
from tenantatlas.notifications.services import notify_user
from tenantatlas.policies.canonical import compose
from tenantatlas.policies.registry import get_type
from tenantatlas.tenants.scope import tenant_scope

from .models import Restore, RestoreItem, RestoreStatus, WriteRecord, WriteState
from .planned import fill_body
from .settle import LostCreate
from .stored import open_item

#: So many captures that have read the types are looked through.
LOOKS = 3
_LOST = (WriteState.SENT, WriteState.UNKNOWN, WriteState.SETTLED)
_CLOCKS_APART = timedelta(minutes=10)


def look_for_late_twins() -> None:
    """Look through every capture that has ended since, for each restore that lost the answer to a create."""
    waiting = Restore.all_tenants.filter(
        status=RestoreStatus.COMPLETED,
        twin_looks__lt=LOOKS,
        records__kind="create",
        records__state__in=_LOST,
    )
    for restore in waiting.select_related("tenant", "execute_run").distinct():
        with tenant_scope(restore.tenant):
            _look(restore)


def _look(restore: Restore) -> None:
    records = list(WriteRecord.objects.filter(restore=restore, kind="create", state__in=_LOST))
    since = max(record.settled_at or record.sent_at or record.intended_at for record in records)
    types = {record.item.partition("/")[0] for record in records}
    captured = BackupSet.objects.exclude(source=IMPORTED)
    ended = captured.filter(
        pk__gt=restore.twins_seen_in,
        created_at__gte=since,
        status__in=(SetStatus.COMPLETE, SetStatus.INCOMPLETE),
    )
    sets = list(ended.order_by("pk"))
    found = {each["id"]: each for record in records for each in _twins_of(restore, record)} if sets else {}
    for backup_set in sets:
        look = int(_has_read(backup_set, types))
        with transaction.atomic():
            mine = Restore.objects.filter(pk=restore.pk, twins_seen_in=restore.twins_seen_in)
            if not mine.update(twin_looks=F("twin_looks") + look, twins_seen_in=backup_set.pk):
                return
            _report(restore, found)
        restore.twins_seen_in = backup_set.pk
        restore.twin_looks += look
        if restore.twin_looks >= LOOKS:
            return


def _has_read(backup_set: BackupSet, types: set[str]) -> bool:
    """Whether everything of these types was listed for it."""
    read = backup_set.types.filter(type_key__in=types, status=ReadStatus.COMPLETE)
    return set(read.values_list("type_key", flat=True)) == types


def _twins_of(restore: Restore, record: WriteRecord) -> Iterator[dict[str, str]]:
    row = restore.items.select_related("restore__tenant", "version").get(key=record.item)
    policy_type = get_type(row.type_key)
    opened = open_item(row)
    made = dict(restore.items.exclude(created_id="").values_list("key", "created_id"))
    body = next(write["body"] for write in opened["writes"] if write["n"] == record.n)
    sent_at = record.sent_at or record.intended_at
    lost = LostCreate(
        policy_type=policy_type,
        wanted=fill_body(opened["item"]["wanted"], made),
        sent=fill_body(body, made),
        before=frozenset(record.before),
        sent_at=sent_at,
    )
    name = lost.sent.get(policy_type.name_field, lost.wanted.get(policy_type.name_field))
    ours = set(RestoreItem.objects.exclude(created_id="").values_list("created_id", flat=True))
    strangers = Policy.objects.filter(
        type_key=row.type_key, name=name, presence=Presence.PRESENT, first_seen__gte=sent_at - _CLOCKS_APART
    ).exclude(graph_id__in=ours | lost.before | {row.live_id, row.version.graph_id})
    for policy in strangers:
        version = PolicyVersion.objects.filter(policy=policy).select_related("tenant").order_by("-id").first()
        if version is not None and lost.carried_by(compose(policy_type, load_document(version))):
            yield {"item": row.key, "id": policy.graph_id, "name": row.name}


def _report(restore: Restore, found: dict[str, dict[str, str]]) -> None:
    fresh = Restore.objects.select_for_update().get(pk=restore.pk)
    known = {each["id"]: each for each in fresh.late_twins}
    new = [each for key, each in found.items() if key not in known]
    if not new:
        return
    Restore.objects.filter(pk=restore.pk).update(late_twins=[*known.values(), *new])
    run = restore.execute_run
    told = run.initiator_id if run is not None else restore.created_by_id
    if told is not None:
        names = ", ".join(each["name"] for each in new)
        notify_user(
            user_id=told,
            subject=f"restore/{restore.pk}/twins",
            tenant_id=restore.tenant_id,
            title=f"A lost answer of restore {restore.pk} made something twice",
            body=f"{names}: look at it before you remove it.",
            tone=Tone.WARNING,
            url=f"/t/{restore.tenant.slug}/restore/{restore.pk}/",
        )
