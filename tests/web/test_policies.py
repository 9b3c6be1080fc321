"""The pages of policies: filters in the address, versions, differences, and what must never be shown."""

from __future__ import annotations

import re

import pytest

from tenantatlas.backups.models import PolicyVersion
from tenantatlas.drift.models import Finding
from tenantatlas.inventory.models import Policy
from tenantatlas.runs.models import OperationRun
from tests.simulated import CATALOG, CONFIGURATIONS, SCRIPTS, World, group_target

from .reading import following, main, page, text

POLICIES = "/t/contoso/policies/"
CANARY = "canary-7f3a-wifi-key"
HOSTILE = '<script>alert(1)</script> & "friends" {{ 7 }}'


def names(source: str) -> list[str]:
    """The policies listed, in order."""
    return [text(cell) for cell in re.findall(r'<td class="name".*?</td>', main(source), flags=re.DOTALL)]


@pytest.fixture
def listed(world: World) -> World:
    """Three policies of two types; one is protected, one has changed since, one was never backed up."""
    group = world.sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})
    world.catalog_policy("Alpha", assignments=[group_target(group)])
    changed = world.catalog_policy("Bravo")
    world.work("inventory.sync", types=["configurationPolicies"])
    world.work("backup_set.capture", types=["configurationPolicies"])
    world.clock.advance(60)
    world.sim.mutate(changed, lambda body: body.update(description="Changed"))
    world.sim.put(SCRIPTS, {"displayName": "Charlie", "scriptContent": "", "runAsAccount": "system"})
    world.work("inventory.sync")
    return world


class TestFilters:
    @pytest.mark.usefixtures("listed")
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("q=alp", ["Alpha"]),
            ("type=deviceManagementScripts", ["Charlie"]),
            ("type=configurationPolicies", ["Alpha", "Bravo"]),
            ("protection=protected&type=configurationPolicies", ["Alpha"]),
            ("protection=changed_since", ["Bravo"]),
            ("protection=never&type=deviceManagementScripts", ["Charlie"]),
            ("assigned=yes", ["Alpha"]),
            ("assigned=no&type=configurationPolicies", ["Bravo"]),
            ("platform=Windows&type=configurationPolicies", ["Alpha", "Bravo"]),
            ("presence=missing", []),
            ("q=nobody", []),
        ],
    )
    def test_filters_are_the_address(self, ana, query, found):
        source = page(ana.get(f"{POLICIES}?{query}"))
        assert names(source) == found
        assert "Reset filters" in source
        if not found:
            assert 'data-empty="filtered"' in source

    @pytest.mark.usefixtures("listed")
    def test_what_is_not_known_is_dropped_and_said(self, ana):
        source = page(ana.get(f"{POLICIES}?type=sheep&sort=price&page=99&protection=maybe"))
        assert {"Alpha", "Bravo", "Charlie"} <= set(names(source))
        for name, value in (("type", "sheep"), ("sort", "price"), ("protection", "maybe")):
            assert f"{name} “{value}”, which is not known here: left out" in text(source)

    @pytest.mark.usefixtures("listed")
    def test_the_form_shows_the_filters_that_are_on(self, ana):
        source = page(ana.get(f"{POLICIES}?q=alp&assigned=yes"))
        assert 'name="q" value="alp"' in source
        assert '<input type="hidden" name="assigned" value="yes">' in source

    @pytest.mark.usefixtures("listed")
    def test_columns_are_sorted_by_links_that_say_so(self, ana):
        here = f"{POLICIES}?type=configurationPolicies"
        up = page(ana.get(f"{here}&sort=name"))
        assert names(up) == ["Alpha", "Bravo"]
        assert 'aria-sort="ascending"><a href="?type=configurationPolicies&amp;sort=-name">' in up
        down = page(ana.get(f"{here}&sort=-name"))
        assert names(down) == ["Bravo", "Alpha"]
        assert 'aria-sort="descending"' in down

    def test_pages_keep_filters_and_order(self, world, ana):
        for number in range(51):
            world.catalog_policy(f"Policy {number:02}")
        world.work("inventory.sync", types=["configurationPolicies"])
        first = page(ana.get(f"{POLICIES}?q=policy&sort=name"))
        assert len(names(first)) == 50
        assert "51 policies" in text(first)
        assert 'rel="next" href="?q=policy&amp;sort=name&amp;page=2"' in first
        assert names(page(ana.get(f"{POLICIES}?q=policy&sort=name&page=2"))) == ["Policy 50"]

    def test_a_policy_that_is_gone_stays_listed_with_its_version(self, listed, ana):
        gone = Policy.objects.get(name="Alpha")
        listed.sim.remove(CATALOG.removeprefix("/beta"), gone.graph_id)
        listed.work("inventory.sync", types=["configurationPolicies"])
        assert names(page(ana.get(f"{POLICIES}?presence=missing"))) == ["Alpha Missing"]
        assert "Restore newest version…" in text(page(ana.get(f"{POLICIES}{gone.pk}/")))


