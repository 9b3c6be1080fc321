"""What the pages over several tenants show, and the dashboard: reads across features. The database only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from tenantatlas.accounts.models import User
from tenantatlas.backups.models import IMPORTED, BackupSet, SetStatus, Upload
from tenantatlas.core import clock
from tenantatlas.core.json import Json
from tenantatlas.drift.models import Finding
from tenantatlas.drift.queries import open_by_tenant
from tenantatlas.inventory.models import Policy, Presence
from tenantatlas.restore.models import Restore
from tenantatlas.runs.lifecycle import Outcome
from tenantatlas.runs.models import OPEN, OperationRun
from tenantatlas.runs.queries import doing
from tenantatlas.schedules.models import Schedule
from tenantatlas.tenants.models import Connection, PermissionReport, Purpose, Tenant
from tenantatlas.tenants.permissions import lacking_now
from tenantatlas.tenants.queries import tenants_of

#: How far back trouble is looked for.
TROUBLE_WINDOW = timedelta(days=7)
#: Policies that should have a version and have none.
_BARE = Q(protection=None, ignored_at=None)
_TROUBLE = [Outcome.FAILED.value, Outcome.BLOCKED.value]


@dataclass(frozen=True, kw_only=True)
class Glance:
    """One tenant at a glance. `missing` is None while its permissions were never checked."""

    tenant: Tenant
    last_backup: datetime | None
    policies: int
    unprotected: int
    drifted: int
    open_runs: int
    troubled: int
    missing: int | None

    @property
    def health(self) -> str:
        """The word of the health dot; the worst thing that is true."""
        if self.missing:
            return "permissions_missing"
        if self.troubled:
            return "runs_went_wrong"
        if self.last_backup is None:
            return "no_backup"
        if self.unprotected or self.drifted:
            return "needs_a_look"
        return "not_checked" if self.missing is None else "all_well"


def search_tenants(user: User, search: str = "") -> QuerySet[Tenant]:
    """The person's tenants whose name or slug has this, by name."""
    found = tenants_of(user)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(slug__icontains=search))
    return found.order_by("name", "slug")


def glances(tenants: Iterable[Tenant]) -> list[Glance]:
    """These tenants at a glance, in their order; a few queries for all of them."""
    rows = list(tenants)
    ids = [tenant.pk for tenant in rows]
    backups = dict(
        BackupSet.all_tenants.filter(tenant__in=ids, status=SetStatus.COMPLETE)
        .exclude(source=IMPORTED)
        .values_list("tenant_id")
        .annotate(Max("created_at"))
    )
    present = Policy.all_tenants.filter(tenant__in=ids, presence=Presence.PRESENT)
    policies = _by_tenant(
        present.values("tenant_id").annotate(
            all=Count("pk"), bare=Count("pk", filter=Q(protection=None, ignored_at=None))
        )
    )
    drifted = open_by_tenant(ids)
    runs = _runs_by_tenant(ids)
    missing = _missing_by_tenant(ids)
    return [
        Glance(
            tenant=tenant,
            last_backup=backups.get(tenant.pk),
            policies=policies.get(tenant.pk, {}).get("all", 0),
            unprotected=policies.get(tenant.pk, {}).get("bare", 0),
            drifted=drifted.get(tenant.pk, 0),
            open_runs=runs.get(tenant.pk, {}).get("open", 0),
            troubled=runs.get(tenant.pk, {}).get("troubled", 0),
            missing=missing.get(tenant.pk),
        )
        for tenant in rows
    ]


