"""A second tenant, connected by clicks alone: from the list of tenants to the finished first backup."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tenantatlas.core.ids import stable_id
from tests.simulated import catalog_body, group_target

from .browsing import Visit
from .contents import CATALOG, GROUPS
from .site import CLIENT_ID, SECRET, Site

NAME = "Fabrikam"
POLICIES = ("Fabrikam - BitLocker", "Fabrikam - Edge", "Fabrikam - Firewall", "Fabrikam - Updates")
ADMINS = "Intune administrators"
ADELE = "adele@fabrikam.example"


@dataclass
class Onboarded:
    """What was seen on the way."""

    site: Site
    texts: dict[str, str] = field(default_factory=dict)
    journal: list[dict[str, Any]] = field(default_factory=list)


def fabrikam_at(site: Site) -> Site:
    """The simulated Fabrikam: four policies, a group of administrators, and Adele, who may read groups."""
    fabrikam = replace(site, slug="fabrikam", guid=stable_id("fabrikam tenant"))
    tenant = f"/tenants/{fabrikam.guid}"
    site.ask("POST", "/tenants", {"guid": fabrikam.guid, "name": NAME})
    site.ask("POST", f"{tenant}/apps", {"client_id": CLIENT_ID, "secret": SECRET})
    site.ask("POST", f"{tenant}/people", {"upn": ADELE, "name": "Adele Vance"})
    reply = {"address": f"{site.url}/delegated/callback/", "delegated": ["GroupMember.Read.All"]}
    site.ask("POST", f"{tenant}/reply-to", reply)
    group = {"displayName": ADMINS, "securityEnabled": True, "groupTypes": []}
    (admins,) = fabrikam.put(GROUPS, group)
    assigned = [group_target(admins)]
    fabrikam.put(CATALOG, *(catalog_body(name, assignments=assigned) for name in POLICIES))
    return fabrikam


def onboard(visit: Visit, fabrikam: Site) -> Onboarded:
    """Every step of the wizard, in its order."""
    told = Onboarded(fabrikam)
    page = visit.page
    page.goto(f"{visit.site.url}/tenants/")
    visit.press("Connect a tenant…")
    _say_which(visit, fabrikam)
    _connect_the_app(visit)
    visit.press("Check connection")
    visit.await_text("Next: RBAC group")
    told.texts["check"] = visit.text()
    visit.press("Next: RBAC group")
    _find_the_group(visit, told)
    visit.press(f"Go on connecting {NAME}")
    visit.press("Read inventory and groups")
    visit.await_text("Next: backup")
    visit.press("Next: backup")
    visit.press("Take the first backup")
    visit.await_text("is connected, checked and backed up")
    told.texts["end"] = visit.text()
    visit.press("See the dashboard")
    page.wait_for_url(f"**/t/{fabrikam.slug}/")
    told.texts["dashboard"] = visit.text()
    asked = fabrikam.ask("GET", "/journal")["entries"]
    told.journal = [each for each in asked if each["tenant"] == fabrikam.guid]
    return told


def _say_which(visit: Visit, fabrikam: Site) -> None:
    page = visit.page
    page.fill("#name", NAME)
    page.fill("#slug", fabrikam.slug)
    page.select_option("#environment", "production")
    page.fill("#tenant_guid", fabrikam.guid)
    page.select_option("#cloud", "custom")
    page.fill("#graph_url", fabrikam.graph_url)
    page.fill("#login_url", fabrikam.graph_url)
    page.set_input_files("#ca", fabrikam.home / "simulator/ca.pem")
    visit.press("Save and go on: app")


def _connect_the_app(visit: Visit) -> None:
    page = visit.page
    page.fill("#client_id", CLIENT_ID)
    page.check("input[name=kind][value=secret]")
    page.fill("#secret", SECRET)
    visit.press("Connect the reader's app")


def _find_the_group(visit: Visit, told: Onboarded) -> None:
    """With Adele's own sign-in at the tenant's login."""
    page = visit.page
    visit.press("Sign in with Microsoft…")
    visit.press("Continue at localhost")
    page.click(f"a:has-text('{ADELE}')")
    visit.press("Finish signing in")
    page.wait_for_selector(f"text=Signed in as {ADELE}")
    page.fill("#q", ADMINS[:6])
    visit.press("Search groups")
    page.check(f"label:has-text('{ADMINS}') input[name=group]")
    visit.press("Choose this group")
    page.wait_for_selector(f"dd:has-text('{ADMINS}')")
    told.texts["group"] = visit.text()
