"""The wizard from its source to the verified result, and everything that it refuses on the way."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tenantatlas.backups.models import PolicyVersion
from tenantatlas.core import clock
from tenantatlas.restore.models import Restore
from tenantatlas.runs.models import OperationRun

from .reading import element, following, main, page, text
from .wizard import (
    COLLECTION,
    RESTORE,
    draft_of,
    execute,
    finish_newest,
    leads_to,
    preview_at,
    previewed,
    review,
)


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
        leads_to(source, "sets", "Choose a backup set.")
        assert not Restore.objects.exists()

    def test_no_set_there(self, ana):
        assert 'data-empty="nothing"' in page(ana.get(f"{RESTORE}new/"))

    def test_nothing_ticked(self, lost, ana):
        source = page(ana.post(draft_of(ana, lost), {"scope": "ticked"}), 400)
        leads_to(source, "scope-ticked", "Tick at least one policy, or choose all of them.")
        assert 'aria-invalid="true"' in element(source, "scope-ticked")

    def test_no_choice_for_what_exists(self, lost, ana):
        options = ana.post(draft_of(ana, lost), {"scope": "all"}).headers["Location"]
        source = page(ana.post(options, {"existing": "overwrite"}), 400)
        leads_to(source, "existing-update", "Choose what to do with policies that exist.")
        assert OperationRun.objects.filter(operation="restore.preview").count() == 0

    def test_another_name_typed(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        Restore.objects.update(risks=[{"code": "everybody", "severity": "high", "message": "All."}])
        source = page(execute(ana, restore, confirm="fabrikam"), 400)
        leads_to(source, "confirm", "The name typed is not that of the tenant: it is contoso.")
        assert "Restore 2 policies" in text(source)

    def test_an_altered_plan(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        altered = restore.plan_sha256[::-1]
        source = page(execute(ana, restore, plan=altered), 409)
        leads_to(source, "confirmation", "This is not the plan that the restore has now.")
        assert restore.plan_sha256 in source
        garbled = page(execute(ana, restore, plan="zz"), 400)
        leads_to(garbled, "confirmation", "The plan's hash must be 64 hexadecimal characters.")

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


class TestWhoMay:
    def test_a_reader_sees_the_review_but_not_how_to_execute(self, lost, world, ana, olu):
        restore = previewed(ana, world, lost)
        source = main(page(olu.get(review(restore))))
        assert "Needs the right to restore policies: ask an owner." in text(source)
        assert "/execute/" not in source
        page(execute(olu, restore), 403)

    @pytest.mark.parametrize("step", ["policies", "options", "mapping"])
    def test_a_reader_takes_no_step(self, lost, ana, olu, step):
        draft_of(ana, lost)
        here = f"{RESTORE}{Restore.objects.get().pk}/{step}/"
        assert "the right to preview restores" in text(page(olu.get(here), 403))
        page(olu.post(here, {"scope": "all", "existing": "update"}), 403)

    def test_what_lacks_a_permission_is_marked_before_the_preview(self, lost, world, ana):
        world.sim.revoke(["DeviceManagementConfiguration.ReadWrite.All"])
        world.work("connection.check")
        shown = text(page(ana.get(draft_of(ana, lost))))
        assert shown.count("Permission missing") == 1
        assert "No policy of this set can be restored without it." in shown
        assert "connect a writer's app" in shown

    def test_what_may_not_be_written_is_marked_in_the_preview_and_counted(self, lost, world, ana):
        world.sim.revoke(["DeviceManagementConfiguration.ReadWrite.All"])
        restore = previewed(ana, world, lost)
        shown = text(main(page(ana.get(f"{RESTORE}{restore.pk}/preview/?action=cannot"))))
        assert "Cannot 2" in shown
        assert "2 policies cannot be written" in shown
        assert "DeviceManagementConfiguration.ReadWrite.All is missing" in shown
        assert "Nothing is left to write." in text(main(page(ana.get(review(restore)))))


def test_findings_from_before_it_are_looked_for_again_from_its_page(lost, world, ana):
    world.work("drift.generate", set=lost.pk)
    restore = previewed(ana, world, lost)
    execute(ana, restore)
    world.clock.advance(60)
    world.finish(OperationRun.objects.latest("pk"))
    shown = page(ana.get(f"{RESTORE}{restore.pk}/"))
    assert f'name="set" value="{lost.pk}"' in shown.split('id="outdated"')[1]
    assert "Look for drift again" in text(shown)

    world.clock.advance(60)
    world.work("drift.generate", set=lost.pk)

    assert "Look for drift again" not in text(page(ana.get(f"{RESTORE}{restore.pk}/")))


def test_the_list_says_where_each_stands(lost, world, ana):
    assert 'data-empty="nothing"' in page(ana.get(RESTORE))
    restore = previewed(ana, world, lost)
    shown = text(main(page(ana.get(RESTORE))))
    assert f"Restore {restore.pk} Nightly Previewed" in shown
    ana.post(f"{RESTORE}{restore.pk}/preview/")
    assert "Nightly Being previewed" in text(main(page(ana.get(RESTORE))))
    finish_newest(world)
    restore.refresh_from_db()
    execute(ana, restore)
    assert finish_newest(world).outcome == "succeeded"
    assert "Nightly Succeeded" in text(main(page(ana.get(RESTORE))))


def test_the_result_is_filtered_by_how_items_ended(lost, world, ana):
    restore = previewed(ana, world, lost)
    execute(ana, restore)
    finish_newest(world)
    shown = text(main(page(ana.get(f"{RESTORE}{restore.pk}/?result=skipped"))))
    assert "1 policy, those" in shown
    assert "2 written and verified, 1 was already so." in shown
    assert "Same" in shown
