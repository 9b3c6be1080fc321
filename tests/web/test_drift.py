"""The pages of drift: findings through their life, the baseline, and the way into the wizard."""

from __future__ import annotations

import csv
import io

import pytest

from tenantatlas.backups.models import BackupSet
from tenantatlas.drift.models import Finding, FindingState, IgnoredSetting
from tenantatlas.restore.models import Restore
from tenantatlas.runs.models import OperationRun
from tests.simulated import CATALOG, World

from .reading import following, main, page, text

DRIFT = "/t/contoso/drift/"


@pytest.fixture
def finding(world: World) -> Finding:
    """Alpha has another description than in the set Nightly."""
    alpha = world.catalog_policy("Alpha")
    run = world.work("backup_set.capture", types=["configurationPolicies"], name="Nightly")
    world.sim.mutate(alpha, lambda body: body.update(description="New"), collection=CATALOG)
    world.work("drift.generate", set=run.context["set"])
    return Finding.objects.get()


def address(finding: Finding, act: str = "") -> str:
    return f"{DRIFT}findings/{finding.pk}/{act}"


def state(finding: Finding) -> str:
    return Finding.objects.get(pk=finding.pk).state


class TestList:
    @pytest.mark.usefixtures("finding")
    def test_states_are_the_first_filter(self, ana):
        shown = text(main(page(ana.get(DRIFT))))
        assert "New 1 Acknowledged 0 Ignored 0 Resolved 0 All 1" in shown
        assert "Alpha" in shown
        source = page(ana.get(f"{DRIFT}?state=resolved"))
        assert 'data-empty="filtered"' in source

    @pytest.mark.usefixtures("finding")
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("severity=low", True),
            ("severity=high", False),
            ("kind=changed", True),
            ("kind=added", False),
            ("type=configurationPolicies", True),
            ("type=deviceManagementScripts", False),
            ("q=alp", True),
            ("q=zulu", False),
        ],
    )
    def test_filters_are_the_address(self, ana, query, found):
        source = main(page(ana.get(f"{DRIFT}?{query}")))
        assert ("Alpha" in source) is found
        assert ('data-empty="filtered"' in source) is not found

    @pytest.mark.usefixtures("finding")
    def test_it_is_exported(self, ana):
        answer = ana.get(f"{DRIFT}?export=csv").getvalue().decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(answer)))
        assert [(row["name"], row["state"]) for row in rows] == [("Alpha", "new")]

    def test_ticked_ones_are_acknowledged(self, finding, ana):
        shown = text(following(ana, ana.post(f"{DRIFT}acknowledge/", {"finding": [finding.pk]})))
        assert "Acknowledged 1 finding." in shown
        assert state(finding) == FindingState.ACKNOWLEDGED
        shown = text(following(ana, ana.post(f"{DRIFT}acknowledge/")))
        assert "No finding is ticked." in shown

    @pytest.mark.usefixtures("finding")
    def test_parts_are_addresses(self, ana):
        assert "Nightly" in text(main(page(ana.get(f"{DRIFT}?tab=comparisons"))))
        assert 'data-empty="nothing"' in page(ana.get(f"{DRIFT}?tab=ignored"))


class TestFinding:
    def test_it_says_what_differs_and_since_when(self, finding, ana):
        shown = text(main(page(ana.get(address(finding)))))
        assert "About Alpha" in shown
        assert "Nightly" in shown
        assert f"Run #{finding.last_run_id}" in shown

    def test_acknowledged_and_back(self, finding, ana):
        shown = text(following(ana, ana.post(address(finding, "acknowledge/"))))
        assert "Make new again" in shown
        following(ana, ana.post(address(finding, "reopen/")))
        assert state(finding) == FindingState.NEW

    def test_ignored_for_a_reason_until_a_day(self, finding, ana):
        given = {"reason": "Pilot", "until": "2026-12-24"}
        shown = text(following(ana, ana.post(address(finding, "ignore/"), given)))
        assert "Ignored until" in shown
        assert "Pilot" in shown
        assert state(finding) == FindingState.IGNORED

    @pytest.mark.parametrize(
        "given",
        [
            {"reason": "", "until": "2026-12-24"},
            {"reason": "x", "until": "soon"},
            {"reason": "x", "until": "2020-01-01"},
        ],
    )
    def test_what_is_missing_is_said(self, finding, ana, given):
        assert "toast-card error" in following(ana, ana.post(address(finding, "ignore/"), given))
        assert state(finding) == FindingState.NEW

    def test_one_setting_is_ignored_and_heeded_again(self, finding, ana):
        given = {"reason": "Notes", "until": "2026-12-24", "path": "description"}
        ana.post(address(finding, "ignore/"), given)
        ignored = IgnoredSetting.objects.get()
        assert "Notes" in text(main(page(ana.get(f"{DRIFT}?tab=ignored"))))
        following(ana, ana.post(f"{DRIFT}settings/{ignored.pk}/heed/"))
        assert not IgnoredSetting.objects.exists()

    def test_restoring_the_baseline_leads_into_the_wizard_for_this_policy(self, finding, ana):
        assert "Restore baseline…" in text(main(page(ana.get(address(finding)))))
        given = {"set": finding.backup_set_id, "policy": finding.graph_id}
        answer = ana.post("/t/contoso/restore/new/", given)
        assert answer.status_code == 302
        assert "/restore/" in answer.headers["Location"]

    def test_a_reader_sees_what_to_ask_for(self, finding, olu):
        shown = text(main(page(olu.get(address(finding)))))
        assert "Needs the right to look for drift and decide about it: ask an owner." in shown
        assert olu.post(address(finding, "acknowledge/")).status_code == 403
        assert state(finding) == FindingState.NEW


