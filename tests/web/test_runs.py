"""The pages of runs: the list that is up to date, the band that is live, the end that is silent."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta

import pytest
from django.test import Client

from tenantatlas.notifications.models import Notification
from tenantatlas.runs.facts import ITEM_COLUMNS, RUN_COLUMNS
from tenantatlas.runs.history import import_runs
from tenantatlas.runs.models import OperationRun, RunItem
from tests.simulated import CATALOG, World

from .conftest import client_of
from .reading import element, following, main, page, text

HTMX = {"HX-Request": "true"}


@pytest.fixture
def queued(world: World) -> OperationRun:
    """A run that nobody works."""
    world.catalog_policy("Baseline")
    return world.start("inventory.sync", types=["configurationPolicies"])


def change(run: OperationRun, **values: object) -> OperationRun:
    """What a worker would have recorded."""
    OperationRun.objects.filter(pk=run.pk).update(**values)
    run.refresh_from_db()
    return run


def ended(world: World, outcome: str = "succeeded") -> dict[str, object]:
    """What makes an open run a completed one."""
    now = world.clock.now()
    return {"status": "completed", "outcome": outcome, "started_at": now, "ended_at": now}


def run_page(run: OperationRun, more: str = "") -> str:
    return f"/t/contoso/runs/{run.pk}/{more}"


class TestLive:
    def test_a_queued_run_asks_for_itself_soon_and_then_every_five_seconds(self, queued, ana):
        live = element(page(ana.get(run_page(queued))), "live")
        assert f'hx-get="{run_page(queued)}live/?v=' in live
        assert 'hx-trigger="every 5s, shown, load delay:1s"' in live

    def test_a_running_one_asks_every_two_seconds(self, queued, ana, world):
        change(queued, status="running", started_at=world.clock.now())
        live = element(page(ana.get(run_page(queued))), "live")
        assert 'hx-trigger="every 2s, shown"' in live

    def test_the_fragment_asks_for_the_same_tab_items_and_page(self, queued, ana):
        live = element(page(ana.get(run_page(queued, "?items=failed&page=1"))), "live")
        asked = re.search(r'hx-get="([^"]*)"', live).group(1)
        assert "items=failed" in asked
        assert "page=1" in asked

    def test_nothing_is_said_while_nothing_changed(self, queued, ana):
        there = self.address(ana, queued)
        answer = ana.get(there, headers=HTMX)
        assert answer.status_code == 204
        assert answer.content == b""
        assert "HX-Request" in answer.headers["Vary"]

    @pytest.mark.parametrize(
        "moved",
        [
            {"counts": {"total": 4, "processed": 1, "succeeded": 1}},
            {"waiting_reason": "throttled"},
            {"attempts": 2},
        ],
        ids=["an item", "a wait", "another attempt"],
    )
    def test_what_moves_is_a_new_fragment(self, queued, ana, moved):
        there = self.address(ana, queued)
        change(queued, **moved)
        source = page(ana.get(there, headers=HTMX))
        assert source.lstrip().startswith("<section")
        assert "<html" not in source
        assert ana.get(self.address_in(source), headers=HTMX).status_code == 204

    def test_a_worker_that_falls_silent_is_said(self, queued, ana, world):
        now = world.clock.now()
        change(queued, status="running", started_at=now, heartbeat_at=now)
        there = self.address(ana, queued)
        world.clock.advance(31)
        assert "silent for 31 seconds" in text(page(ana.get(there, headers=HTMX)))

    def test_a_wait_is_said_with_its_end(self, queued, ana, world):
        change(queued, waiting_reason="throttled", waiting_until=world.clock.now() + timedelta(minutes=2))
        shown = text(page(ana.get(run_page(queued))))
        assert "Microsoft Graph asked us to slow down; continuing at" in shown

    def test_the_ended_fragment_has_nothing_left_to_fire(self, queued, ana, world):
        there = self.address(ana, queued)
        world.finish(queued)
        source = page(ana.get(there, headers=HTMX))
        live = element(source, "live")
        assert "hx-get" not in live
        assert "hx-trigger" not in live
        assert "hx-" not in source
        assert "✓ Succeeded" in live

    def test_when_it_moves_what_is_running_is_looked_at_again(self, queued, ana):
        moved = ana.get(f"/t/contoso/runs/{queued.pk}/live/", headers={"HX-Request": "true"})
        assert moved.headers["HX-Trigger"] == "runs-moved"
        assert "runs-moved from:body" in page(ana.get("/t/contoso/runs/busy/"))

    def test_asked_plainly_the_fragment_is_the_whole_page(self, queued, ana):
        assert "<html" in page(ana.get(run_page(queued, "live/")))
        restored = {**HTMX, "HX-History-Restore-Request": "true"}
        assert "<html" in page(ana.get(run_page(queued, "live/"), headers=restored))

    def test_without_scripts_the_page_refreshes_itself_while_the_run_is_open(self, queued, ana, world):
        refresh = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
        assert refresh in page(ana.get(run_page(queued)))
        world.finish(queued)
        assert refresh not in page(ana.get(run_page(queued)))

    def test_progress_is_announced_in_quarters(self, queued, ana, world):
        now = world.clock.now()
        done = {"status": "running", "started_at": now, "planned_at": now, "total_known": True}
        for processed, said in ((0, "0 percent"), (49, "25 percent"), (51, "50 percent"), (99, "75 percent")):
            change(queued, **done, counts={"total": 100, "processed": processed})
            assert f"{said}" in element(page(ana.get(run_page(queued))), "live")

    def address(self, client: Client, run: OperationRun) -> str:
        return self.address_in(page(client.get(run_page(run))))

    def address_in(self, source: str) -> str:
        return re.search(r'hx-get="([^"]*)"', element(source, "live")).group(1)


class TestRun:
    def test_a_failed_run_shows_first_what_went_wrong_and_can_be_retried(self, world, ana):
        world.catalog_policy("Baseline")
        world.sim.revoke(
            ["DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"]
        )
        run = world.work("inventory.sync", types=["configurationPolicies", "roleScopeTags"])
        assert run.outcome != "succeeded"
        source = page(ana.get(run_page(run)))
        assert 'aria-current="true"' in element(source, "items-bad")
        assert "DeviceManagementConfiguration.Read.All" in text(source)
        assert "Retry failed items (" in text(source)
        child = OperationRun.objects.get(pk=self.follow_retry(ana, run))
        assert child.parent_id == run.pk
        assert f"Run #{run.pk}" in text(page(ana.get(run_page(child))))
        assert f"Run #{child.pk}" in text(page(ana.get(run_page(run))))

    def follow_retry(self, client: Client, run: OperationRun) -> int:
        answer = client.post(run_page(run, "retry/"))
        return int(answer.headers["Location"].rstrip("/").rpartition("/")[2])

    def test_a_run_without_failures_says_why_it_is_not_retried(self, queued, ana, world):
        world.finish(queued)
        shown = text(page(ana.get(run_page(queued))))
        assert "Retry failed items No item went wrong." in shown

    def test_an_operation_of_another_version_is_shown_all_the_same(self, queued, ana, world):
        change(queued, operation="sheep.count", **ended(world))
        shown = text(page(ana.get(run_page(queued))))
        assert "sheep.count" in shown
        assert "This version does not know the operation." in shown

    def test_cancelling_says_what_it_means_and_then_that_it_stops(self, queued, ana, world):
        change(queued, status="running", started_at=world.clock.now(), counts={"total": 5, "pending": 4})
        source = page(ana.get(run_page(queued)))
        assert "The item in hand finishes; the other 4 are not started" in text(source)
        shown = text(following(ana, ana.post(run_page(queued, "cancel/"))))
        assert "Stopping…" in shown
        assert "Stopping: the item in hand finishes" in shown

    def test_a_queued_run_is_cancelled_at_once(self, queued, ana):
        shown = text(following(ana, ana.post(run_page(queued, "cancel/"))))
        assert "Cancelled" in shown
        assert "Stopping" not in shown

    def test_a_reader_sees_what_to_ask_for(self, queued, olu):
        source = main(page(olu.get(run_page(queued))))
        assert "Needs the right to cancel runs: ask an owner." in text(source)
        assert "run_cancel" not in source
        assert 'action="/t/contoso/runs' not in source

    def test_tabs_are_addresses(self, queued, ana):
        assert "Queued" in main(page(ana.get(run_page(queued, "?tab=timeline"))))
        assert "configurationPolicies" in main(page(ana.get(run_page(queued, "?tab=parameters"))))

    def test_an_unknown_tab_and_an_unknown_result_are_dropped_and_said(self, queued, ana):
        shown = text(page(ana.get(run_page(queued, "?tab=secrets&items=nice"))))
        assert "tab “secrets”, which is not known here: left out" in shown
        assert "items “nice”, which is not known here: left out" in shown

    def test_items_are_filtered_by_their_result(self, queued, ana, world):
        world.finish(queued)
        assert "List of" in text(main(page(ana.get(run_page(queued, "?items=succeeded")))))
        assert "Nothing matches." in text(main(page(ana.get(run_page(queued, "?items=failed")))))

    def test_a_run_that_had_nothing_to_do_says_so(self, queued, ana, world):
        change(queued, **ended(world))
        assert "This run had nothing to do." in text(page(ana.get(run_page(queued))))


class TestTabs:
    def test_forty_items_that_ended_for_one_reason_are_one_row(self, queued, ana, world):
        for number in range(40):
            RunItem.objects.create(
                run=queued,
                key=f"a{number}",
                label=f"Policy {number}",
                position=number,
                state="failed",
                reason="consent",
                message="Missing: A.Read",
                hint="Grant it.",
            )
        alone = {"key": "z", "label": "Alone", "position": 99, "state": "failed", "reason": "rejected"}
        RunItem.objects.create(run=queued, message="No.", **alone)
        change(queued, **ended(world, "failed"), counts={"total": 41, "processed": 41, "failed": 41})
        source = main(page(ana.get(run_page(queued))))
        assert text(source).count("40 items for the same reason") == 1
        assert "Policy 7" not in source
        assert "Alone" in source
        there = html.unescape(re.search(r'href="(\?items=failed[^"]*group=[^"]*)"', source).group(1))
        inside = main(page(ana.get(run_page(queued, there))))
        assert inside.count("Policy ") >= 40
        assert "Alone" not in inside

    def test_parameters_are_readable_and_the_json_is_in_a_fold(self, queued, ana):
        source = main(page(ana.get(run_page(queued, "?tab=parameters"))))
        assert "Types configurationPolicies" in text(source)
        assert '<details id="raw-parameters">' in source

    def test_the_log_is_filtered_by_level_and_downloaded(self, queued, ana, world):
        world.finish(queued)
        shown = text(main(page(ana.get(run_page(queued, "?tab=log")))))
        assert "Queued: Started by Otto" in shown
        assert "List of" in shown
        assert "Nothing of that level." in text(main(page(ana.get(run_page(queued, "?tab=log&level=error")))))
        file = ana.get(run_page(queued, "?tab=log&export=json"))
        assert f"run-{queued.pk}-log" in file.headers["Content-Disposition"]
        lines = json.loads(file.getvalue())
        assert lines[0]["message"] == "Queued: Started by Otto"
        assert {line["level"] for line in lines} == {"info"}

    def test_the_results_are_exported_as_the_command_line_prints_them(self, queued, ana, world):
        world.finish(queued)
        rows = json.loads(ana.get(run_page(queued, "?export=json")).getvalue())
        assert list(rows[0]) == list(ITEM_COLUMNS)
        assert len(rows) == queued.items.count()

    def test_what_a_run_is_about_is_linked(self, world, ana):
        world.catalog_policy("Baseline")
        run = world.work("backup_set.capture", types=["configurationPolicies"])
        made = run.context["set"]
        assert f'<a href="/t/contoso/backup-sets/{made}/">Backup set {made}</a>' in page(
            ana.get(run_page(run))
        )
        verify = world.work("backup_set.verify", set=made)
        assert f"Backup set {made}" in page(ana.get(run_page(verify)))

    def test_a_run_is_started_again_with_the_same_parameters(self, queued, ana, world):
        assert "It has not ended yet." not in page(ana.get(run_page(queued)))
        world.finish(queued)
        answer = ana.post(run_page(queued, "again/"))
        again = OperationRun.objects.latest("pk")
        assert again.pk != queued.pk
        assert again.params == queued.params
        assert answer.headers["Location"] == run_page(again)
        assert ana.post(run_page(again, "again/")).status_code == 409

    def test_a_run_that_is_stale_looks_different_and_says_what_happens_next(self, queued, ana, world):
        now = world.clock.now()
        change(queued, status="running", started_at=now, heartbeat_at=now, worker="w-1")
        healthy = page(ana.get(run_page(queued)))
        assert "Worker silent" not in healthy
        world.clock.advance(45)
        source = page(ana.get(run_page(queued)))
        assert "Worker silent" in text(source)
        assert 'class="band warning"' in source
        assert "since 08:00:00 UTC; if it stays so, another one takes over at 08:01:00 UTC" in text(source)
        assert "Worker silent" in text(page(ana.get("/t/contoso/runs/")))
        world.clock.advance(30)
        assert "the next worker that looks takes over" in text(page(ana.get(run_page(queued))))

    def test_without_a_worker_a_queued_run_says_so(self, queued, ana):
        assert "No worker is alive: the run waits for one." in text(page(ana.get(run_page(queued))))

    def test_imported_history_can_only_be_looked_at(self, ana, world):
        given = {"source": "restore_run", "id": 9, "tenant": "contoso", "operation": "restore.execute"}
        given |= {"status": "aborted", "started_at": "2025-03-01T10:00:00Z", "total": 4, "failed": 1}
        import_runs([json.dumps(given).encode()], actor=world.cast.otto)
        run = OperationRun.objects.get(imported_from="restore_run/9")
        shown = text(page(ana.get(run_page(run))))
        assert "Restore policies" in shown
        assert "Failed" in shown
        assert "It was done elsewhere: only its history is here." in shown
        assert "Of imported history the numbers are known, not the items." in shown
        assert ana.post(run_page(run, "cancel/")).status_code == 409
        assert "imported" in text(page(ana.get("/t/contoso/runs/?when=all")))
        assert "imported" not in text(main(page(ana.get("/t/contoso/runs/?when=30"))))


class TestStart:
    def test_a_second_start_joins_the_first_and_says_so(self, world, ana):
        first = ana.post("/t/contoso/policies/sync/")
        assert "Started: Synchronise inventory" in text(following(ana, first))
        second = ana.post("/t/contoso/policies/sync/")
        assert second.headers["Location"] == first.headers["Location"]
        assert "Already queued: Synchronise inventory" in text(following(ana, second))
        OperationRun.objects.update(status="running", started_at=world.clock.now())
        third = ana.post("/t/contoso/policies/sync/")
        assert "Already running: Synchronise inventory" in text(following(ana, third))
        assert OperationRun.objects.count() == 1

    def test_the_toast_is_said_once(self, ana):
        shown = following(ana, ana.post("/t/contoso/policies/sync/"))
        assert 'class="toast-card success"' in shown
        assert "toast-card" not in page(ana.get("/t/contoso/"))

    def test_what_may_not_be_started_is_a_page_that_names_the_capability(self, olu):
        answer = olu.post("/t/contoso/policies/sync/")
        shown = text(page(answer, 403))
        assert "inventory.sync" in shown
        assert OperationRun.objects.count() == 0


class TestList:
    @pytest.fixture
    def runs(self, world: World) -> list[OperationRun]:
        world.catalog_policy("Baseline")
        runs = [world.work("inventory.sync", types=["roleScopeTags"]) for _ in range(2)]
        return [*runs, world.start("backup_set.capture", name="Nightly")]

    def test_counts_are_the_first_filter(self, runs, ana, world):
        change(runs[2], **ended(world, outcome="failed"))
        source = main(page(ana.get("/t/contoso/runs/")))
        assert "Running 0 Queued 0 Needs attention 1 All 3" in text(source)
        found = text(main(page(ana.get("/t/contoso/runs/?state=attention"))))
        assert f"#{runs[2].pk}" in found
        assert f"#{runs[0].pk}" not in found

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("operation=backup_set.capture", {2}),
            ("outcome=succeeded", {0, 1}),
            ("who=otto", {0, 1, 2}),
            ("who=nobody", set()),
            ("state=queued&operation=inventory.sync", set()),
            ("trigger=person", {0, 1, 2}),
            ("trigger=schedule", set()),
            ("trigger=telepathy", {0, 1, 2}),
            ("when=1", {0, 1, 2}),
            ("q=all policies", {2}),
            ("operation=sheep.count", {0, 1, 2}),
        ],
    )
    def test_filters_are_the_address(self, runs, ana, query, found):
        source = main(page(ana.get(f"/t/contoso/runs/?{query}")))
        shown = {place for place, run in enumerate(runs) if f'id="run-{run.pk}"' in source}
        assert shown == found
        if not found:
            assert 'data-empty="filtered"' in source

    def test_counts_are_of_what_the_other_filters_select(self, runs, ana):  # noqa: ARG002 - they are counted
        source = main(page(ana.get("/t/contoso/runs/?operation=inventory.sync")))
        assert "Running 0 Queued 0 Needs attention 0 All 2" in text(source)

    def test_the_list_is_exported_as_the_filters_select_it(self, runs, ana):
        rows = json.loads(ana.get("/t/contoso/runs/?operation=inventory.sync&export=json").getvalue())
        assert [row["run"] for row in rows] == [runs[1].pk, runs[0].pk]
        assert list(rows[0]) == list(RUN_COLUMNS)
        lines = ana.get("/t/contoso/runs/?export=csv").getvalue().decode("utf-8-sig").splitlines()
        assert lines[0] == ",".join(RUN_COLUMNS)
        assert len(lines) == 4

    def test_waited_and_took_are_told_apart(self, runs, ana, world):
        now = world.clock.now()
        change(runs[2], status="running", started_at=now + timedelta(seconds=75))
        source = main(page(ana.get("/t/contoso/runs/")))
        assert 'data-label="Waited">1 min 15 s<' in source

    def test_a_filter_is_kept_when_another_state_is_chosen(self, ana):
        source = page(ana.get("/t/contoso/runs/?operation=inventory.sync"))
        assert "?operation=inventory.sync&amp;state=attention" in source

    def test_rows_are_brought_up_to_date_and_new_runs_only_counted(self, runs, ana, world):
        there = self.address(page(ana.get("/t/contoso/runs/")))
        assert ana.get(there, headers=HTMX).status_code == 204
        world.start("directory_groups.sync")
        part = page(ana.get(there, headers=HTMX))
        assert "+1 new: refresh" in text(part)
        assert "Synchronise groups" not in part
        world.finish(runs[2])
        there = self.address(part)
        part = page(ana.get(there, headers=HTMX))
        assert "Queued" not in text(part)
        assert ana.get(self.address(part), headers=HTMX).status_code == 204

    def address(self, source: str) -> str:
        return re.search(r'hx-get="([^"]*)"', element(source, "rows")).group(1)

    def test_a_running_run_says_how_far_it_is(self, runs, ana, world):
        now = world.clock.now()
        counts = {"total": 100, "processed": 34}
        change(runs[2], status="running", started_at=now, planned_at=now, total_known=True, counts=counts)
        assert "Running · 34 %" in text(page(ana.get("/t/contoso/runs/")))

    def test_a_run_older_than_thirty_days_is_listed_when_asked_for(self, runs, world):
        world.finish(runs[2])
        world.clock.advance(31 * 86400)
        ana = client_of(world.cast.ana)
        assert 'data-empty="nothing"' in page(ana.get("/t/contoso/runs/"))
        assert f"#{runs[0].pk}" in page(ana.get("/t/contoso/runs/?when=90"))


class TestBell:
    def test_a_run_that_ends_is_in_the_panel_and_on_the_page(self, ana):
        ana.post("/t/contoso/policies/sync/")
        bell = page(ana.get("/notifications/bell/"))
        assert "1 unread notification" in text(bell)
        panel = page(ana.get("/notifications/", headers=HTMX))
        assert "<html" not in panel
        assert "Synchronise inventory" in text(panel)
        assert "Synchronise inventory" in text(page(ana.get("/notifications/")))

    def test_the_bell_says_nothing_while_the_number_is_the_same(self, ana):
        assert ana.get("/notifications/bell/?v=0").status_code == 204
        ana.post("/t/contoso/policies/sync/")
        assert ana.get("/notifications/bell/?v=0").status_code == 200

    def test_mark_all_read(self, ana):
        ana.post("/t/contoso/policies/sync/")
        ana.post("/notifications/read/")
        assert not Notification.objects.filter(read=False).exists()
        assert "All are read." in text(page(ana.get("/notifications/")))

    def test_nobody_reads_what_is_for_others(self, ana, olu):
        ana.post("/t/contoso/policies/sync/")
        assert 'data-empty="nothing"' in page(olu.get("/notifications/"))


class TestDashboard:
    def test_the_first_visit_is_a_list_of_steps(self, ana):
        shown = text(page(ana.get("/t/contoso/")))
        assert "First steps" in shown
        assert "Done: Take the first backup" not in shown

    def test_what_is_running_is_live_and_says_that_no_worker_is_there(self, queued, ana):
        source = page(ana.get("/t/contoso/"))
        live = element(source, "runs")
        assert 'hx-trigger="every 5s, shown"' in live
        assert "No worker is alive" in text(source)
        there = re.search(r'hx-get="([^"]*)"', live).group(1)
        assert ana.get(there, headers=HTMX).status_code == 204
        change(queued, counts={"total": 3})
        assert "<html" not in page(ana.get(there, headers=HTMX))

    def test_without_open_runs_nothing_asks(self, world, ana):
        world.work("inventory.sync", types=["roleScopeTags"])
        assert "hx-get" not in element(page(ana.get("/t/contoso/")), "runs")

    def test_the_tiles_say_what_is_known(self, world, ana):
        world.sim.put(CATALOG, {"name": "One", "settings": []})
        world.work("inventory.sync", types=["configurationPolicies"])
        shown = text(page(ana.get("/t/contoso/")))
        assert "Policies without a version 1 of 1" in shown
        assert "Drift found Not compared yet" in shown
        capture = world.work("backup_set.capture", types=["configurationPolicies"])
        world.work("drift.generate", set=capture.context["set"])
        world.work("connection.check")
        shown = text(page(ana.get("/t/contoso/")))
        assert "Policies without a version 0 of 1" in shown
        assert "Drift found 0" in shown
        assert "First steps" not in shown
