"""The single steps of the wizard: policies, options, checks, mapping."""

from __future__ import annotations

import re

import pytest

from tenantatlas.backups.models import BackupSet, Blob
from tenantatlas.core.ids import stable_id
from tenantatlas.restore.models import Restore
from tenantatlas.runs.models import OperationRun
from tenantatlas.web.pages import restore_policies
from tests.restore.test_plan import access_body, filter_body
from tests.restore.test_round_trip import ACCESS
from tests.simulated import group_target

from .reading import element, main, page, text
from .wizard import (
    RESTORE,
    TYPES,
    draft_of,
    finish_newest,
    leads_to,
    preview_at,
    previewed,
    review,
    to_mapping,
)


class TestPolicies:
    def test_a_type_can_be_ticked_whole(self, lost, ana):
        policies = draft_of(ana, lost)
        assert "All 3 of Settings catalog" in text(page(ana.get(policies)))
        ana.post(policies, {"scope": "ticked", "type": "configurationPolicies"})
        assert len(Restore.objects.get().policies) == 3

    def test_foundations_stand_apart_and_what_cannot_be_restored_says_why(self, world, ana):
        world.sim.put("/deviceManagement/assignmentFilters", filter_body())
        world.catalog_policy("Plain")
        run = world.work("backup_set.capture", types=["assignmentFilters", *TYPES], name="Both")
        source = page(ana.get(draft_of(ana, BackupSet.objects.get(run=run))))
        shown = text(main(source))
        assert "Foundations: other policies refer to these" in shown
        assert shown.index("Settings catalog (1)") < shown.index("Foundations") < shown.index("filters (1)")
        assert "Windows (1)" in shown

    def test_what_is_not_in_the_set_cannot_be_ticked(self, lost, ana):
        source = page(ana.post(draft_of(ana, lost), {"scope": "ticked", "policy": "somebody"}), 400)
        assert 'href="#scope-ticked"' in source

    def test_the_source_can_be_changed_and_keeps_the_draft(self, lost, world, ana):
        policies = draft_of(ana, lost)
        restore = Restore.objects.get()
        source = page(ana.get(f"{RESTORE}new/?restore={restore.pk}"))
        assert f'value="{lost.pk}" required checked' in source
        again = ana.post(f"{RESTORE}new/", {"set": lost.pk, "restore": restore.pk})
        assert again.headers["Location"] == policies
        run = world.work("backup_set.capture", types=TYPES, name="Other")
        ana.post(f"{RESTORE}new/", {"set": run.context["set"], "restore": restore.pk})
        assert Restore.objects.get().backup_set_id == run.context["set"]


class TestPoliciesOfALargeSet:
    """More than fit into a tree: types first, then pages of what is looked for."""

    @pytest.fixture
    def policies(self, lost, ana, monkeypatch) -> str:
        monkeypatch.setattr(restore_policies, "MOST_IN_TREE", 2)
        monkeypatch.setattr(restore_policies, "ENTRIES_PER_PAGE", 1)
        return draft_of(ana, lost)

    def test_types_are_shown_and_one_is_ticked_whole(self, policies, ana):
        shown = main(page(ana.get(policies)))
        assert "All 3 of Settings catalog" in text(shown)
        assert 'name="policy"' not in shown
        ana.post(policies, {"scope": "ticked", "type": "configurationPolicies"})
        assert len(Restore.objects.get().policies) == 3
        assert "3 policies ticked so far" in text(page(ana.get(policies)))

    def test_what_is_ticked_is_kept_from_page_to_page(self, policies, ana):
        names = []
        here = f"{policies}?type=configurationPolicies"
        for number in (2, 3, 3):
            shown = page(ana.get(here))
            (graph_id,) = re.findall(r'name="policy" value="([^"]*)"', shown)
            names.append(graph_id)
            here = ana.post(here, {"shown": graph_id, "policy": graph_id, "to": number}).headers["Location"]
            assert here == f"{policies}?type=configurationPolicies&page={number}"
        assert sorted(Restore.objects.get().policies) == sorted(set(names))
        assert f'value="{names[-1]}" data-tick data-picks="#scope-ticked" checked' in page(ana.get(here))
        ana.post(here, {"shown": names[-1], "to": 1})
        assert sorted(Restore.objects.get().policies) == sorted(names[:2])
        ticked = page(ana.get(f"{policies}?ticked=yes"))
        assert "2 policies" in text(main(ticked))
        assert ana.post(policies, {"scope": "ticked"}).headers["Location"].endswith("/options/")
        assert sorted(Restore.objects.get().policies) == sorted(names[:2])

    def test_they_are_found_by_name(self, policies, ana):
        assert "Gone" in text(main(page(ana.get(f"{policies}?q=gon"))))
        assert "Nothing matches these filters." in text(page(ana.get(f"{policies}?q=nowhere")))

    def test_everything_can_be_unticked(self, policies, ana):
        ana.post(policies, {"scope": "ticked", "type": "configurationPolicies"})
        assert ana.post(policies, {"to": "none"}).headers["Location"] == policies
        assert Restore.objects.get().policies == []
        leads_to(
            page(ana.post(policies, {"scope": "ticked"}), 400),
            "scope-ticked",
            "Tick at least one policy, or choose all of them.",
        )


