"""A button pressed twice: one run, and the second answer leads to it. For every start of every page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client

from tenantatlas.backups.imports import keep_upload
from tenantatlas.backups.models import Upload
from tenantatlas.core import clock
from tenantatlas.inventory.models import Policy
from tenantatlas.restore.models import Restore
from tenantatlas.runs import journal
from tenantatlas.runs.models import OperationRun
from tenantatlas.schedules.models import ScheduleSlot
from tenantatlas.tenants.services import set_allow_deletes
from tests.backups.archives import zipped
from tests.schedules.making import make_schedule
from tests.simulated import World

from .reading import page
from .wizard import TYPES, execute, finish_newest, lose_some, previewed, to_mapping

#: How often each button is pressed twice; all of them together a thousand times.
PRESSED = 40


@dataclass(frozen=True)
class Button:
    """What a form sends, and how many runs it starts."""

    url: str
    given: Callable[[], dict[str, Any]] = dict
    runs: int = 1


Preparing = Callable[[World, Client], Button]
BUTTONS: dict[str, Preparing] = {}


def button(name: str) -> Callable[[Preparing], Preparing]:
    """Name what a test presses."""

    def keep(prepare: Preparing) -> Preparing:
        BUTTONS[name] = prepare
        return prepare

    return keep


def to(where: str, **given: Any) -> Button:
    return Button(f"/t/contoso/{where}", lambda: given)


def backed_up(world: World) -> int:
    """A set of two policies, which the inventory knows too; its number."""
    for name in ("Baseline", "Second"):
        world.catalog_policy(name)
    return int(world.work("backup_set.capture", types=TYPES, name="Nightly").context["set"])


def ticked() -> list[int]:
    return list(Policy.objects.order_by("pk").values_list("pk", flat=True))


# ── Every button that starts a run ────────────────────────────────────────────────────────────────────────


@button("sync the inventory")
def _(_world: World, _otto: Client) -> Button:
    return to("policies/sync/")


@button("sync chosen types")
def _(_world: World, _otto: Client) -> Button:
    return to("policies/sync/", choose="1", type=TYPES)


@button("sync groups")
def _(_world: World, _otto: Client) -> Button:
    return to("directory/sync/")


@button("check the connection")
def _(_world: World, _otto: Client) -> Button:
    return to("connection/check/")


@button("back up everything")
def _(_world: World, _otto: Client) -> Button:
    return to("policies/backup/", name="Nightly")


@button("back up what is ticked")
def _(world: World, _otto: Client) -> Button:
    backed_up(world)
    return to("policies/backup/", scope="ticked", policy=ticked())


@button("capture one policy")
def _(world: World, _otto: Client) -> Button:
    backed_up(world)
    return to(f"policies/{ticked()[0]}/snapshot/")


@button("add policies to a set")
def _(world: World, _otto: Client) -> Button:
    return to("policies/add-to-set/", set=backed_up(world), policy=ticked())


@button("export what is ticked")
def _(world: World, _otto: Client) -> Button:
    backed_up(world)
    return to("policies/export/", policy=ticked())


@button("remove policies from a set")
def _(world: World, _otto: Client) -> Button:
    number = backed_up(world)
    return to(f"backup-sets/{number}/remove/", policy=[Policy.objects.order_by("pk")[0].graph_id])


@button("verify a set")
def _(world: World, _otto: Client) -> Button:
    return to(f"backup-sets/{backed_up(world)}/verify/")


@button("export a set")
def _(world: World, _otto: Client) -> Button:
    return to(f"backup-sets/{backed_up(world)}/export/")


@button("hand in an archive")
def _(_world: World, _otto: Client) -> Button:
    return Button(
        "/t/contoso/backup-sets/import/",
        lambda: {"file": SimpleUploadedFile("export.zip", zipped(("a.json", b"{}")))},
    )


@button("store an archive")
def _(world: World, _otto: Client) -> Button:
    upload = keep_upload(world.tenant, [zipped(("a.json", b"{}"))], name="export.zip", actor=world.cast.otto)
    return to(f"backup-sets/import/{upload.pk}/store/", name="From elsewhere")


@button("compare with a set")
def _(world: World, _otto: Client) -> Button:
    return to("drift/start/", set=backed_up(world))


@button("compare two inventories")
def _(world: World, _otto: Client) -> Button:
    for _ in range(2):
        world.work("inventory.sync", types=TYPES)
    return to("drift/start/", set="inventory")


@button("preview a restore")
def _(world: World, otto: Client) -> Button:
    mapping = to_mapping(otto, lose_some(world))
    return Button(otto.post(mapping, {"leave_out": "1"}).headers["Location"])


@button("execute a restore")
def _(world: World, otto: Client) -> Button:
    restore = previewed(otto, world, lose_some(world))
    return to(f"restore/{restore.pk}/execute/", plan=restore.plan_sha256, confirm="contoso", acknowledged="1")


def restored(world: World, otto: Client) -> Restore:
    set_allow_deletes(world.tenant, actor=world.cast.otto, allowed=True)
    restore = previewed(otto, world, lose_some(world))
    execute(otto, restore)
    assert finish_newest(world).outcome == "succeeded"
    return restore


@button("take a restore back")
def _(world: World, otto: Client) -> Button:
    return to(f"restore/{restored(world, otto).pk}/undo/")


@button("restore again")
def _(world: World, otto: Client) -> Button:
    return to(f"restore/{restored(world, otto).pk}/again/")


@button("run again")
def _(world: World, _otto: Client) -> Button:
    return to(f"runs/{world.work('inventory.sync', types=TYPES).pk}/again/")


@button("retry failed items")
def _(world: World, _otto: Client) -> Button:
    world.sim.revoke(
        ["DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"]
    )
    return to(f"runs/{world.work('inventory.sync', types=TYPES).pk}/retry/")


@button("apply retention again")
def _(world: World, _otto: Client) -> Button:
    return to(f"runs/{world.work('retention.apply').pk}/again/")


@button("apply retention now, by its schedule")
def _(world: World, _otto: Client) -> Button:
    schedule = make_schedule(world.tenant, world.cast.otto, operation="retention.apply")
    return to(f"schedules/{schedule.pk}/run/", nonce="of the form")


@button("run a schedule now")
def _(world: World, _otto: Client) -> Button:
    return to(f"schedules/{make_schedule(world.tenant, world.cast.otto).pk}/run/", nonce="of the form")


@button("retry a slot")
def _(world: World, _otto: Client) -> Button:
    schedule = make_schedule(world.tenant, world.cast.otto)
    slot = ScheduleSlot.objects.create(
        schedule=schedule, key="once", due_at=clock.now(), state="skipped", reason="missed"
    )
    return to(f"schedules/{schedule.pk}/slots/{slot.pk}/retry/", nonce="of the form")


@button("the setup's sync")
def _(_world: World, _otto: Client) -> Button:
    return Button("/t/contoso/setup/start/", lambda: {"step": "sync"}, runs=2)


# ── Pressed twice ─────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def and_back(client: Client) -> Iterator[None]:
    """Whatever is done within is as if it had not been, in the database and in the browser."""
    cookies = client.cookies.output()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    client.cookies.clear()
    client.cookies.load(cookies.replace("Set-Cookie: ", ""))


def press(otto: Client, pressed: Button) -> tuple[str, list[str]]:
    """Send the form; where it leads, and what the page there will say of it."""
    answer = otto.post(pressed.url, pressed.given())
    assert answer.status_code == 302, answer.content[:2000]
    toasts = [str(message) for message in get_messages(answer.wsgi_request)]
    return answer.headers["Location"], toasts[-pressed.runs :]


def press_twice(
    otto: Client, pressed: Button, *, between: Callable[[OperationRun], object], word: str
) -> str:
    """One run whatever happens in between, and the second answer says where it is; where that leads."""
    before = set(OperationRun.objects.values_list("pk", flat=True))
    first, toasts = press(otto, pressed)
    assert all(toast.startswith("Started: ") for toast in toasts), toasts
    started = list(OperationRun.objects.exclude(pk__in=before).order_by("pk"))
    assert len(started) == pressed.runs
    kept = (Restore.objects.count(), Upload.objects.count())
    for run in started:
        between(run)

    second, toasts = press(otto, pressed)

    assert second == first
    assert OperationRun.objects.count() == len(before) + pressed.runs
    assert (Restore.objects.count(), Upload.objects.count()) == kept
    for run, toast in zip(started, toasts, strict=True):
        assert toast.startswith(f"Already {word}: "), toast
        assert f'href="/t/contoso/runs/{run.pk}/"' in toast
    return second


def begin(run: OperationRun) -> None:
    """A worker took it in the meantime."""
    assert journal.claim_run(run.pk, dispatch=run.dispatch, worker="another")


@pytest.mark.parametrize("name", BUTTONS)
def test_pressed_twice_is_one_run_every_time(name: str, world: World, otto: Client) -> None:
    pressed = BUTTONS[name](world, otto)
    for number in range(PRESSED):
        with and_back(otto):
            taken = number % 2
            press_twice(
                otto, pressed, between=begin if taken else bool, word="running" if taken else "queued"
            )


def test_that_makes_a_thousand() -> None:
    assert len(BUTTONS) * PRESSED >= 1000


@pytest.mark.parametrize("name", BUTTONS)
def test_the_page_shows_it_with_the_way_to_the_run(name: str, world: World, otto: Client) -> None:
    pressed = BUTTONS[name](world, otto)
    leads_to = press_twice(otto, pressed, between=bool, word="queued")
    shown = page(otto.get(leads_to))
    run = OperationRun.objects.latest("pk")
    assert re.search(
        rf'Already queued: [^<]*#{run.pk}\. <a href="/t/contoso/runs/{run.pk}/">View run</a>', shown
    )
