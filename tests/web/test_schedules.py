"""The pages of schedules: the editor tells what a cadence comes to; commands are buttons that say why not."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tenantatlas.core import clock
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import cancel_run
from tenantatlas.schedules import services
from tenantatlas.schedules.models import Follower, Schedule
from tests.schedules.making import DAY, make_schedule, newest_run, tick
from tests.simulated import World

LIST = "/t/contoso/schedules/"
FORM = {
    "name": "Nightly",
    "kind": "daily",
    "at": "02:30",
    "zone": "Europe/Berlin",
    "missed": "run_once",
    "told": "problems",
    "keep_last": "14",
    "param-types": ["configurationPolicies", "assignmentFilters"],
}


@pytest.fixture
def nightly(world: World) -> Schedule:
    return make_schedule(world.tenant, world.cast.otto)


def place(schedule: Schedule, verb: str = "") -> str:
    return f"{LIST}{schedule.pk}/{verb}"


def text(answer) -> str:
    """What a page says, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_an_empty_list_says_what_it_is_for(otto: Client, ana: Client):
    assert "New schedule" in text(otto.get(LIST))
    assert "needs the right to manage schedules: ask an owner" in text(ana.get(LIST))


def test_the_editor_makes_a_schedule(otto: Client, world: World):
    page = otto.get(f"{LIST}new/")
    assert "Every day at 02:00 UTC" in text(page)
    answer = otto.post(f"{LIST}new/", FORM)
    schedule = Schedule.objects.get()
    assert answer.headers["Location"] == place(schedule)
    assert (schedule.owner, schedule.keep_last, schedule.owner_told) == (world.cast.otto, 14, "problems")
    assert schedule.params["types"] == ["assignmentFilters", "configurationPolicies"]
    page = text(otto.get(place(schedule)))
    assert "Every day at 02:30 Europe/Berlin" in page
    assert "Tue 24 Nov 2026, 02:30 Europe/Berlin" in page
    assert "02:30 does not exist, so it runs once, at 03:00" in page
    assert "The last 14 complete sets" in page
    assert "It has not been due yet" in page


def test_all_problems_are_listed_each_at_its_field(otto: Client):
    wrong = {
        "name": " ",
        "kind": "weekly",
        "at": "02:00",
        "zone": "UTC",
        "keep_last": "many",
        "param-policies": "x",
    }
    answer = otto.post(f"{LIST}new/", wrong)
    page = answer.content.decode()
    assert answer.status_code == 200
    for field in ("name", "weekdays", "keep_last"):
        assert f'href="#{field}"' in page
        assert f'id="{field}"' in page
    assert not Schedule.objects.exists()


def test_what_the_service_refuses_is_shown_in_the_form(otto: Client, nightly: Schedule):
    page = text(otto.post(f"{LIST}new/", {**FORM, "name": "NIGHTLY"}))
    assert "There is a schedule called NIGHTLY already" in page
    assert Schedule.objects.get() == nightly


