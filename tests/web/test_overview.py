"""All tenants of a person at a glance, and the way from one to another."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenantatlas.accounts.capabilities import Role
from tenantatlas.backups.models import BackupSet
from tenantatlas.core import clock
from tenantatlas.tenants.models import PermissionReport
from tenantatlas.web.queries import glances
from tests.factories import MembershipFactory, TenantFactory
from tests.simulated import CATALOG, World

from .reading import main, page, text


def healths(world: World) -> list[str]:
    return [glance.health for glance in glances([world.cast.contoso, world.cast.fabrikam])]


class TestHealth:
    def test_a_tenant_is_well_when_backed_up_and_checked(self, world: World) -> None:
        assert healths(world) == ["no_backup", "no_backup"]
        world.work("backup_set.capture", types=["configurationPolicies"], name="Nightly")
        assert healths(world) == ["not_checked", "no_backup"]
        PermissionReport.objects.create(taken_at=clock.now(), rows=[])
        assert healths(world) == ["all_well", "no_backup"]

    def test_a_policy_without_a_version_and_drift_need_a_look(self, world: World) -> None:
        world.work("backup_set.capture", types=["configurationPolicies"], name="Nightly")
        PermissionReport.objects.create(taken_at=clock.now(), rows=[])
        policy = world.catalog_policy("Edge")
        world.work("inventory.sync", types=["configurationPolicies"])
        assert healths(world)[0] == "needs_a_look"
        made = BackupSet.objects.get(run=world.work("backup_set.capture", types=["configurationPolicies"]))
        assert healths(world)[0] == "all_well"
        world.sim.mutate(policy, lambda body: body.update(description="Other"), collection=CATALOG)
        world.work("drift.generate", set=made.pk)
        (here, there) = glances([world.cast.contoso, world.cast.fabrikam])
        assert (here.drifted, here.health, there.drifted) == (1, "needs_a_look", 0)

    def test_runs_that_went_wrong_are_said_for_a_week(self, world: World) -> None:
        run = world.start("inventory.sync", types=["configurationPolicies"])
        type(run).all_tenants.filter(pk=run.pk).update(
            status="completed", outcome="failed", ended_at=clock.now()
        )
        assert healths(world)[0] == "runs_went_wrong"
        world.clock.advance(8 * 86400)
        assert healths(world)[0] == "no_backup"


class TestOverview:
    def test_each_number_leads_to_the_tenants_own_page(self, world: World, otto: Client) -> None:
        world.catalog_policy("Edge")
        world.work("inventory.sync", types=["configurationPolicies"])
        source = main(page(otto.get("/overview/")))
        assert "Contoso Test No complete backup None yet 1 of 1 0 0 0" in text(source)
        assert 'href="/t/contoso/policies/?protection=never"' in source
        assert "2 tenants" in text(source)

    def test_strangers_tenants_are_not_there(self, eve: Client) -> None:
        assert "Contoso" not in text(page(eve.get("/overview/")))
        assert "Contoso" not in text(page(eve.get("/switch/?tenant=con")))

    def test_it_is_exported_with_its_filter(self, otto: Client) -> None:
        answer = otto.get("/overview/?q=fab&export=json")
        (row,) = json.loads(answer.getvalue())
        assert (row["tenant"], row["health"], row["policies"]) == ("fabrikam", "no_backup", 0)

    @pytest.mark.sqlite_only
    def test_many_tenants_cost_as_many_queries_as_one(self, world: World, otto: Client) -> None:
        otto.get("/overview/")
        with CaptureQueriesContext(connection) as few:
            otto.get("/overview/")
        for number in range(60):
            MembershipFactory(tenant=TenantFactory(slug=f"t{number}"), user=world.cast.otto, role=Role.READER)
        with CaptureQueriesContext(connection) as many:
            source = page(otto.get("/overview/"))
        assert len(many) == len(few)
        assert "Page 1 of 2" in text(source)


class TestSwitcher:
    def test_it_keeps_the_page_where_the_other_tenant_has_it(self, otto: Client) -> None:
        part = page(otto.get("/switch/?section=policies&here=contoso", headers={"HX-Request": "true"}))
        assert 'href="/t/fabrikam/policies/"' in part
        assert "<html" not in part
        assert 'href="/t/fabrikam/"' in page(otto.get("/switch/?section=nowhere"))

    def test_it_finds_by_name_and_says_health_in_words(self, otto: Client) -> None:
        found = text(main(page(otto.get("/switch/?tenant=FAB"))))
        assert "Fabrikam Test No complete backup" in found
        assert "Contoso" not in found
        assert "No tenant of yours has that name." in text(page(otto.get("/switch/?tenant=nobody")))

    def test_a_page_costs_the_same_whatever_the_number_of_tenants(self, world: World, otto: Client) -> None:
        for number in range(20):
            MembershipFactory(tenant=TenantFactory(slug=f"t{number}"), user=world.cast.otto, role=Role.READER)
        assert "t19" not in page(otto.get("/t/contoso/runs/")).lower()
        assert "More match: type some of the name." in text(page(otto.get("/switch/")))