class TestOptions:
    def test_everything_chosen_is_kept_and_checked(self, lost, ana):
        step = ana.post(draft_of(ana, lost), {"scope": "all"}).headers["Location"]
        given = {"existing": "copy", "assignments": "keep", "suffix": "(old)"}
        assert ana.post(step, given).headers["Location"].endswith("/mapping/")
        restore = Restore.objects.get()
        assert (restore.existing, restore.assignments, restore.copy_suffix) == ("copy", "keep", " (old)")
        assert (restore.status, bool(restore.checks)) == ("checked", True)
        source = page(ana.get(step))
        for field in ("existing-copy", "assignments-keep"):
            assert "checked" in element(source, field)
        assert 'value="(old)"' in element(source, "suffix")

    def test_one_type_may_go_another_way(self, world, ana):
        world.sim.put("/deviceManagement/assignmentFilters", filter_body())
        world.catalog_policy("Plain")
        run = world.work("backup_set.capture", types=["assignmentFilters", *TYPES], name="Both")
        policies = draft_of(ana, BackupSet.objects.get(run=run))
        step = ana.post(policies, {"scope": "all"}).headers["Location"]
        assert "Another way for some policy types" in text(page(ana.get(step)))
        ana.post(step, {"existing": "update", "type-assignmentFilters": "skip"})
        assert Restore.objects.get().existing_by_type == {"assignmentFilters": "skip"}

    def test_all_problems_stand_at_the_top(self, lost, ana):
        step = ana.post(draft_of(ana, lost), {"scope": "all"}).headers["Location"]
        given = {"existing": "x", "assignments": "x", "type-configurationPolicies": "x"}
        source = page(ana.post(step, given), 400)
        for field in ("existing-update", "assignments-backed-up"):
            leads_to(source, field, "Choose what to do")
        assert "3 things to mend" in text(source)
        source = page(ana.post(step, {"existing": "update", "suffix": "x" * 60}), 400)
        leads_to(source, "suffix", "A copy needs a suffix of at most 60 characters.")


class TestChecks:
    def test_stale_checks_are_shown_as_such_and_made_again(self, lost, world, ana):
        step = to_mapping(ana, lost).replace("mapping", "preview")
        ana.post(step.replace("preview", "policies"), {"scope": "ticked", "type": "configurationPolicies"})
        source = page(ana.get(step))
        assert "These checks were made for another choice." in text(source)
        assert "Check again first." in text(source)
        assert "(needs a look)" in text(page(ana.get(step.replace("preview", "options"))))
        refused = page(ana.post(step), 409)
        leads_to(refused, "checks", "The choice changed since it was checked.")
        ana.post(step.replace("preview", "check"))
        assert "another choice" not in text(page(ana.get(step)))
        preview_at(ana, world, step)

    def test_a_blocking_check_keeps_the_preview_from_starting(self, lost, world, ana):
        world.tenant.writes_held = True
        world.tenant.save()
        step = to_mapping(ana, lost).replace("mapping", "preview")
        source = text(page(ana.get(step)))
        assert "Blocking 1" in source
        assert "A check is blocking." in source
        refused = page(ana.post(step), 409)
        leads_to(refused, "checks", "Nothing is written to contoso")
        assert not OperationRun.objects.filter(operation="restore.preview").exists()

    def test_a_preview_that_fails_says_why_and_can_be_started_again(self, lost, world, ana):
        step = to_mapping(ana, lost).replace("mapping", "preview")
        ana.post(step)
        Blob.objects.filter(versions__name="Gone").update(sealed=b"nothing")
        finish_newest(world)
        source = page(ana.get(step))
        assert "is damaged" in text(source)
        assert "disabled" not in element(source, "preview")

    def test_without_the_key_the_page_says_so_and_calls_nothing_damaged(self, lost, ana, settings, tmp_path):
        settings.ATLAS_KEY_FILE = tmp_path / "key"
        step = to_mapping(ana, lost).replace("mapping", "preview")
        source = text(main(page(ana.get(step))))
        assert "A check is blocking." in source
        assert f"The key file {tmp_path / 'key'} with key" in source
        assert "damaged" not in source
        leads_to(page(ana.post(step), 409), "checks", "is missing.")

    def test_the_page_asks_for_news_only_while_the_run_is_open(self, lost, world, ana):
        step = to_mapping(ana, lost).replace("mapping", "preview")
        ana.post(step)
        live = element(page(ana.get(step)), "live")
        version = re.search(r"\?v=(\w+)", live).group(1)
        asked = {"headers": {"HX-Request": "true"}}
        assert ana.get(f"{step}?v={version}", **asked).status_code == 204
        finish_newest(world)
        part = page(ana.get(f"{step}?v={version}", **asked))
        assert "<html" not in part
        assert "hx-trigger" not in element(part, "live")
        assert 'id="onward"' in part


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
        leads_to(source, "groups-0", "Group Pilot is not decided.")
        assert Restore.objects.get().mapping == {}

    def test_what_is_open_comes_first_and_what_is_settled_is_folded(self, world, ana):
        there = world.sim.put(
            "/groups", {"displayName": "A-there", "securityEnabled": True, "groupTypes": []}
        )
        world.catalog_policy("Settled", assignments=[group_target(there)])
        person = world.sim.put("/users", {"displayName": "Break glass"})
        world.sim.put(ACCESS, access_body("Block", state="disabled", excludeUsers=[person]))
        world.work("directory_groups.sync")
        run = world.work("backup_set.capture", types=[*TYPES, "conditionalAccess.policies"])
        source = page(ana.get(to_mapping(ana, BackupSet.objects.get(run=run))))
        folded = source.index('<details id="settled">')
        assert source.index(f"User: {person}") < folded < source.index("Group: A-there")
        assert "1 settled" in text(source)
        assert "Names of people are not kept here" in text(source)

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
