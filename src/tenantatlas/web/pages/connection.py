"""How the tenant is connected: its apps and their credentials, and which permissions they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core import clock
from tenantatlas.core.errors import InputError
from tenantatlas.core.json import Json
from tenantatlas.directory.models import DirectoryGroup
from tenantatlas.tenants import keys, services
from tenantatlas.tenants.credentials import Credential, certificate, client_secret, last_moment
from tenantatlas.tenants.expiry import Ending, ending
from tenantatlas.tenants.models import Connection, NewCertificate, PermissionReport, Purpose, Tenant
from tenantatlas.tenants.permissions import Held, Need, only_backs_up
from tenantatlas.tenants.queries import new_certificate_of
from tenantatlas.tenants.registration import consent_link, registration
from tenantatlas.web import filters
from tenantatlas.web.requests import TenantRequest, require

from .rbac import reply_address, reply_context
from .runs import start
from .session import next_within_site

#: What the rows of a report are shown under, in this order.
GROUPS = {
    Need.READ.value: "Needed to read and back up",
    Need.RESTORE.value: "Needed to restore",
    Need.LOOK_UP.value: "Needed to find what policies name, before a restore",
    Need.NOTHING.value: "Granted but not needed",
}
#: How a tenant is restored: what the reader's app is registered for.
RESTORES = {
    "apart": "With a writer app (recommended)",
    "never": "Not at all: back up only",
    "here": "With this app too",
}
_GRANT = "Add it to the app's permissions in Entra, then grant admin consent."
_OR_A_WRITER = "Or connect a writer's app that has it."
LARGEST_PEM = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class AppRow:
    """One app registration as the page shows it; `row` None where there is none yet."""

    purpose: Purpose
    row: Connection | None
    made: NewCertificate | None
    thumbprint: str = ""
    end: Ending | None = None

    @property
    def tone(self) -> str:
        """How its credential's end is shown; empty while there is nothing to warn of."""
        if self.end is None:
            return ""
        return "danger" if self.end.is_grave else "warning"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that the check found, gravest first, and what to do about it."""

    tone: str
    what: str
    next_step: str
    link: str = ""
    link_words: str = "Grant admin consent"


@require_GET
def connection(request: TenantRequest) -> HttpResponse:
    """App registrations, and the newest permission report: problems first."""
    report = PermissionReport.objects.order_by("-taken_at").first()
    apps = app_rows()
    context = {
        "title": "Connection",
        "section": "connection",
        "apps": apps,
        "report": report,
        "report_problems": problems_in(request.tenant, report, apps),
        "groups_of_rows": _groups(report, apps) if report else (),
        "groups": DirectoryGroup.objects.count(),
    }
    return render(request, "web/connection/detail.html", context)


def app_rows() -> list[AppRow]:
    """The reader's app and the writer's, in the tenant in scope. Two queries."""
    rows = {row.purpose: row for row in Connection.objects.all()}
    made = {each.purpose: each for each in NewCertificate.objects.all()}
    return [_app_row(purpose, rows.get(purpose), made.get(purpose)) for purpose in Purpose]


def _app_row(purpose: Purpose, row: Connection | None, made: NewCertificate | None) -> AppRow:
    return AppRow(
        purpose=purpose,
        row=row,
        made=made,
        thumbprint=keys.thumbprint(made.certificate) if made else "",
        end=ending(row.expires_at, at=clock.now()) if row else None,
    )


@dataclass(frozen=True, kw_only=True)
class RowGroup:
    """The rows of a report that are for one thing; `said` is what they lack, in a few words."""

    words: str
    rows: list[dict[str, Json]]
    said: str = ""
    tone: str = ""


def _groups(report: PermissionReport, apps: list[AppRow]) -> list[RowGroup]:
    return grouped(report.rows, later=only_backs_up(report, has_writer=apps[1].row is not None))


def grouped(rows: list[dict[str, Json]], *, later: bool) -> list[RowGroup]:
    """A report's rows by what they are for, the missing ones first; `later`: restoring is not wanted yet."""
    found = []
    for need, words in GROUPS.items():
        mine = sorted(
            (row for row in rows if row["for"] == need), key=lambda row: row["state"] != Held.MISSING
        )
        missing = sum(row["state"] == Held.MISSING for row in mine)
        not_yet = later and need == Need.RESTORE
        if mine:
            said = "Not yet possible" if not_yet else f"{missing} missing" if missing else ""
            found.append(RowGroup(words=words, rows=mine, said=said, tone="neutral" if not_yet else "danger"))
    return found