class TestEmpty:
    def test_nothing_yet(self, ana):
        source = page(ana.get(POLICIES))
        assert 'data-empty="nothing"' in source
        assert "The inventory has not been read yet" in text(source)

    def test_nothing_yet_and_not_allowed(self, olu):
        source = page(olu.get(POLICIES))
        assert 'data-empty="denied"' in source
        assert "ask an owner of Contoso" in text(source)

    def test_not_known(self, world, ana):
        permissions = [f"DeviceManagementConfiguration.{each}.All" for each in ("Read", "ReadWrite")]
        world.sim.revoke(permissions)
        world.work("inventory.sync", types=["configurationPolicies"])
        source = page(ana.get(POLICIES))
        assert 'data-empty="unknown"' in source
        assert "the last sync did not succeed" in text(source)


class TestBackup:
    @pytest.mark.usefixtures("listed")
    def test_ticked_policies_are_backed_up(self, ana):
        chosen = Policy.objects.get(name="Bravo")
        shown = text(following(ana, ana.post(f"{POLICIES}backup/", {"scope": "ticked", "policy": chosen.pk})))
        assert "Started: Back up policies" in shown
        run = OperationRun.objects.latest("pk")
        assert run.params["policies"] == [chosen.graph_id]

    @pytest.mark.usefixtures("listed")
    def test_nothing_ticked_is_said_on_the_list(self, ana):
        shown = text(following(ana, ana.post(f"{POLICIES}backup/", {"scope": "ticked", "policy": "x"})))
        assert "No policy is ticked." in shown

    @pytest.mark.usefixtures("listed")
    def test_a_reader_sees_the_commands_disabled_with_the_reason(self, olu):
        source = main(page(olu.get(POLICIES)))
        assert "Needs the right to sync the inventory: ask an owner." in text(source)
        assert "Needs the right to back up policies: ask an owner." in text(source)
        assert source.count("disabled") >= 3


