"""The parts of a policy's page, and what is done with ticked policies."""

from __future__ import annotations

import json

import pytest

from tenantatlas.audit.models import AuditEntry
from tenantatlas.backups.models import BackupSet, Export, PolicyVersion
from tenantatlas.inventory.models import Policy
from tenantatlas.runs.models import OperationRun
from tests.simulated import CATALOG, FILTERS, TAGS, World, catalog_body, group_target

from .conftest import client_of
from .reading import following, main, page, text

POLICIES = "/t/contoso/policies/"


@pytest.fixture
def policy(world: World) -> Policy:
    """Alpha, assigned to a group that is known and one that is not, in two versions."""
    known = world.sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})
    gone = "99999999-9999-4999-8999-999999999999"
    alpha = world.catalog_policy(
        "Alpha", assignments=[group_target(known), group_target(gone, excluded=True)]
    )
    world.work("directory_groups.sync")
    world.work("inventory.sync", types=["configurationPolicies"])
    world.work("backup_set.capture", types=["configurationPolicies"], name="One")
    world.clock.advance(60)
    world.sim.mutate(alpha, lambda body: body.update(description="Second"), collection=CATALOG)
    world.work("backup_set.capture", types=["configurationPolicies"], name="Two")
    return Policy.objects.get(graph_id=alpha)


def part(client, policy: Policy, tab: str) -> str:
    return text(main(page(client.get(f"{POLICIES}{policy.pk}/?tab={tab}"))))


class TestParts:
    def test_overview_says_what_is_set_and_for_whom(self, policy, ana):
        shown = part(ana, policy, "overview")
        assert "Description Second" in shown
        assert "Pilot Included" in shown
        assert "99999999-9999-4999-8999-999999999999 Excluded" in shown

    def test_versions_are_a_timeline_with_live_on_top(self, policy, ana):
        shown = part(ana, policy, "versions")
        newest, oldest = PolicyVersion.objects.order_by("-pk").values_list("pk", flat=True)
        assert shown.index("Live now") < shown.index(f"Version {newest}") < shown.index(f"Version {oldest}")
        assert "0 added, 0 removed, 1 changed" in shown
        assert "unchanged since the newest version" in shown

    def test_live_is_compared_while_nothing_moved(self, policy, ana, world):
        newest, oldest = PolicyVersion.objects.order_by("-pk").values_list("pk", flat=True)
        shown = text(main(page(ana.get(f"{POLICIES}{policy.pk}/diff/?a={oldest}&b=live"))))
        assert f"Version {oldest}" in shown
        assert f"version {newest}" in shown
        world.clock.advance(60)
        world.sim.mutate(policy.graph_id, lambda body: body.update(description="Third"), collection=CATALOG)
        world.work("inventory.sync", types=["configurationPolicies"])
        answer = following(ana, ana.get(f"{POLICIES}{policy.pk}/diff/?a={oldest}&b=live"))
        assert "back the policy up, then compare" in text(answer)

    def test_drift_and_runs(self, policy, ana, world):
        chosen = BackupSet.objects.get(name="One")
        world.work("drift.generate", set=chosen.pk)
        assert "Changed" in part(ana, policy, "drift")
        shown = part(ana, policy, "runs")
        assert "Look for drift" in shown
        assert "Back up policies" in shown

    @pytest.mark.parametrize(
        ("view", "words"), [("list", "~ changed"), ("sides", "Both sides"), ("json", "After")]
    )
    def test_a_difference_is_shown_in_three_ways(self, policy, ana, view, words):
        newest, oldest = PolicyVersion.objects.order_by("-pk").values_list("pk", flat=True)
        source = main(page(ana.get(f"{POLICIES}{policy.pk}/diff/?a={oldest}&b={newest}&view={view}")))
        assert words in source
        assert "1 difference." in text(source)
        assert "hidden: only reordered" in text(source)

    def test_a_version_is_downloaded_with_the_right_to(self, policy, ana, otto):
        version = PolicyVersion.objects.latest("pk")
        here = f"{POLICIES}{policy.pk}/versions/{version.pk}/?download=yes"
        assert ana.get(here).status_code == 403
        answer = otto.get(here)
        assert "attachment" in answer.headers["Content-Disposition"]
        assert json.loads(answer.content)["description"] == "Second"