def problems_in(tenant: Tenant, report: PermissionReport | None, apps: list[AppRow]) -> list[Problem]:
    """What the newest report and the credentials say is wrong, gravest first, each with its next step."""
    found = [_expiry(app, app.end) for app in apps if app.end]
    if report is None:
        return found
    client_id = apps[0].row.client_id if apps[0].row else ""
    writer = apps[1].row.client_id if apps[1].row else client_id
    found += _missing(tenant, report, Need.READ, client_id)
    if only_backs_up(report, has_writer=apps[1].row is not None):
        found.append(_no_restore_yet(tenant))
    else:
        found += _missing(tenant, report, Need.RESTORE, writer)
    found += _missing(tenant, report, Need.LOOK_UP, client_id)
    unneeded = [row["permission"] for row in report.rows if row["for"] == Need.NOTHING.value]
    if unneeded:
        found.append(
            Problem(
                tone="neutral",
                what=f"{len(unneeded)} granted but not needed: {', '.join(unneeded[:8])}.",
                next_step="Remove them from the app: a permission that it does not hold cannot be misused.",
            )
        )
    return found


def _missing(tenant: Tenant, report: PermissionReport, need: Need, client_id: str) -> list[Problem]:
    tone, what = {
        Need.READ: ("danger", "cannot be read"),
        Need.RESTORE: ("warning", "cannot be restored"),
        Need.LOOK_UP: ("warning", "may name what cannot be looked for before a restore"),
    }[need]
    return [
        Problem(
            tone=tone,
            what=f"{row['permission']} is missing: {_types(len(row['types']))} {what}.",
            next_step=_GRANT if need is not Need.RESTORE else f"{_GRANT} {_OR_A_WRITER}",
            link=consent_link(tenant, client_id),
        )
        for row in report.rows
        if row["for"] == need.value and row["state"] == Held.MISSING.value
    ]


def _no_restore_yet(tenant: Tenant) -> Problem:
    return Problem(
        tone="neutral",
        what="Restore: not yet possible.",
        next_step="This app reads and backs up only, as it should. To restore,",
        link=_app_of(tenant, Purpose.WRITER),
        link_words="connect a writer's app",
    )


def _types(number: int) -> str:
    return "1 policy type" if number == 1 else f"{number} policy types"


def _expiry(app: AppRow, end: Ending) -> Problem:
    return Problem(
        tone=app.tone,
        what=f"The {app.purpose.value}'s credential {end.words}.",
        next_step="Make a new certificate on the app's page and upload it in Entra.",
    )


@require_GET
def app_registration(request: TenantRequest) -> HttpResponse:
    """How to register or renew one app: permissions, commands, consent, credential."""
    return registration_page(request, chosen_purpose(request.GET.get("purpose", "")))


def registration_page(
    request: TenantRequest,
    purpose: Purpose,
    *,
    problems: list[dict[str, str]] | None = None,
    more: dict[str, Json] | None = None,
) -> HttpResponse:
    """The page of one app; with problems, they stand at its top."""
    reader, writer = app_rows()
    app, connected_writer = (reader if purpose is Purpose.READER else writer), writer.row is not None
    client_id = app.row.client_id if app.row else ""
    known = client_id or request.GET.get("client_id", "")[:36]
    alone = purpose is Purpose.READER and not connected_writer
    restores = filters.chosen(request, "restores", RESTORES, "apart") if alone else "apart"
    context: dict[str, Any] = {
        "title": f"{purpose.label} app",
        "section": "connection",
        "app": app,
        "client_id": request.POST.get("client_id", known),
        "how": registration(
            request.tenant,
            purpose,
            client_id=client_id,
            redirect_uri=reply_address(request),
            restores=restores == "here",
        ),
        "restores": restores,
        "ways_to_restore": RESTORES if alone else {},
        "writer_url": _app_of(request.tenant, Purpose.WRITER),
        **reply_context(request),
        "days": keys.DAYS,
        "problems": problems or [],
        **(more or {}),
    }
    return render(request, "web/connection/app.html", context, status=400 if problems else 200)