class TestVersions:
    @pytest.fixture
    def wifi(self, world: World) -> Policy:
        """A policy with a secret, in two versions that differ in it and in a setting."""
        made = world.sim.put(
            CONFIGURATIONS,
            {
                "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
                "displayName": "Wi-Fi",
                "omaSettings": [
                    {
                        "@odata.type": "#microsoft.graph.omaSettingString",
                        "displayName": "Key",
                        "omaUri": "./Device/Vendor/MSFT/WiFi/Key",
                        "value": CANARY,
                    }
                ],
            },
        )
        world.work("inventory.sync", types=["deviceConfigurations.customOma"])
        world.work("backup_set.capture", types=["deviceConfigurations.customOma"], name="One")
        world.clock.advance(60)

        def change(body):
            body["omaSettings"][0]["value"] = f"{CANARY}-2"
            body["description"] = "Second"

        world.sim.mutate(made, change)
        world.work("backup_set.capture", types=["deviceConfigurations.customOma"], name="Two")
        return Policy.objects.get(graph_id=made)

    def test_no_page_shows_a_secret(self, wifi, ana):
        versions = list(PolicyVersion.objects.filter(policy=wifi).order_by("pk").values_list("pk", flat=True))
        assert len(versions) == 2
        here = f"{POLICIES}{wifi.pk}/"
        difference = page(ana.get(f"{here}diff/?a={versions[0]}&b={versions[1]}"))
        assert "Second" in difference
        assert "secret, changed" in text(difference)
        for source in (
            difference,
            page(ana.get(here)),
            *(page(ana.get(f"{here}versions/{each}/")) for each in versions),
        ):
            assert CANARY not in source

    def test_two_versions_are_compared_older_first(self, wifi, ana):
        one, two = PolicyVersion.objects.filter(policy=wifi).order_by("pk").values_list("pk", flat=True)
        answer = ana.get(f"{POLICIES}{wifi.pk}/diff/?a={two}&b={one}")
        assert answer.headers["Location"] == f"{POLICIES}{wifi.pk}/diff/?a={one}&b={two}"
        assert "The two are equal." in text(page(ana.get(f"{POLICIES}{wifi.pk}/diff/?a={one}&b={one}")))

    def test_without_two_versions_it_says_what_to_tick(self, wifi, ana):
        shown = text(following(ana, ana.get(f"{POLICIES}{wifi.pk}/diff/?a=x")))
        assert "Choose two versions to compare" in shown

    @pytest.mark.usefixtures("listed")
    def test_a_version_of_another_policy_is_not_there(self, wifi, ana):
        other = PolicyVersion.objects.exclude(policy=wifi).first()
        assert ana.get(f"{POLICIES}{wifi.pk}/versions/{other.pk}/").status_code == 404
        assert ana.get(f"{POLICIES}99999/").status_code == 404

    def test_a_version_names_whom_it_is_assigned_to(self, listed, ana):
        listed.work("directory_groups.sync")
        policy = Policy.objects.get(name="Alpha")
        version = PolicyVersion.objects.get(policy=policy)
        assert "Pilot Included" in text(page(ana.get(f"{POLICIES}{policy.pk}/versions/{version.pk}/")))

    @pytest.mark.parametrize(
        ("target", "words"),
        [
            ({"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}, "All devices"),
            ({"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}, "All users"),
        ],
    )
    def test_everybody_is_named(self, world, ana, target, words):
        world.catalog_policy("For all", assignments=[{"target": target}])
        world.work("inventory.sync", types=["configurationPolicies"])
        world.work("backup_set.capture", types=["configurationPolicies"])
        version = PolicyVersion.objects.get()
        assert f"{words} Included" in text(
            page(ana.get(f"{POLICIES}{version.policy_id}/versions/{version.pk}/"))
        )


def test_a_hostile_name_is_text_on_every_page(world, ana):
    world.catalog_policy(HOSTILE)
    world.work("inventory.sync", types=["configurationPolicies"])
    capture = world.work("backup_set.capture", types=["configurationPolicies"], name=HOSTILE)
    world.sim.clear(CATALOG.removeprefix("/beta"))
    drift = world.work("drift.generate", set=capture.context["set"])
    preview = world.work("restore.preview", set=capture.context["set"])
    policy, version = Policy.objects.get(), PolicyVersion.objects.get()
    restore = preview.context["restore"]
    for place in (
        "policies/?presence=missing",
        f"policies/{policy.pk}/",
        f"policies/{policy.pk}/?tab=versions",
        f"policies/{policy.pk}/?tab=runs",
        f"backup-sets/{capture.context['set']}/?tab=changes",
        f"drift/findings/{Finding.objects.get().pk}/",
        f"policies/{policy.pk}/versions/{version.pk}/",
        "backup-sets/",
        f"backup-sets/{capture.context['set']}/",
        "runs/",
        f"runs/{capture.pk}/",
        f"drift/{drift.pk}/",
        "drift/",
        f"restore/{restore}/review/",
        f"restore/new/?version={version.pk}",
        "restore/",
    ):
        source = page(ana.get(f"/t/contoso/{place}"))
        assert "<script>alert" not in source, place
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in source, place
