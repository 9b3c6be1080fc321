"""The wizard from its source to the verified result, and everything that it refuses on the way."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tenantatlas.backups.models import BackupSet, PolicyVersion
from tenantatlas.core import clock
from tenantatlas.core.ids import stable_id
from tenantatlas.restore.models import Restore
from tenantatlas.runs.models import OperationRun
from tests.simulated import CATALOG, World, group_target

from .reading import element, following, main, page, text

COLLECTION = CATALOG.removeprefix("/beta")
TYPES = ["configurationPolicies"]
RESTORE = "/t/contoso/restore/"


@pytest.fixture
def lost(world: World) -> BackupSet:
    """A set of three policies; since then one was deleted and one changed."""
    group = world.sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})
    gone = world.catalog_policy("Gone", assignments=[group_target(group)])
    changed = world.catalog_policy("Changed")
    world.catalog_policy("Same")
    world.work("directory_groups.sync")
    run = world.work("backup_set.capture", types=TYPES, name="Nightly")
    world.sim.remove(COLLECTION, gone)
    world.sim.mutate(changed, lambda body: body.update(description="By somebody"))
    return BackupSet.objects.get(pk=run.context["set"])


def finish_newest(world: World) -> OperationRun:
    return world.finish(OperationRun.objects.latest("pk"))


def draft_of(ana: Any, backup_set: BackupSet) -> str:
    """Begin in the wizard; the address of the policies step."""
    answer = ana.post(f"{RESTORE}new/", {"set": backup_set.pk})
    return str(answer.headers["Location"])


def to_mapping(ana: Any, backup_set: BackupSet, **options: str) -> str:
    """Through the wizard to the mapping; its address. The checks are made."""
    options_step = ana.post(draft_of(ana, backup_set), {"scope": "all"}).headers["Location"]
    return str(ana.post(options_step, {"existing": "update", **options}).headers["Location"])


def previewed(ana: Any, world: World, backup_set: BackupSet, **options: str) -> Restore:
    """Through the wizard to the end of the preview, leaving out what is open."""
    mapping = to_mapping(ana, backup_set, **options)
    preview = ana.post(mapping, {"leave_out": "1"}).headers["Location"]
    return preview_at(ana, world, preview)


def preview_at(ana: Any, world: World, preview: str) -> Restore:
    """Start the preview on its step and work it to its end."""
    assert ana.post(preview).headers["Location"] == preview
    run = finish_newest(world)
    assert run.outcome == "succeeded", run.failures
    return Restore.objects.get(pk=run.context["restore"])


def review(restore: Restore) -> str:
    return f"{RESTORE}{restore.pk}/review/"


def execute(ana: Any, restore: Restore, **given: str) -> Any:
    values = {"plan": restore.plan_sha256, "confirm": "contoso", "acknowledged": "1", **given}
    return ana.post(f"{RESTORE}{restore.pk}/execute/", values)


class TestWay:
    def test_from_the_source_to_the_verified_result(self, lost, world, ana):
        source = page(ana.get(f"{RESTORE}new/?set={lost.pk}"))
        assert "Nightly" in text(main(source))
        assert f'value="{lost.pk}" required checked' in source
        policies = draft_of(ana, lost)
        assert "Settings catalog (3)" in text(page(ana.get(policies)))
        options = ana.post(policies, {"scope": "all"}).headers["Location"]
        assert "Deletes are off for this tenant." in text(page(ana.get(options)))
        mapping = ana.post(options, {"existing": "update"}).headers["Location"]
        assert "Group: Pilot Found by id" in text(page(ana.get(mapping)))
        preview = ana.post(mapping, {}).headers["Location"]
        before = text(main(page(ana.get(preview))))
        assert "The tenant may be written to." in before
        assert "What the app is allowed has never been checked." in before
        assert "Preview a restore: queued" in text(following(ana, ana.post(preview)))
        finish_newest(world)
        shown = page(ana.get(preview))
        assert "This was a preview: nothing has been written." in text(shown)
        assert "Create 1 Update 1 Unchanged 1" in text(main(shown))
        assert "POST /beta/deviceManagement/configurationPolicies" in text(shown)
        assert "By somebody" in page(ana.get(f"{preview}?action=update"))
        shown = page(ana.get(re.search(r'id="onward" href="([^"]*)"', shown).group(1)))
        assert "2 policies of Contoso (Test) will be written with 3 writes" in text(shown)
        assert "Group Pilot gains “Gone”" in text(shown)
        restore = Restore.objects.get()
        answer = execute(ana, restore)
        assert "Started: Restore policies" in text(following(ana, answer))
        run = finish_newest(world)
        assert run.outcome == "succeeded"
        ended = page(ana.get(answer.headers["Location"]))
        onward = re.search(r'id="onward" href="([^"]*)"', ended).group(1)
        result = text(main(page(ana.get(onward))))
        assert "All 3 Succeeded 2 Skipped 1" in result
        assert [row["description"] for row in world.sim.objects(COLLECTION) if row["name"] == "Changed"] == [
            "About Changed"
        ]
        assert "Gone" in {row["name"] for row in world.sim.objects(COLLECTION)}

    def test_steps_that_are_behind_are_links_and_those_ahead_are_not(self, lost, ana):
        policies = draft_of(ana, lost)
        steps = main(page(ana.get(policies))).partition('aria-label="Steps of the restore"')[2]
        steps = steps.partition("</nav>")[0]
        assert f"{RESTORE}new/?restore={Restore.objects.get().pk}" in steps
        assert "/options/" not in steps
        assert "/review/" not in steps
        assert 'aria-current="step"' in steps

    def test_going_back_keeps_everything(self, lost, ana):
        policies = draft_of(ana, lost)
        chosen = PolicyVersion.objects.get(name="Gone").graph_id
        ana.post(policies, {"scope": "ticked", "policy": chosen})
        again = page(ana.get(policies))
        assert f'value="{chosen}" data-tick data-picks="#scope-ticked" checked' in again
        assert 'id="scope-ticked" checked' in again

    def test_the_preview_is_of_what_was_ticked(self, lost, world, ana):
        policies = draft_of(ana, lost)
        chosen = PolicyVersion.objects.get(name="Gone").graph_id
        options = ana.post(policies, {"scope": "ticked", "policy": chosen}).headers["Location"]
        mapping = ana.post(options, {"existing": "update"}).headers["Location"]
        preview_at(ana, world, ana.post(mapping, {}).headers["Location"])
        run = OperationRun.objects.latest("pk")
        assert [item.label for item in run.items.all()] == ["Gone"]

    @pytest.mark.usefixtures("lost")
    def test_one_version_goes_the_same_way_and_stays_the_one_chosen(self, world, ana):
        version = PolicyVersion.objects.get(name="Gone")
        source = text(page(ana.get(f"{RESTORE}new/?version={version.pk}")))
        assert f"Version {version.pk} of Gone" in source
        options = ana.post(f"{RESTORE}new/", {"version": version.pk}).headers["Location"]
        restore = Restore.objects.get()
        assert f"{RESTORE}{restore.pk}/policies/" not in page(ana.get(options))
        mapping = ana.post(options, {"existing": "skip"}).headers["Location"]
        restore = preview_at(ana, world, ana.post(mapping, {}).headers["Location"])
        assert (restore.version_id, restore.preview_run.params["version"]) == (version.pk, version.pk)
        assert "Create 1" in text(page(ana.get(review(restore))))

    def test_a_version_that_no_set_holds_says_what_to_do(self, lost, ana):
        version = PolicyVersion.objects.get(name="Gone")
        lost.entries.all().delete()
        shown = text(page(ana.post(f"{RESTORE}new/", {"version": version.pk}), 409))
        assert "Take a backup of the policy first." in shown

    def test_the_restore_itself_leads_to_where_it_stands(self, lost, world, ana):
        policies = draft_of(ana, lost)
        here = f"{RESTORE}{Restore.objects.get().pk}/"
        assert ana.get(here).headers["Location"] == policies
        assert ana.get(f"{here}review/").headers["Location"] == here
        ana.post(policies, {"scope": "all"})
        assert ana.get(here).headers["Location"] == f"{here}options/"
        ana.post(f"{here}options/", {"existing": "update"})
        assert ana.get(here).headers["Location"] == f"{here}preview/"
        preview_at(ana, world, f"{here}preview/")
        assert ana.get(here).headers["Location"] == f"{here}preview/"

    def test_previewing_again_is_a_new_run(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        answer = ana.post(f"{RESTORE}{restore.pk}/preview/")
        run = finish_newest(world)
        assert answer.headers["Location"] == f"{RESTORE}{restore.pk}/preview/"
        first = restore.preview_run_id
        restore.refresh_from_db()
        assert restore.preview_run_id == run.pk != first


class TestProblems:
    """Each stands at the top of its step and leads to its field; nothing is saved."""

    @pytest.mark.usefixtures("lost")
    def test_no_set_chosen(self, ana):
        source = page(ana.post(f"{RESTORE}new/", {}), 400)
        self.leads_to(source, "sets", "Choose a backup set.")
        assert not Restore.objects.exists()

    def test_no_set_there(self, ana):
        assert 'data-empty="nothing"' in page(ana.get(f"{RESTORE}new/"))

    def test_nothing_ticked(self, lost, ana):
        source = page(ana.post(draft_of(ana, lost), {"scope": "ticked"}), 400)
        self.leads_to(source, "scope-ticked", "Tick at least one policy, or choose all of them.")
        assert 'aria-invalid="true"' in element(source, "scope-ticked")

    def test_no_choice_for_what_exists(self, lost, ana):
        options = ana.post(draft_of(ana, lost), {"scope": "all"}).headers["Location"]
        source = page(ana.post(options, {"existing": "overwrite"}), 400)
        self.leads_to(source, "existing-update", "Choose what to do with policies that exist.")
        assert OperationRun.objects.filter(operation="restore.preview").count() == 0

    def test_another_name_typed(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        Restore.objects.update(risks=[{"code": "everybody", "severity": "high", "message": "All."}])
        source = page(execute(ana, restore, confirm="fabrikam"), 400)
        self.leads_to(source, "confirm", "The name typed is not that of the tenant: it is contoso.")
        assert "Restore 2 policies" in text(source)

    def test_an_altered_plan(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        altered = restore.plan_sha256[::-1]
        source = page(execute(ana, restore, plan=altered), 409)
        self.leads_to(source, "confirmation", "This is not the plan that the restore has now.")
        assert restore.plan_sha256 in source
        garbled = page(execute(ana, restore, plan="zz"), 400)
        self.leads_to(garbled, "confirmation", "The plan's hash must be 64 hexadecimal characters.")

    def test_a_stale_preview(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        Restore.objects.update(expires_at=clock.now() - timedelta(seconds=1))
        shown = text(page(ana.get(review(restore))))
        assert "Preview again before you restore." in shown
        assert "Preview again first." in shown
        assert "too old to be executed" in text(page(execute(ana, restore), 409))

    def test_after_the_execution_nothing_can_be_changed(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        execute(ana, restore)
        finish_newest(world)
        assert ana.get(review(restore)).headers["Location"] == f"{RESTORE}{restore.pk}/"
        for step in ("policies", "options", "mapping"):
            assert "has been executed" in text(page(ana.get(f"{RESTORE}{restore.pk}/{step}/"), 409))
        assert "has been executed already" in text(page(execute(ana, restore), 409))

    def leads_to(self, source: str, field: str, sentence: str) -> None:
        summary = source.partition('id="error-summary"')[2].partition("</div>")[0]
        assert f'href="#{field}"' in summary
        assert sentence in text(summary)
        element(source, field)


class TestMapping:
    @pytest.fixture
    def elsewhere(self, lost, world) -> BackupSet:
        """The group that a lost policy was for is gone; two others have its name."""
        (group,) = world.sim.objects("/groups")
        world.sim.remove("/groups", group["id"])
        for _ in range(2):
            world.sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})
        world.work("directory_groups.sync")
        return lost

    def step(self, restore: Restore) -> str:
        return f"{RESTORE}{restore.pk}/mapping/"

    def test_an_open_decision_blocks_with_a_count(self, elsewhere, ana):
        step = to_mapping(ana, elsewhere)
        lines = text(main(page(ana.get(step))))
        assert "Group: Pilot Ambiguous" in lines
        assert "1 of 1 still open." in lines
        source = page(ana.post(step, {}), 400)
        TestProblems().leads_to(source, "groups-0", "Group Pilot is not decided.")
        assert Restore.objects.get().mapping == {}

    def test_leaving_its_policies_out_is_an_act_of_its_own(self, elsewhere, world, ana):
        restore = previewed(ana, world, elsewhere)
        shown = text(page(ana.get(review(restore))))
        assert "1 policy needs a decision and will be left out." in shown

    def test_a_choice_is_saved_and_kept_and_previewed(self, elsewhere, world, ana):
        chosen = world.sim.objects("/groups")[0]["id"]
        step = to_mapping(ana, elsewhere)
        restore = preview_at(ana, world, ana.post(step, {"groups-0": f"map:{chosen}"}).headers["Location"])
        assert "needs a decision" not in text(page(ana.get(review(restore))))
        assert "mapped by a person 1" in text(page(ana.get(review(restore))))
        assert f'value="map:{chosen}" selected' in page(ana.get(self.step(restore)))

    def test_leaving_it_out_is_a_choice_and_can_be_taken_back(self, elsewhere, ana):
        step = to_mapping(ana, elsewhere)
        ana.post(step, {"groups-0": "drop"})
        assert '<option value="drop" selected>' in page(ana.get(step))
        ana.post(step, {"groups-0": "", "leave_out": "1"})
        assert "1 of 1 still open." in text(page(ana.get(step)))

    def test_one_choice_for_all_that_is_open(self, elsewhere, world, ana):
        chosen = world.sim.objects("/groups")[0]["id"]
        step = to_mapping(ana, elsewhere)
        ana.post(step, {"groups-0": "", "all": f"map:{chosen}"})
        (decided,) = Restore.objects.get().mapping["groups"].values()
        assert (decided["action"], decided["target"]) == ("map", chosen)

    def test_what_was_not_offered_is_refused(self, elsewhere, world, ana):
        restore = previewed(ana, world, elsewhere)
        before = restore.mapping
        source = page(ana.post(self.step(restore), {"groups-0": "map:00000000-not-offered"}), 400)
        assert 'href="#groups-0"' in source
        restore.refresh_from_db()
        assert restore.mapping == before

    def test_where_names_come_from_is_always_said(self, lost, world, ana):
        world.catalog_policy("Alone")
        world.work("inventory.sync", types=TYPES)
        run = world.work("backup_set.capture", policies=[stable_id("catalog", "Alone")], name="Small")
        small = to_mapping(ana, BackupSet.objects.get(run=run))
        assert 'data-empty="nothing"' in page(ana.get(small))
        for step in (to_mapping(ana, lost), small):
            said = text(page(ana.get(step)))
            assert "Names come from the cached directory, never from Graph" in said
            assert "sync groups" in said
            assert "Targeting is never widened" in said

    def test_a_directory_synchronised_since_is_looked_at_again(self, elsewhere, world, ana):
        step = to_mapping(ana, elsewhere)
        world.sim.remove("/groups", world.sim.objects("/groups")[0]["id"])
        world.work("directory_groups.sync")
        assert "Group: Pilot Found by name" in text(page(ana.get(step)))

    def test_looking_asks_nothing_of_graph(self, elsewhere, world, ana):
        step = to_mapping(ana, elsewhere)
        before = len(world.simulator.journal)
        page(ana.get(step))
        page(ana.get(step.replace("mapping", "preview")))
        assert len(world.simulator.journal) == before


class TestWhoMay:
    def test_a_reader_sees_the_review_but_not_how_to_execute(self, lost, world, ana, olu):
        restore = previewed(ana, world, lost)
        source = main(page(olu.get(review(restore))))
        assert "Needs restore.execute." in text(source)
        assert "/execute/" not in source
        page(execute(olu, restore), 403)

    @pytest.mark.parametrize("step", ["policies", "options", "mapping"])
    def test_a_reader_takes_no_step(self, lost, ana, olu, step):
        draft_of(ana, lost)
        here = f"{RESTORE}{Restore.objects.get().pk}/{step}/"
        assert "restore.preview" in text(page(olu.get(here), 403))
        page(olu.post(here, {"scope": "all", "existing": "update"}), 403)

    def test_what_lacks_a_permission_is_marked_before_the_preview(self, lost, world, ana):
        world.sim.revoke(["DeviceManagementConfiguration.ReadWrite.All"])
        world.work("connection.check")
        shown = text(page(ana.get(draft_of(ana, lost))))
        assert "Permission missing" in shown
        assert "Grant DeviceManagementConfiguration.ReadWrite.All to restore these." in shown


def test_the_list_says_where_each_stands(lost, world, ana):
    assert 'data-empty="nothing"' in page(ana.get(RESTORE))
    restore = previewed(ana, world, lost)
    shown = text(main(page(ana.get(RESTORE))))
    assert f"Restore {restore.pk} Nightly Previewed" in shown


def test_the_result_is_filtered_by_how_items_ended(lost, world, ana):
    restore = previewed(ana, world, lost)
    execute(ana, restore)
    finish_newest(world)
    shown = text(main(page(ana.get(f"{RESTORE}{restore.pk}/?result=skipped"))))
    assert "1 policy;" in shown
    assert "Same" in shown