def chosen_purpose(text: str) -> Purpose:
    """The app that is meant; the reader's where nothing else is said."""
    return Purpose.WRITER if text == Purpose.WRITER else Purpose.READER


@require_POST
def certificate_make(request: TenantRequest) -> HttpResponse:
    """Make a key pair for the app; its certificate can be downloaded then."""
    require(request, Capability.CONNECTION_MANAGE)
    purpose = chosen_purpose(request.POST.get("purpose", ""))
    keys.make_certificate(request.tenant, actor=request.user, purpose=purpose)
    messages.success(
        request, "A key pair was made. Download its certificate and upload it to the app in Entra."
    )
    return redirect(next_within_site(request, app_address(request, purpose)))


@require_GET
def certificate_download(request: TenantRequest) -> HttpResponse:
    """The public certificate as a .cer file."""
    purpose = chosen_purpose(request.GET.get("purpose", ""))
    made = new_certificate_of(request.tenant, purpose)
    if made is None:
        messages.info(request, "There is no new certificate to download: make one first.")
        return redirect(app_address(request, purpose))
    name = f"tenantatlas-{request.tenant.slug}-{purpose.value}.cer"
    return HttpResponse(
        keys.public_certificate(made),
        content_type="application/pkix-cert",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_POST
def credential_save(request: TenantRequest) -> HttpResponse:
    """Connect with the app: by the certificate made here, by one of the person's own, or by a secret."""
    require(request, Capability.CONNECTION_MANAGE)
    purpose = chosen_purpose(request.POST.get("purpose", ""))
    client_id = request.POST.get("client_id", "").strip()
    try:
        if request.POST.get("kind") == "made":
            keys.use_certificate(request.tenant, actor=request.user, purpose=purpose, client_id=client_id)
        else:
            services.update_credential(
                request.tenant,
                actor=request.user,
                credential=_given(request),
                purpose=purpose,
                client_id=client_id,
            )
    except InputError as error:
        field = {"client id": "client_id", "secret": "secret"}.get(
            error.details.get("field", ""), "client_id"
        )
        problem = {"field": field, "message": error.message, "hint": error.hint}
        return registration_page(request, purpose, problems=[problem])
    messages.success(request, f"The {purpose.value}'s app is connected. Check the connection next.")
    return redirect(next_within_site(request, reverse("connection", kwargs={"slug": request.tenant.slug})))


def _given(request: TenantRequest) -> Credential:
    if request.POST.get("kind") == "secret":
        return client_secret(
            request.POST.get("secret", ""), expires_at=last_moment(request.POST.get("expires", ""))
        )
    upload = request.FILES.get("pem")
    if upload is None or upload.size is None or upload.size > LARGEST_PEM:
        raise InputError("Choose a PEM file with the certificate and its private key, of at most 64 KiB.")
    try:
        return certificate(upload.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError("The certificate file is not text.", hint="Save it as PEM.") from error


def app_address(request: TenantRequest, purpose: Purpose) -> str:
    """The page of one app."""
    return _app_of(request.tenant, purpose)


def _app_of(tenant: Tenant, purpose: Purpose) -> str:
    return f"{reverse('app_registration', kwargs={'slug': tenant.slug})}?purpose={purpose.value}"


@require_POST
def start_check(request: TenantRequest) -> HttpResponse:
    """Test sign-in and permissions, as a run."""
    return start(request, "connection.check")


@require_POST
def start_directory_sync(request: TenantRequest) -> HttpResponse:
    """Read the groups' names, as a run."""
    return start(request, "directory_groups.sync")