class TestBaseline:
    def test_it_is_chosen_and_compared(self, finding, otto, world):
        chosen = {"set": finding.backup_set_id}
        shown = text(following(otto, otto.post(f"{DRIFT}baseline/", chosen)))
        assert "Baseline: Nightly" in shown
        assert BackupSet.objects.get(pk=finding.backup_set_id).kept
        otto.post(f"{DRIFT}start/", {"set": "baseline"})
        run = world.finish(OperationRun.objects.latest("pk"))
        assert (run.outcome, run.context["set"]) == ("succeeded", finding.backup_set_id)

    def test_what_was_backed_up_since_is_accepted(self, finding, otto, world):
        assert "Back up first" in text(main(page(otto.get(address(finding)))))
        world.clock.advance(60)
        run = world.work("backup_set.capture", types=["configurationPolicies"], name="After")
        source = main(page(otto.get(address(finding))))
        assert f'name="set" value="{run.context["set"]}"' in source
        assert "Baseline: After" in text(
            following(otto, otto.post(f"{DRIFT}baseline/", {"set": run.context["set"]}))
        )

    @pytest.mark.usefixtures("finding")
    def test_inventories_are_compared_from_the_page(self, ana, world):
        ana.post(f"{DRIFT}start/", {"set": "inventory"})
        run = world.finish(OperationRun.objects.latest("pk"))
        assert (run.outcome, run.failures[0]["code"]) == ("blocked", "nothing_to_compare")

    def test_an_operator_may_not_choose_it(self, finding, ana):
        assert ana.post(f"{DRIFT}baseline/", {"set": finding.backup_set_id}).status_code == 403


class TestWhatToCompare:
    def test_the_latest_complete_set_is_preselected(self, finding, ana):
        source = main(page(ana.get(DRIFT)))
        assert f'<option value="{finding.backup_set_id}" selected>Nightly (complete) with live' in source
        assert '<option value="inventory" disabled>' in source
        assert "it takes two. There is no inventory yet." in text(source)

    @pytest.mark.usefixtures("finding")
    def test_two_inventories_are_offered(self, ana, world):
        world.work("inventory.sync")
        assert "There is only one yet." in text(main(page(ana.get(DRIFT))))
        world.work("inventory.sync")
        source = main(page(ana.get(DRIFT)))
        assert '<option value="inventory">' in source

    def test_with_nothing_to_compare_the_button_says_what_to_do(self, ana):
        assert "Back up first: there is nothing to compare with yet." in text(main(page(ana.get(DRIFT))))

    @pytest.mark.parametrize(
        ("against", "words"),
        [("inventory", "Synchronise the inventory once more"), ("baseline", "Choose a baseline")],
    )
    def test_a_blocked_run_leads_on_and_shows_no_comparison(self, ana, world, against, words):
        run = world.work("drift.generate", against=against)
        source = main(page(ana.get(f"/t/contoso/runs/{run.pk}/")))
        assert f">{words}</a>" in source
        assert "SLUG" not in source
        assert "Show the comparison" not in source


class TestComparison:
    def test_its_run_says_what_differs_and_shows_that_first(self, finding, ana, world):
        world.catalog_policy("Beta")
        run = world.work("drift.generate", set=finding.backup_set_id)
        source = main(page(ana.get(f"/t/contoso/runs/{run.pk}/")))
        assert "2 of 2 policies differ" in text(source)
        assert f'href="{DRIFT}{run.pk}/"' in source
        assert "Worth reading 2" in text(source)
        assert "List of" not in text(source)

    def test_one_that_found_nothing_says_so(self, finding, ana, world):
        world.sim.mutate(
            finding.graph_id, lambda body: body.update(description="About Alpha"), collection=CATALOG
        )
        run = world.work("drift.generate", set=finding.backup_set_id)
        assert "No policy differs" in text(main(page(ana.get(f"/t/contoso/runs/{run.pk}/"))))

    def test_what_drifted_is_restored_and_nothing_else(self, finding, ana, world):
        world.catalog_policy("Beta")
        run = world.work("drift.generate", set=finding.backup_set_id)
        assert "Restore what drifted (1)…" in text(main(page(ana.get(f"{DRIFT}{run.pk}/"))))
        answer = ana.post(f"{DRIFT}restore/", {"comparison": run.pk})
        draft = Restore.objects.get()
        assert (draft.backup_set_id, draft.policies) == (finding.backup_set_id, [finding.graph_id])
        assert answer.headers["Location"] == f"/t/contoso/restore/{draft.pk}/options/"

    def test_ticked_ones_are_restored(self, finding, ana):
        ana.post(f"{DRIFT}restore/", {"finding": [finding.pk]})
        assert Restore.objects.get().policies == [finding.graph_id]

    def test_ticks_of_two_sets_and_none_are_refused(self, finding, ana, world):
        world.clock.advance(60)
        other = world.work("backup_set.capture", types=["configurationPolicies"], name="After")
        world.sim.mutate(finding.graph_id, lambda body: body.update(description="Newer"), collection=CATALOG)
        world.work("drift.generate", set=other.context["set"])
        ticked = list(Finding.objects.values_list("pk", flat=True))
        assert "Tick those of one set." in following(ana, ana.post(f"{DRIFT}restore/", {"finding": ticked}))
        assert "Nothing that can be restored is ticked." in following(ana, ana.post(f"{DRIFT}restore/"))
        assert not Restore.objects.exists()

    def test_who_may_not_restore_begins_none(self, finding, olu):
        assert olu.post(f"{DRIFT}restore/", {"finding": [finding.pk]}).status_code == 403