class TestCommands:
    def test_one_policy_is_backed_up_from_its_page(self, policy, ana, world):
        shown = text(following(ana, ana.post(f"{POLICIES}{policy.pk}/snapshot/")))
        assert "Started: Back up one policy" in shown
        again = text(following(ana, ana.post(f"{POLICIES}{policy.pk}/snapshot/")))
        assert "Already queued: Back up one policy" in again
        assert world.finish(OperationRun.objects.latest("pk")).outcome == "succeeded"

    def test_ticked_ones_are_archived(self, policy, otto, world):
        following(otto, otto.post(f"{POLICIES}export/", {"policy": [policy.pk]}))
        run = world.finish(OperationRun.objects.latest("pk"))
        shown = text(main(page(otto.get(f"/t/contoso/runs/{run.pk}/"))))
        assert f"Archive {run.context['export']}" in shown
        assert "Backup set 0" not in shown
        export = Export.objects.get()
        assert (export.policies, export.backup_set) == (1, None)
        shown = text(main(page(otto.get("/t/contoso/backup-sets/archives/"))))
        assert "Selected policies" in shown
        assert otto.get(f"/t/contoso/backup-sets/archives/{export.pk}/").getvalue().startswith(b"PK")

    def test_ticked_ones_are_added_to_a_set(self, policy, ana, world):
        chosen = BackupSet.objects.get(name="One")
        given = {"policy": [policy.pk], "set": chosen.pk}
        assert "Started: Add policies to a backup set" in text(
            following(ana, ana.post(f"{POLICIES}add-to-set/", given))
        )
        run = world.finish(OperationRun.objects.latest("pk"))
        assert BackupSet.objects.get(run=run).supersedes == chosen

    def test_ignored_with_a_reason_and_heeded_again(self, policy, ana):
        runs = OperationRun.objects.count()
        assert "Say why" in text(following(ana, ana.post(f"{POLICIES}ignore/", {"policy": [policy.pk]})))
        given = {"policy": [policy.pk], "reason": "Retired soon"}
        assert "1 policy ignored" in text(following(ana, ana.post(f"{POLICIES}ignore/", given)))
        assert "Retired soon" in part(ana, policy, "overview")
        assert "Alpha" in text(main(page(ana.get(f"{POLICIES}?ignored=yes"))))
        ana.post(f"{POLICIES}ignore/", {"policy": [policy.pk], "heed": "yes"})
        assert Policy.objects.get(pk=policy.pk).ignored_at is None
        assert OperationRun.objects.count() == runs
        acts = AuditEntry.objects.filter(subject=f"policy {policy.pk}").order_by("pk")
        assert [act.action for act in acts] == ["policy.ignore", "policy.heed"]

    def test_with_nothing_ticked_it_says_so(self, ana, otto):
        for client, act in ((otto, "export"), (ana, "add-to-set"), (ana, "ignore")):
            assert "No policy is ticked." in text(following(client, client.post(f"{POLICIES}{act}/")))

    def test_some_types_are_synchronised(self, ana):
        given = {"choose": "yes", "type": ["configurationPolicies"]}
        ana.post(f"{POLICIES}sync/", given)
        run = OperationRun.objects.latest("pk")
        assert run.params == {"types": ["configurationPolicies"], "foundations": False}
        ana.post(f"{POLICIES}sync/", {**given, "foundations": "yes"})
        assert OperationRun.objects.latest("pk").params["foundations"] is True


class TestFilters:
    def test_scope_tags_change_and_place(self, world, ana):
        tag = world.sim.put(TAGS, {"displayName": "Berlin", "description": ""})
        world.sim.put(CATALOG, catalog_body("Here", roleScopeTagIds=[tag]))
        gone = world.catalog_policy("Gone")
        world.work("inventory.sync")
        world.sim.remove(CATALOG, gone)
        world.work("inventory.sync", types=["configurationPolicies"])
        for query, there, absent in (
            (f"tag={tag}", "Here", "Gone"),
            ("presence=missing", "Gone", "Here"),
            ("type=configurationPolicies", "Here", "Gone"),
            ("presence=all&type=configurationPolicies", "Gone", "Nobody"),
            ("modified=1&type=configurationPolicies", "Here", "Nobody"),
        ):
            shown = text(main(page(ana.get(f"{POLICIES}?{query}"))))
            table = shown.partition("Policy name")[2]
            assert there in table, query
            assert absent not in table, query
        assert "Berlin" in text(main(page(ana.get(f"{POLICIES}?tag={tag}"))))
        world.clock.advance(40 * 86400)
        ana = client_of(world.cast.ana)  # the session has ended long since
        assert 'data-empty="filtered"' in page(ana.get(f"{POLICIES}?modified=30&type=configurationPolicies"))

    def test_what_is_selected_is_exported(self, policy, ana):
        rows = json.loads(ana.get(f"{POLICIES}?q=alp&export=json").getvalue())
        assert [(row["name"], row["protection"]) for row in rows] == [("Alpha", "Protected")]
        assert rows[0]["id"] == policy.graph_id
        assert json.loads(ana.get(f"{POLICIES}?q=zulu&export=json").getvalue()) == []

    def test_an_assignment_filter_has_its_name(self, world, ana):
        held = world.sim.put(
            FILTERS,
            {
                "displayName": "Corporate",
                "platform": "windows10AndLater",
                "rule": '(device.deviceOwnership -eq "Corporate")',
            },
        )
        target = {
            "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget",
            "deviceAndAppManagementAssignmentFilterId": held,
            "deviceAndAppManagementAssignmentFilterType": "include",
        }
        world.catalog_policy("Filtered", assignments=[{"target": target}])
        world.work("inventory.sync")
        world.work("backup_set.capture", types=["configurationPolicies"])
        found = Policy.objects.get(name="Filtered")
        assert "All devices Included include Corporate" in part(ana, found, "overview")
