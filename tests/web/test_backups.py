"""The pages of backup sets, drift and the connection."""

from __future__ import annotations

import io
import zipfile

import pytest

from tenantatlas.backups.models import BackupSet
from tenantatlas.drift.models import Finding
from tenantatlas.runs.models import OperationRun
from tests.factories import CLIENT_SECRET
from tests.simulated import CATALOG, World, group_target

from .reading import following, main, page, text

TYPES = ["configurationPolicies"]


@pytest.fixture
def captured(world: World) -> BackupSet:
    """A complete set of two policies."""
    for name in ("Alpha", "Bravo"):
        world.catalog_policy(name)
    run = world.work("backup_set.capture", types=TYPES, name="Nightly")
    return BackupSet.objects.get(pk=run.context["set"])


def set_page(found: BackupSet, more: str = "") -> str:
    return f"/t/contoso/backup-sets/{found.pk}/{more}"


class TestSets:
    def test_the_list_says_how_complete_each_is(self, captured, ana):
        assert f"{captured.name} a moment ago Complete 2 of 2" in text(
            main(page(ana.get("/t/contoso/backup-sets/")))
        )

    def test_the_list_without_sets_says_what_a_set_is(self, ana):
        source = page(ana.get("/t/contoso/backup-sets/"))
        assert 'data-empty="nothing"' in source

    def test_what_is_missing_is_named(self, world, ana):
        world.catalog_policy("Alpha")
        world.sim.revoke(["DeviceManagementApps.Read.All", "DeviceManagementApps.ReadWrite.All"])
        run = world.work("backup_set.capture", types=[*TYPES, "iosManagedAppProtections"])
        found = BackupSet.objects.get(pk=run.context["set"])
        shown = text(main(page(ana.get(set_page(found)))))
        assert "Incomplete" in shown
        assert "App protection (iOS) Denied" in shown

    def test_policies_of_a_set_are_found_by_name(self, captured, ana):
        shown = text(main(page(ana.get(set_page(captured, "?q=bra")))))
        assert "1 version" in shown
        assert "Alpha" not in shown
        assert 'data-empty="filtered"' in page(ana.get(set_page(captured, "?q=zulu")))

    def test_ticked_policies_go_straight_to_the_options(self, captured, ana):
        entry = captured.entries.select_related("version").first()
        answer = ana.post("/t/contoso/restore/new/", {"set": captured.pk, "policy": entry.version.graph_id})
        assert answer.headers["Location"].endswith("/options/")
        shown = text(page(ana.get(answer.headers["Location"])))
        assert "What to do with policies that exist and differ?" in shown

    def test_keep_and_release(self, captured, otto):
        shown = text(following(otto, otto.post(set_page(captured, "keep/"))))
        assert "Stop keeping" in shown
        assert "A kept set is not deleted." in shown
        assert otto.post(set_page(captured, "delete/")).status_code == 409
        assert "Stop keeping" not in text(following(otto, otto.post(set_page(captured, "keep/"))))

    def test_deleting_asks_first_and_then_leads_to_the_list(self, captured, otto):
        assert "This cannot be undone." in text(page(otto.get(set_page(captured))))
        shown = text(following(otto, otto.post(set_page(captured, "delete/"))))
        assert "Deleted the backup set Nightly." in shown
        assert otto.get(set_page(captured)).status_code == 404

    def test_an_operator_sees_what_to_ask_for(self, captured, ana):
        shown = text(main(page(ana.get(set_page(captured)))))
        for right in ("export backup sets", "keep backup sets and choose the baseline", "delete backup sets"):
            assert f"Needs the right to {right}" in shown

    def test_verifying_is_a_run(self, captured, ana, world):
        shown = text(following(ana, ana.post(set_page(captured, "verify/"))))
        assert "Started: Verify a backup set" in shown
        run = world.finish(OperationRun.objects.latest("pk"))
        assert run.outcome == "succeeded"

    def test_an_export_is_a_run_and_then_a_download(self, captured, otto, world):
        assert otto.get(set_page(captured, "download/")).status_code == 404
        otto.post(set_page(captured, "export/"))
        world.finish(OperationRun.objects.latest("pk"))
        assert "Download archive" in text(page(otto.get(set_page(captured))))
        answer = otto.get(set_page(captured, "download/"))
        assert answer.headers["Content-Disposition"] == 'attachment; filename="contoso-nightly.zip"'
        data = answer.getvalue()
        assert len(data) == int(answer.headers["Content-Length"])
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None