def _by_tenant(rows: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    return {row["tenant_id"]: row for row in rows}


def _runs_by_tenant(ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Two counts, each from its own index: asked at once, all runs of a tenant would be read."""
    rows = OperationRun.all_tenants.filter(tenant__in=ids).order_by()
    since = clock.now() - TROUBLE_WINDOW
    asked = {
        "open": rows.filter(OPEN),
        "troubled": rows.filter(outcome__in=_TROUBLE, created_at__gte=since),
    }
    found: dict[int, dict[str, int]] = {}
    for name, runs in asked.items():
        for tenant_id, number in runs.values_list("tenant_id").annotate(Count("pk")):
            found.setdefault(tenant_id, {})[name] = number
    return found


def _missing_by_tenant(ids: Sequence[int]) -> dict[int, int]:
    """How many permissions the newest report of each tenant misses."""
    reports = PermissionReport.all_tenants.filter(tenant__in=ids)
    newest = reports.values("tenant_id").annotate(newest=Max("pk")).order_by().values("newest")
    rows = reports.filter(pk__in=newest).annotate(has_writer=_has_writer("tenant"))
    return {row.tenant_id: len(lacking_now(row, has_writer=row.has_writer)) for row in rows}


def _has_writer(tenant: str) -> Exists:
    """Whether the tenant, named by this column, has an app of its own for writing."""
    return Exists(Connection.all_tenants.filter(tenant=OuterRef(tenant), purpose=Purpose.WRITER))


# ── What the audit trail is about ─────────────────────────────────────────────────────────────────────────

#: What an entry of the trail may be about, and the name of the page that shows it.
PAGES = {
    "run": "run_detail",
    "set": "set_detail",
    "policy": "policy_detail",
    "finding": "finding_detail",
    "schedule": "schedule_detail",
    "restore": "restore_detail",
    "upload": "import_preview",
}


def pages_of(subjects: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those of the (kind, number) that the tenant in scope still has a page of; one query for all."""
    asked: dict[str, set[int]] = {}
    for kind, number in subjects:
        asked.setdefault(kind, set()).add(number)
    if not asked:
        return set()
    rows: dict[str, QuerySet[Any]] = {
        "run": OperationRun.objects.all(),
        "set": BackupSet.objects.exclude(status=SetStatus.DELETED),
        "policy": Policy.objects.all(),
        "finding": Finding.objects.all(),
        "schedule": Schedule.objects.all(),
        "restore": Restore.objects.all(),
        "upload": Upload.objects.all(),
    }
    found = [
        rows[kind].filter(pk__in=numbers).order_by().annotate(page=Value(kind)).values_list("page", "pk")
        for kind, numbers in asked.items()
    ]
    return set(found[0].union(*found[1:], all=True))


# ── One tenant's dashboard ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where the tenant stands, in one query. Times are None while the thing has not happened."""

    last_backup: datetime | None
    last_sync: datetime | None
    last_drift: int | None
    expires: datetime | None
    policies: int
    unprotected: int
    troubled: int
    #: What the newest report of permissions says; None while there is none.
    permissions: list[dict[str, Json]] | None
    has_writer: bool

    @property
    def missing(self) -> int:
        """How many permissions are missing, as far as they were checked."""
        report = PermissionReport(rows=self.permissions or [])
        return len(lacking_now(report, has_writer=self.has_writer))


def standing(tenant: Tenant) -> Standing:
    """Where this tenant stands."""
    runs = OperationRun.all_tenants.filter(tenant=OuterRef("pk"), outcome=Outcome.SUCCEEDED)
    present = Policy.all_tenants.filter(tenant=OuterRef("pk"), presence=Presence.PRESENT)
    sets = BackupSet.all_tenants.filter(tenant=OuterRef("pk"), status=SetStatus.COMPLETE)
    sets = sets.exclude(source=IMPORTED)
    expiring = Connection.all_tenants.filter(tenant=OuterRef("pk"), expires_at__isnull=False)
    reports = PermissionReport.all_tenants.filter(tenant=OuterRef("pk")).order_by("-taken_at", "-pk")
    bad = OperationRun.all_tenants.filter(
        tenant=OuterRef("pk"), outcome__in=_TROUBLE, created_at__gte=clock.now() - TROUBLE_WINDOW
    )
    row = (
        Tenant.objects.filter(pk=tenant.pk)
        .values(
            last_backup=Subquery(sets.order_by("-created_at").values("created_at")[:1]),
            last_sync=Subquery(runs.filter(doing("inventory.sync")).order_by("-pk").values("ended_at")[:1]),
            last_drift=Subquery(runs.filter(doing("drift.generate")).order_by("-pk").values("pk")[:1]),
            expires=Subquery(expiring.order_by("expires_at").values("expires_at")[:1]),
            policies=_count(present),
            unprotected=_count(present.filter(_BARE)),
            troubled=_count(bad),
            permissions=Subquery(reports.values("rows")[:1]),
            has_writer=_has_writer("pk"),
        )
        .get()
    )
    return Standing(**row)


def _count(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values("tenant").annotate(number=Count("*")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


@dataclass(frozen=True, kw_only=True)
class DayOfRuns:
    """How the runs that were started on one day ended."""

    day: date
    by_outcome: Mapping[str, int]

    @property
    def total(self) -> int:
        """All that have ended."""
        return sum(self.by_outcome.values())


def outcomes_by_day(tenant: Tenant, *, days: int) -> list[DayOfRuns]:
    """How the tenant's runs ended, day by day (UTC), the oldest first; days without runs are there too."""
    today = clock.now().astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    rows = OperationRun.all_tenants.filter(tenant=tenant, created_at__gte=start).exclude(outcome="")
    grouped = (
        rows.order_by()
        .annotate(place=_place_among_days(start, days))
        .values_list("place", "outcome")
        .annotate(number=Count("pk"))
    )
    counted: list[dict[str, int]] = [{} for _ in range(days)]
    for place, outcome, number in grouped:
        counted[place][outcome] = number
    return [
        DayOfRuns(day=first + timedelta(days=place), by_outcome=by_outcome)
        for place, by_outcome in enumerate(counted)
    ]


def _place_among_days(start: datetime, days: int) -> Case:
    """Which of the days a run was started on. Compared, since SQLite computes dates in Python, row by row."""
    ends = (start + timedelta(days=place) for place in range(1, days))
    return Case(
        *(When(created_at__lt=end, then=Value(place)) for place, end in enumerate(ends)),
        default=Value(days - 1),
        output_field=IntegerField(),
    )
