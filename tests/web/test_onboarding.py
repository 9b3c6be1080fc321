"""Connecting a tenant in the browser, from nothing to the first backup."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tenantatlas.audit.models import AuditEntry
from tenantatlas.core import clock
from tenantatlas.core.ids import stable_id
from tenantatlas.runs.dispatch import run_inline
from tenantatlas.runs.models import OperationRun
from tenantatlas.simulator.permissions import READER, WRITER
from tenantatlas.tenants.models import Connection, NewCertificate, Purpose, Tenant
from tenantatlas.tenants.registration import permissions_for
from tenantatlas.tenants.scope import tenant_scope
from tenantatlas.web.pages import tenants
from tests.canary import secret
from tests.schedules.making import make_schedule
from tests.simulated import World, catalog_body
from tests.tenants.certificates import certificate_pem, key_pem, rsa_key

from .reading import element, following, main, page, text

GUID = "c0ffee00-0000-4000-8000-000000000009"
APP = stable_id("app", "adatum")
FACTS = {"name": "Adatum", "slug": "adatum", "environment": "test", "tenant_guid": GUID, "cloud": "global"}
SETUP = "/t/adatum/setup/"


def post(client: Client, path: str, **form: Any) -> str:
    return following(client, client.post(path, form))


def work_all() -> None:
    """Work what waits, in this thread."""
    for run in OperationRun.all_tenants.filter(status="queued"):
        run_inline(run)


def current_step(shown: str) -> str:
    (found,) = re.findall(r'aria-current="step">(.*?)</li>', shown, flags=re.DOTALL)
    return text(found).split(" ", 1)[1].removesuffix(" (current)")


@pytest.fixture
def adatum(otto: Client) -> Tenant:
    """A tenant whose first step is done."""
    post(otto, "/tenants/connect/", **FACTS)
    return Tenant.objects.get(slug="adatum")


def test_from_nothing_to_the_first_backup(world: World, otto: Client) -> None:
    sim = world.simulator.tenant(GUID, name="Adatum")
    sim.put("/deviceManagement/configurationPolicies", catalog_body("Baseline"))
    sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})

    first = post(otto, "/tenants/connect/", **FACTS)
    assert current_step(first) == "App"
    made = post(otto, "/t/adatum/connection/app/certificate/", purpose="reader", next=f"{SETUP}?step=app")
    assert current_step(made) == "App"
    file = otto.get("/t/adatum/connection/app/certificate.cer?purpose=reader")
    public = x509.load_der_x509_certificate(file.content)
    assert b"PRIVATE" not in file.content
    sim.app(APP, certificate=public.public_bytes(Encoding.PEM).decode())

    form = {"purpose": "reader", "client_id": APP, "kind": "made", "next": f"{SETUP}?step=check"}
    assert current_step(post(otto, "/t/adatum/connection/app/credential/", **form)) == "Check"
    assert current_step(post(otto, f"{SETUP}start/", step="check")) == "Check"
    work_all()
    checked = page(otto.get(f"{SETUP}?step=check"))
    assert "Succeeded" in text(main(checked))
    assert "Next: RBAC group" in text(main(checked))
    post(otto, f"{SETUP}start/", step="sync")
    work_all()
    post(otto, f"{SETUP}start/", step="backup")
    work_all()

    end = page(otto.get(f"{SETUP}?step=backup"))
    assert "Adatum is connected, checked and backed up" in text(main(end))
    assert re.search(r"RBAC group</a>\s*<span[^>]*>\(skipped\)", end)
    nightly = "/t/adatum/schedules/new/?operation=backup_set.capture&amp;name=Nightly+backup"
    assert f'href="{nightly}"' in main(end)
    assert f'href="{nightly}"' in main(page(otto.get("/t/adatum/")))
    assert f'href="{nightly}"' in main(page(otto.get("/t/adatum/schedules/")))
    form = page(otto.get(html.unescape(nightly)))
    assert 'value="Nightly backup"' in element(form, "name")
    make_schedule(Tenant.objects.get(slug="adatum"), world.cast.otto, operation="backup_set.capture")
    assert nightly not in page(otto.get(f"{SETUP}?step=backup"))
    with tenant_scope(Tenant.objects.get(slug="adatum")):
        row = Connection.objects.get()
        assert (row.kind, row.client_id) == ("certificate", APP)
        assert not NewCertificate.objects.exists()
    assert {"tenant.begun", "certificate.made", "connection.updated"} <= set(
        AuditEntry.objects.values_list("action", flat=True)
    )


def test_tenants_come_in_pages_and_are_searched(adatum: Tenant, otto: Client, monkeypatch) -> None:
    monkeypatch.setattr(tenants, "TENANTS_PER_PAGE", 1)
    first = text(main(page(otto.get("/tenants/"))))
    assert adatum.name in first
    assert "Page 1 of 3" in first
    assert adatum.name not in text(main(page(otto.get("/tenants/?page=2"))))
    assert adatum.name in text(main(page(otto.get("/tenants/?q=ADAT"))))
    assert "Nothing matches these filters." in text(page(otto.get("/tenants/?q=nowhere")))


@pytest.mark.usefixtures("adatum")
def test_a_wrong_secret_is_corrected_where_it_was_given(world: World, otto: Client) -> None:
    right = secret("current")
    world.simulator.tenant(GUID, name="Adatum").app(APP, secret=right)
    form = {"purpose": "reader", "client_id": APP, "kind": "secret", "next": f"{SETUP}?step=check"}
    post(otto, "/t/adatum/connection/app/credential/", **form, secret=secret("mistyped"))
    post(otto, f"{SETUP}start/", step="check")
    work_all()
    refused = page(otto.get(f"{SETUP}?step=check"))
    assert "The client secret is wrong." in text(main(refused))
    assert f'<a href="{SETUP}?step=app">Correct the app or its credential</a>' in refused
    again = page(otto.get(f"{SETUP}?step=app"))
    assert APP in element(again, "client_id")

    checking = post(otto, "/t/adatum/connection/app/credential/", **form, secret=right)
    assert current_step(checking) == "Check"
    post(otto, f"{SETUP}start/", step="check")
    work_all()
    assert "Correct the app" not in page(otto.get(f"{SETUP}?step=check"))


def test_a_draft_is_found_again_corrected_and_discarded(adatum: Tenant, otto: Client) -> None:
    assert "Go on connecting Adatum" in text(main(page(otto.get("/tenants/"))))
    other = "c0ffee00-0000-4000-8000-00000000000a"
    post(otto, f"{SETUP}tenant/", **{**FACTS, "name": "Adatum two", "tenant_guid": other, "cloud": "usgov"})
    adatum.refresh_from_db()
    assert (adatum.name, adatum.tenant_guid, adatum.cloud) == ("Adatum two", other, "usgov")

    post(otto, f"{SETUP}discard/")
    assert "Adatum two" not in main(page(otto.get("/tenants/")))


def test_what_was_checked_stays_the_tenant_that_it_is(world: World, otto: Client) -> None:
    world.work("connection.check")
    assert "readonly" in element(page(otto.get("/t/contoso/setup/?step=tenant")), "tenant_guid")
    answer = otto.post("/t/contoso/setup/tenant/", {**FACTS, "slug": "contoso"})
    shown = page(answer, 409)
    assert "stays the Microsoft tenant that it is" in text(shown)
    assert '<a href="#tenant_guid">' in shown
    assert otto.post("/t/contoso/setup/discard/").status_code == 409
    world.tenant.refresh_from_db()
    assert world.tenant.name == "Contoso"


@pytest.mark.usefixtures("adatum")
def test_a_wrong_tenant_id_is_corrected_after_the_failed_check(world: World, otto: Client) -> None:
    right, other = secret("right"), "c0ffee00-0000-4000-8000-00000000000b"
    world.simulator.tenant(other, name="Adatum").app(APP, secret=right)
    form = {"purpose": "reader", "client_id": APP, "kind": "secret", "secret": right}
    post(otto, "/t/adatum/connection/app/credential/", **form)
    post(otto, f"{SETUP}start/", step="check")
    work_all()
    failed = page(otto.get(f"{SETUP}?step=check"))
    assert f'<a href="{SETUP}?step=tenant">' in main(failed)

    saved = post(otto, f"{SETUP}tenant/", **{**FACTS, "tenant_guid": other})
    assert current_step(saved) == "Check"
    post(otto, f"{SETUP}start/", step="check")
    work_all()
    assert "Next: RBAC group" in text(main(page(otto.get(f"{SETUP}?step=check"))))


def test_another_cloud_asks_for_the_credential_again(world: World, otto: Client) -> None:
    client_id = Connection.objects.get().client_id
    facts = {"name": "Contoso", "environment": "test", "tenant_guid": world.tenant.tenant_guid}
    custom = {"cloud": "custom", "graph_url": "https://graph.example", "login_url": "https://login.example"}
    shown = post(otto, "/t/contoso/setup/tenant/", **facts, **custom)

    assert current_step(shown) == "App"
    assert "give the app&#x27;s credential again" in shown
    assert client_id in element(shown, "client_id")
    assert not Connection.objects.exists()
    world.work("connection.check")
    assert "is not connected" in text(main(page(otto.get("/t/contoso/setup/?step=check"))))


def test_who_may_not_correct_a_tenant_sees_where_it_is(world: World, ana: Client) -> None:  # noqa: ARG001 - the cast
    assert "Needs the right to manage the tenant's settings" not in text(
        main(page(ana.get("/t/contoso/setup/?step=tenant")))
    )
    assert "needs the right to manage the tenant's settings" in text(
        main(page(ana.get("/t/contoso/setup/?step=tenant")))
    )
    assert ana.post("/t/contoso/setup/tenant/", FACTS).status_code == 403


def test_all_mistakes_are_said_at_once(otto: Client) -> None:
    wrong = {"name": "", "tenant_guid": "none", "cloud": "custom", "login_url": "http://login.example"}
    shown = page(otto.post("/tenants/connect/", {**FACTS, **wrong}), 400)
    for field in ("name", "tenant_guid", "graph_url", "login_url"):
        assert f'<a href="#{field}">' in shown
    assert "A custom cloud needs the Graph address." in text(shown)
    assert "The sign-in address must begin with https://" in text(shown)


def test_a_ca_file_is_kept_while_other_mistakes_are_mended(otto: Client) -> None:
    ca = certificate_pem(rsa_key())
    file = SimpleUploadedFile("ca.pem", ca.encode())
    again = page(otto.post("/tenants/connect/", {**FACTS, "name": "", "ca": file}), 400)
    (kept,) = re.findall(r'name="ca_pem" value="([^"]+)"', again)
    post(otto, "/tenants/connect/", **FACTS, ca_pem=kept)
    tenant = Tenant.objects.get(slug="adatum")
    assert tenant.ca_pem.strip() == ca.strip()

    post(otto, f"{SETUP}tenant/", **FACTS, ca_pem=kept, ca_forget="yes")
    tenant.refresh_from_db()
    assert tenant.ca_pem == ""


def test_a_slug_is_made_from_the_name(otto: Client) -> None:
    post(otto, "/tenants/connect/", **{**FACTS, "name": "Adatum & Söhne (Test)", "slug": ""})
    assert Tenant.objects.get(slug="adatum-sohne-test").name == "Adatum & Söhne (Test)"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"slug": "contoso"}, "slug"),
        ({"tenant_guid": "none"}, "tenant_guid"),
        ({"cloud": "custom", "graph_url": "http://graph.example"}, "graph_url"),
        ({"environment": "moon"}, "environment"),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_nothing_is_lost(
    otto: Client, wrong: dict[str, str], field: str
) -> None:
    shown = page(otto.post("/tenants/connect/", {**FACTS, **wrong}), 400)
    assert f'<a href="#{field}">' in shown
    element(shown, field)
    assert not Tenant.objects.filter(slug="adatum").exists()
    if "tenant_guid" not in wrong:
        assert GUID in shown


def test_only_owners_of_the_install_connect_tenants(world: World, ana: Client, olu: Client) -> None:  # noqa: ARG001 - the cast
    for client in (ana, olu):
        assert "Needs an owner of this install" in text(page(client.get("/tenants/")))
        assert client.get("/tenants/connect/").status_code == 403
        assert client.post("/tenants/connect/", FACTS).status_code == 403
    assert not Tenant.objects.filter(slug="adatum").exists()


def test_the_app_page_says_everything_to_copy(adatum: Tenant, otto: Client) -> None:  # noqa: ARG001 - begun
    shown = text(page(otto.get(f"{SETUP}?step=app")))
    assert "az ad app create" in shown
    assert "Connect-MgGraph -Environment Global" in shown
    assert "http://testserver/delegated/callback/" in shown
    assert "DeviceManagementConfiguration.Read.All" in shown
    assert "DeviceManagementConfiguration.ReadWrite.All" not in shown
    writer = text(page(otto.get("/t/adatum/connection/app/?purpose=writer")))
    assert "DeviceManagementConfiguration.ReadWrite.All" in writer


@pytest.mark.usefixtures("adatum")
def test_the_permissions_are_for_how_the_tenant_is_restored(otto: Client) -> None:
    write = "DeviceManagementConfiguration.ReadWrite.All"
    apart = page(otto.get(f"{SETUP}?step=app"))
    assert "The writer's app is a second registration" in html.unescape(text(apart))
    assert "/t/adatum/connection/app/?purpose=writer" in apart
    assert write not in apart
    never = page(otto.get(f"{SETUP}?step=app&restores=never"))
    assert write not in never
    here = page(otto.get(f"{SETUP}?step=app&restores=here"))
    assert write in here
    assert current_step(here) == "App"
    assert "How this tenant is restored" not in page(otto.get("/t/adatum/connection/app/?purpose=writer"))


def test_an_app_that_only_backs_up_is_told_what_restoring_takes(world: World, otto: Client) -> None:
    world.sim.revoke(READER | WRITER)
    world.sim.grant({row.permission for row in permissions_for(Purpose.READER)})
    world.work("connection.check")
    checked = page(otto.get("/t/contoso/setup/?step=check"))
    shown = text(main(checked))
    assert "Restore: not yet possible." in shown
    assert (
        '<a href="/t/contoso/connection/app/?purpose=writer" rel="noopener noreferrer">connect a writer'
        in checked
    )
    assert "is missing" not in shown
    assert "Done." in shown
    connection = text(main(page(otto.get("/t/contoso/connection/"))))
    assert "Needed to restore Not yet possible" in connection
    assert "Permissions All granted" in text(main(page(otto.get("/t/contoso/"))))
    assert "Permissions missing" not in text(main(page(otto.get("/overview/"))))

    world.sim.revoke({"DeviceManagementConfiguration.Read.All"})
    world.clock.advance(60)
    world.work("connection.check")
    lacking = text(main(page(otto.get("/t/contoso/setup/?step=check"))))
    assert "DeviceManagementConfiguration.Read.All is missing" in lacking
    assert "Done." not in lacking


@pytest.mark.parametrize("kind", ["secret", "pem"])
def test_a_credential_of_ones_own(adatum: Tenant, otto: Client, kind: str) -> None:
    pem = certificate_pem(rsa_key()) + key_pem(rsa_key())
    form: dict[str, Any] = {
        "purpose": "reader",
        "client_id": APP,
        "kind": kind,
        "secret": secret("own"),
        "expires": "2099-01-31",
    }
    if kind == "pem":
        form |= {"pem": SimpleUploadedFile("app.pem", pem.encode())}
    shown = post(otto, "/t/adatum/connection/app/credential/", **form)
    assert "is connected" in text(shown)
    row = Connection.all_tenants.get(tenant=adatum)
    assert row.expires_at is not None
    assert secret("own").encode() not in bytes(row.sealed)


@pytest.mark.parametrize(
    "form",
    [
        {"client_id": "nonsense", "kind": "secret", "secret": "a-secret-value"},
        {"client_id": APP, "kind": "secret", "secret": ""},
        {"client_id": APP, "kind": "pem"},
        {"client_id": APP, "kind": "secret", "secret": "a-secret-value", "expires": "soon"},
    ],
)
def test_a_credential_that_will_not_do_is_refused(adatum: Tenant, otto: Client, form: dict[str, str]) -> None:
    shown = page(otto.post("/t/adatum/connection/app/credential/", {"purpose": "reader", **form}), 400)
    assert "error-summary" in shown
    assert "a-secret-value" not in shown
    assert not Connection.all_tenants.filter(tenant=adatum).exists()


def test_problems_come_first_with_their_next_step(world: World, otto: Client) -> None:
    world.sim.revoke("DeviceManagementConfiguration.Read.All")
    world.sim.revoke("DeviceManagementConfiguration.ReadWrite.All")
    world.sim.grant("Mail.Read")
    world.work("connection.check")
    shown = text(main(page(otto.get("/t/contoso/setup/?step=check"))))
    missing = shown.index("DeviceManagementConfiguration.Read.All is missing")
    assert missing < shown.index("granted but not needed")
    assert "Grant admin consent" in shown
    assert missing > 0
    assert "is missing" in text(main(page(otto.get("/t/contoso/connection/"))))


@pytest.mark.parametrize(
    ("days", "tone"),
    [(31, ""), (30, "warning"), (14, "warning"), (7, "danger"), (0, "danger"), (-1, "danger")],
)
def test_a_credential_that_ends_soon_is_said(otto: Client, days: int, tone: str) -> None:
    Connection.objects.update(expires_at=clock.now() + timedelta(days=days, hours=1))
    shown = main(page(otto.get("/t/contoso/connection/")))
    said = re.findall(r'<span class="pill (\w+)">(?:\d+ days? left|Expired|Ends within a day)', shown)
    assert said == ([tone] if tone else [])


def test_settings_are_changed_by_owners_and_shown_to_everybody(
    world: World, otto: Client, olu: Client
) -> None:
    settings = "/t/contoso/settings/"
    assert "Needs the right to manage the tenant's settings" in text(page(olu.get(settings)))
    post(otto, f"{settings}change/", name="Contoso Ltd", environment="production")
    post(otto, f"{settings}deletes/", allowed="yes")
    post(otto, f"{settings}writes/", writes="hold")
    world.tenant.refresh_from_db()
    assert (world.tenant.name, world.tenant.environment) == ("Contoso Ltd", "production")
    assert (world.tenant.allow_deletes, world.tenant.writes_held) == (True, True)
    post(otto, f"{settings}writes/", writes="release")
    post(otto, f"{settings}deletes/", allowed="no")
    world.tenant.refresh_from_db()
    assert (world.tenant.allow_deletes, world.tenant.writes_held) == (False, False)
    assert "name" in element(
        page(otto.post(f"{settings}change/", {"name": "", "environment": "test"}), 400), "name"
    )


def test_removing_a_tenant_needs_its_slug_typed(world: World, otto: Client) -> None:
    assert "Type contoso to remove" in text(
        page(otto.post("/t/contoso/settings/remove/", {"remove": "Contoso"}), 400)
    )
    post(otto, "/t/contoso/settings/remove/", remove="contoso")
    assert otto.get("/t/contoso/").status_code == 404
    assert not Connection.all_tenants.filter(tenant=world.tenant).exists()