def test_the_next_times_show_as_one_types_and_without_scripts(otto: Client):
    asked = {"kind": "cron", "cron": "0 7 * * mon", "zone": "Asia/Tokyo"}
    part = otto.get(f"{LIST}next/", asked, headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    said = text(part)
    assert "By cron 0 7 * * mon Asia/Tokyo" in said
    assert "Mon 30 Nov 2026, 07:00 Sun 29 Nov 2026, 22:00 in 6 d" in said
    assert len(re.findall("07:00", said)) == 5
    assert "Clocks in Asia/Tokyo do not change" in said
    assert "<html" in otto.get(f"{LIST}next/", asked).content.decode()
    assert "five fields" in text(otto.get(f"{LIST}next/", {**asked, "cron": "0 7"}))
    page = text(otto.post(f"{LIST}new/", {**FORM, "at": "04:45", "preview": "1"}))
    assert "Every day at 04:45 Europe/Berlin" in page
    assert not Schedule.objects.exists()


def test_the_editor_is_filled_in_and_changes_what_is_there(otto: Client, world: World):
    schedule = make_schedule(
        world.tenant,
        world.cast.otto,
        operation="backup_set.capture",
        params={"types": ["configurationPolicies"], "name": "Night"},
    )
    page = otto.get(place(schedule, "edit/")).content.decode()
    assert re.search(r'value="configurationPolicies" checked', page)
    assert 'value="Night"' in page
    otto.post(place(schedule, "edit/"), {**FORM, "name": "Other", "param-name": "Day"})
    schedule.refresh_from_db()
    assert (schedule.name, schedule.params["name"]) == ("Other", "Day")
    assert f"{schedule.at:%H:%M}" == "02:30"


def test_an_operation_without_parameters_or_sets_asks_for_none(otto: Client):
    page = otto.get(f"{LIST}new/?operation=connection.check").content.decode()
    assert "Complete backup sets to keep" not in page
    assert "param-" not in page


def test_run_now_is_one_run_for_one_form(ana: Client, nightly: Schedule):
    page = ana.get(place(nightly)).content.decode()
    (nonce,) = set(re.findall(r'name="nonce" value="([^"]+)"', page))
    first = ana.post(place(nightly, "run/"), {"nonce": nonce})
    second = ana.post(place(nightly, "run/"), {"nonce": nonce})
    assert first.headers["Location"] == second.headers["Location"]
    assert OperationRun.objects.count() == 1
    assert "Already queued" in text(ana.get(second.headers["Location"]))
    ana.post(place(nightly, "run/"), {"nonce": "another page"})
    assert OperationRun.objects.count() == 2


def test_it_is_paused_and_resumed_by_a_button_beside_its_state(otto: Client, nightly: Schedule):
    assert "On Pause : Nightly" in text(otto.get(LIST))
    answer = otto.post(place(nightly, "switch/"), {"from": "list"})
    assert answer.headers["Location"] == LIST
    assert "Paused Resume : Nightly" in text(otto.get(LIST))
    assert "· Paused" in text(otto.get(place(nightly)))
    assert otto.post(place(nightly, "switch/")).headers["Location"] == place(nightly)
    assert Schedule.objects.get().is_on
    assert "· On" in text(otto.get(place(nightly)))


def test_what_is_asked_for_by_hand_is_in_its_history(ana: Client, world: World, nightly: Schedule):
    ana.post(place(nightly, "run/"), {"nonce": "1"})
    run = world.finish(newest_run())
    page = text(ana.get(place(nightly)))
    assert run.subject == "Nightly (check permissions), asked for now"
    assert f"Asked for by hand Run #{run.pk} Succeeded" in page
    assert f"Last outcome Succeeded run #{run.pk}" in page


def test_what_it_works_on_is_said_by_name(otto: Client, world: World):
    alpha = world.catalog_policy("Alpha")
    world.work("inventory.sync", types=["configurationPolicies"])
    capture = "backup_set.capture"
    whole = make_schedule(world.tenant, world.cast.otto, operation=capture)
    page = text(otto.get(place(whole)))
    assert "What All policies" in page
    assert "How often At least every 24 hours" in page
    chosen = make_schedule(
        world.tenant, world.cast.otto, name="Some", operation=capture, params={"policies": [alpha]}
    )
    assert "What Alpha" in text(otto.get(place(chosen)))


def test_archive_restore_duplicate_delete(otto: Client, nightly: Schedule):
    otto.post(place(nightly, "archive/"))
    assert "Restore from archive" in text(otto.get(place(nightly)))
    assert "Nightly" not in text(otto.get(f"{LIST}?state=on"))
    assert "Nightly" in text(otto.get(f"{LIST}?state=archived"))
    otto.post(place(nightly, "archive/"))
    answer = otto.post(place(nightly, "duplicate/"))
    copy = Schedule.objects.get(name="Copy of Nightly")
    assert answer.headers["Location"] == place(copy, "edit/")
    otto.post(place(nightly, "delete/"))
    assert list(Schedule.objects.all()) == [copy]


@pytest.mark.usefixtures("nightly")
def test_filters_are_in_the_address(otto: Client, world: World):
    services.pause_schedule(
        make_schedule(world.tenant, world.cast.otto, name="Directory", operation="directory_groups.sync"),
        actor=world.cast.otto,
    )
    assert "Directory" not in text(otto.get(f"{LIST}?q=night"))
    assert "Nightly" not in text(otto.get(f"{LIST}?operation=directory_groups.sync"))
    assert "Directory" in text(otto.get(f"{LIST}?state=paused"))
    assert "No schedule matches" in text(otto.get(f"{LIST}?q=nothing"))
    assert "not known here" in text(otto.get(f"{LIST}?state=asleep"))
    exported = otto.get(f"{LIST}?export=json&operation=connection.check").getvalue().decode()
    assert '"name":"Nightly"' in exported
    assert "Directory" not in exported


def test_a_reader_sees_the_commands_disabled_with_the_reason(olu: Client, nightly: Schedule):
    page = olu.get(place(nightly)).content.decode()
    for label in ("Run now", "Edit…", "Duplicate", "Archive", "Delete schedule…"):
        assert re.search(rf'<button type="[a-z]+"[^>]* disabled>{label}</button>', page), label
    assert "Needs the right to manage schedules: ask an owner." in page
    assert "Needs the right to run schedules at once: ask an owner." in page


def test_a_member_follows_and_stops(olu: Client, world: World, nightly: Schedule):
    olu.post(place(nightly, "follow/"), {"told": "problems"})
    assert Follower.objects.get().user == world.cast.olu
    assert "olu@contoso.example: only problems" in text(olu.get(place(nightly)))
    olu.post(place(nightly, "follow/"), {"told": "never"})
    assert not Follower.objects.exists()


def test_another_manager_takes_it_over(otto: Client, world: World):
    world.cast.ana.memberships.update(role="manager")
    schedule = make_schedule(world.tenant, world.cast.ana)
    assert "Take over" in text(otto.get(place(schedule)))
    otto.post(place(schedule, "take-over/"))
    schedule.refresh_from_db()
    assert schedule.owner == world.cast.otto


def test_the_history_says_why_and_offers_it_again(ana: Client, world: World, nightly: Schedule):
    tick(clock.now() + DAY)
    busy = newest_run()
    tick(clock.now() + 2 * DAY)
    page = text(ana.get(place(nightly)))
    assert "The run before was still at work" in page
    assert f"#{busy.pk}" in page
    assert "Started" not in text(ana.get(f"{place(nightly)}?slots=skipped")).split("UTC What became")[1]
    cancel_run(busy, actor=world.cast.otto)
    slot = nightly.slots.get(state="skipped")
    answer = ana.post(place(nightly, f"slots/{slot.pk}/retry/"), {"nonce": "1"})
    assert newest_run().operation == "backup_schedule.retry"
    assert answer.headers["Location"] == f"/t/contoso/runs/{newest_run().pk}/"


def test_an_overdue_backup_shows_while_nobody_works(olu: Client, world: World):
    schedule = make_schedule(world.tenant, world.cast.otto, operation="backup_set.capture")
    assert "overdue" not in text(olu.get(LIST))
    Schedule.objects.update(created_at=clock.now() - 2 * DAY)
    assert "Backup overdue" in text(olu.get(LIST))
    assert "No good backup yet, though one is due every 24 hours." in text(olu.get(place(schedule)))


def test_a_schedules_run_is_found_under_its_name(otto: Client, nightly: Schedule):
    tick(clock.now() + DAY)
    services.run_now(nightly, actor=nightly.owner, trigger=Trigger.PERSON, nonce="1")
    page = text(otto.get("/t/contoso/runs/?operation=backup_schedule.run"))
    assert "Nightly, due 2026-11-24 02:00 UTC" in page
    assert otto.get(f"/t/contoso/runs/{newest_run().pk}/").status_code == 200


def test_the_dashboard_says_what_comes_next_and_what_is_overdue(olu: Client, world: World):
    assert "Nothing runs by itself" in text(olu.get("/t/contoso/"))
    make_schedule(world.tenant, world.cast.otto, zone="Europe/Berlin", operation="backup_set.capture")
    page = text(olu.get("/t/contoso/"))
    assert "Nightly in 17 h Tue 24 Nov 2026, 02:00 Europe/Berlin, Tue 24 Nov 2026, 01:00 UTC" in page
    assert "No good backup yet" not in page
    Schedule.objects.update(created_at=clock.now() - 2 * DAY)
    assert "No good backup yet, though one is due every" in text(olu.get("/t/contoso/"))
