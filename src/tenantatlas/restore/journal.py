"""The write journal: every attempt of every write is a row of ours before Graph hears of it.

    intended ─► sent ─► known      applied · refused · again
                  │
                  └──► unknown ─► settled     adopted · applied · again · absent · ambiguous · unseen

Rows move forward by guarded updates only. A worker that lost its run moves none: its number of hand-over is
the fence in every guard.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from tenantatlas.core import clock, ids
from tenantatlas.core.errors import AtlasError
from tenantatlas.core.ids import sha256_hex
from tenantatlas.graph.values import WriteReply
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import Fenced

from .models import Restore, RestoreItem, RestoreStatus, WriteRecord, WriteResult, WriteState
from .planned import APPROVAL, PlannedWrite
from .settle import settle_window

#: So many restores may have been executed in the time that a create may take to show.
_RECENT = 50


def unsettled_creates(*, besides: int = 0) -> dict[str, datetime]:
    """Item key → until when what an ended or lost run sent for it may still show: nobody has settled it.

    `besides`: a run that settles its own.
    """
    executed = Restore.objects.filter(status__in=(RestoreStatus.RUNNING, RestoreStatus.COMPLETED))
    recent = list(executed.order_by("-pk").values_list("pk", flat=True)[:_RECENT])
    open_ones = WriteRecord.objects.filter(
        restore__in=recent, kind="create", state__in=(WriteState.SENT, WriteState.UNKNOWN)
    ).exclude(run_id=besides)
    found: dict[str, datetime] = {}
    for record in open_ones.order_by("sent_at"):
        window = timedelta(seconds=settle_window(get_type(record.item.partition("/")[0])))
        until = (record.sent_at or record.intended_at) + window
        if until > clock.now():
            found[record.item] = until
    return found


def why_unsettled(until: datetime) -> str:
    """What people read of a policy for which nothing is made until then."""
    return (
        "A create of it was sent and its answer is not known, so it may still appear. "
        f"Preview it again after {until:%H:%M:%S} UTC."
    )


@dataclass(frozen=True, kw_only=True)
class Journal:
    """The journal of one execution."""

    restore: Restore
    run: OperationRun
    dispatch: int

    def latest(self) -> dict[int, WriteRecord]:
        """The last attempt of each write, by its number."""
        rows = WriteRecord.objects.filter(restore=self.restore, run_id=self.run.pk)
        return {row.n: row for row in rows.order_by("n", "attempt")}

    def lost(self) -> list[WriteRecord]:
        """The attempts whose answer was lost, settled or not, in the order of sending."""
        rows = WriteRecord.objects.filter(restore=self.restore, run_id=self.run.pk)
        rows = rows.exclude(state__in=(WriteState.INTENDED, WriteState.KNOWN))
        return list(rows.order_by("n", "attempt"))

    def intend(
        self, write: PlannedWrite, *, path: str, body: bytes | None, before: Iterable[str], attempt: int
    ) -> WriteRecord:
        """Commit what is about to be sent."""
        return WriteRecord.objects.create(
            restore=self.restore,
            run_id=self.run.pk,
            n=write.n,
            attempt=attempt,
            item=write.item,
            kind=write.kind,
            method=write.method,
            path=path,
            body_sha256=sha256_hex(body) if body is not None else "",
            before=sorted(before),
            fence=self.dispatch,
            client_request_id=ids.stable_id("write", self.run.pk, write.item, write.n),
            intended_at=clock.now(),
        )

    def mark_sent(self, record: WriteRecord) -> None:
        """From here on the write may have been applied. Raises `Fenced` where the run is no longer ours."""
        self._move(record, WriteState.INTENDED, state=WriteState.SENT, sent_at=clock.now())

    def mark_not_sent(self, record: WriteRecord, error: AtlasError, *, result: WriteResult) -> None:
        """It never left this machine."""
        self._answer(record, result=result, state=WriteState.KNOWN, **_said(error))

    def mark_known(
        self, record: WriteRecord, reply: WriteReply, *, result: WriteResult, graph_id: str
    ) -> None:
        """Graph said what became of it."""
        with transaction.atomic():
            self._answer(
                record,
                result=result,
                state=WriteState.KNOWN,
                graph_id=graph_id,
                http_status=reply.status or None,
                request_id=reply.request_id[:64],
                **_said(reply.error),
            )
            if graph_id:
                self._made(record, graph_id)

    def mark_unknown(self, record: WriteRecord, reply: WriteReply) -> None:
        """No answer that can be trusted: it is settled before anything else happens with it."""
        self._answer(
            record,
            result="",
            state=WriteState.UNKNOWN,
            http_status=reply.status or None,
            request_id=reply.request_id[:64],
            **_said(reply.error),
        )

    def settle(self, record: WriteRecord, *, result: WriteResult, graph_id: str = "") -> None:
        """What became of a write whose answer was lost."""
        with transaction.atomic():
            self._move(
                record,
                record.state,
                state=WriteState.SETTLED,
                result=result,
                graph_id=graph_id or record.graph_id,
                settled_at=clock.now(),
            )
            if graph_id:
                self._made(record, graph_id)

    def times_settled(self, write: PlannedWrite) -> int:
        """How many answers to this write were lost, and what became of it settled."""
        rows = WriteRecord.objects.filter(restore=self.restore, run_id=self.run.pk, n=write.n)
        return rows.filter(state=WriteState.SETTLED).count()

    def skip(self, write: PlannedWrite, *, path: str) -> WriteRecord:
        """Commit that a write was not needed."""
        record = self.intend(write, path=path, body=None, before=(), attempt=1)
        self._move(
            record,
            WriteState.INTENDED,
            state=WriteState.KNOWN,
            result=WriteResult.NEEDLESS,
            answered_at=clock.now(),
        )
        return record

    def _made(self, record: WriteRecord, graph_id: str) -> None:
        RestoreItem.objects.filter(restore=self.restore, key=record.item).update(created_id=graph_id)

    def _answer(self, record: WriteRecord, **facts: object) -> None:
        self._move(record, WriteState.SENT, answered_at=clock.now(), **facts)

    def _move(self, record: WriteRecord, before: str, **facts: object) -> None:
        """One guarded step; a row that is not where we believe it to be belongs to another worker now."""
        mine = OperationRun.objects.filter(pk=self.run.pk, dispatch=self.dispatch).values("pk")
        moved = WriteRecord.objects.filter(pk=record.pk, state=before, run_id__in=mine).update(**facts)
        if not moved:
            raise Fenced
        for name, value in facts.items():
            setattr(record, name, value)


def _said(error: AtlasError | None) -> dict[str, str]:
    if error is None:
        return {"code": "", "message": ""}
    code = APPROVAL if error.details.get("approval_code") else error.code
    return {"code": code, "message": error.message[:600]}