class TestDrift:
    @pytest.fixture
    def drifted(self, captured, world) -> OperationRun:
        """One policy gone, one changed in how it reads, one whose targeting grew."""
        group = world.sim.put("/groups", {"displayName": "All", "securityEnabled": True, "groupTypes": []})
        rows = {row["name"]: row["id"] for row in world.sim.objects(CATALOG.removeprefix("/beta"))}
        world.sim.remove(CATALOG.removeprefix("/beta"), rows["Alpha"])
        world.sim.mutate(rows["Bravo"], lambda body: body.update(assignments=[group_target(group)]))
        world.catalog_policy("Charlie")
        return world.work("drift.generate", set=captured.pk)

    def test_the_gravest_stand_first(self, drifted, ana):
        shown = main(page(ana.get(f"/t/contoso/drift/{drifted.pk}/")))
        order = {"high": 0, "medium": 1, "low": 2}
        placed = sorted(
            (shown.index(f'id="finding-{each.pk}"'), order[each.severity]) for each in Finding.objects.all()
        )
        assert len(placed) == 3
        assert [grave for _, grave in placed] == sorted(grave for _, grave in placed)

    def test_severity_and_kind_are_filters(self, drifted, ana):
        removed = text(main(page(ana.get(f"/t/contoso/drift/{drifted.pk}/?kind=removed"))))
        assert "Alpha" in removed
        assert "Charlie" not in removed
        assert 'data-empty="filtered"' in page(ana.get(f"/t/contoso/drift/{drifted.pk}/?kind=unknown"))
        assert "severity “mild”" in text(page(ana.get(f"/t/contoso/drift/{drifted.pk}/?severity=mild")))

    def test_it_is_started_from_the_page(self, captured, ana, world):
        shown = text(following(ana, ana.post("/t/contoso/drift/start/", {"set": captured.pk})))
        assert "Started: Look for drift" in shown
        run = OperationRun.objects.latest("pk")
        assert "The comparison is not finished." in text(page(ana.get(f"/t/contoso/drift/{run.pk}/")))
        world.finish(run)
        assert "No differences" in text(page(ana.get(f"/t/contoso/drift/{run.pk}/")))

    def test_without_a_set_it_says_what_to_do(self, ana):
        assert "Choose a backup set" in text(following(ana, ana.post("/t/contoso/drift/start/", {"set": ""})))
        assert 'data-empty="nothing"' in page(ana.get("/t/contoso/drift/"))

    def test_a_comparison_that_failed_is_not_no_differences(self, captured, ana, world):
        run = world.start("drift.generate", set=captured.pk)
        ana.post(f"/t/contoso/runs/{run.pk}/cancel/")
        source = page(ana.get(f"/t/contoso/drift/{run.pk}/"))
        assert 'data-empty="unknown"' in source
        assert "No differences" not in source

    def test_a_run_of_another_operation_is_no_comparison(self, captured, ana):
        assert ana.get(f"/t/contoso/drift/{captured.run_id}/").status_code == 404


class TestConnection:
    def test_before_the_first_check(self, ana):
        source = page(ana.get("/t/contoso/connection/"))
        assert 'data-empty="nothing"' in source

    def test_missing_permissions_stand_first_and_name_what_needs_them(self, world, ana):
        world.sim.revoke(["DeviceManagementApps.Read.All", "DeviceManagementApps.ReadWrite.All"])
        ana.post("/t/contoso/connection/check/")
        world.finish(OperationRun.objects.latest("pk"))
        source = main(page(ana.get("/t/contoso/connection/")))
        table = text(source.partition("Needed to read and back up")[2])
        assert "DeviceManagementApps.Read.All Missing" in table.partition("Granted")[0]
        assert "App protection (iOS)" in table.partition("Granted")[0]
        assert "missing" in text(page(ana.get("/t/contoso/")))

    def test_groups_are_synced_from_here(self, world, ana):
        world.sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})
        ana.post("/t/contoso/directory/sync/")
        world.finish(OperationRun.objects.latest("pk"))
        assert "Groups cached 1" in text(page(ana.get("/t/contoso/connection/")))

    def test_no_credential_is_on_the_page(self, ana):
        assert CLIENT_SECRET not in page(ana.get("/t/contoso/connection/"))
