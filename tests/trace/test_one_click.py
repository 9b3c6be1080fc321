"""One click, followed to the end: `docs/dev/one-click.md`, asserted. `make trace` prints its log lines."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from tenantatlas.audit.models import AuditEntry
from tenantatlas.audit.queries import verify_chain
from tenantatlas.config.logging import JsonLines
from tenantatlas.notifications.models import Notification
from tenantatlas.restore.models import Restore, WriteRecord
from tenantatlas.runs.models import OperationRun, RunEvent
from tests.simulated import CATALOG, World, group_target

POLICIES = 12
TYPES = ["configurationPolicies"]


class Lines(logging.Handler):
    """Log lines as the product writes them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonLines())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Lines]:
    """Every line that the product writes from now on."""
    logger, lines = logging.getLogger("tenantatlas"), Lines()
    before = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.DEBUG)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(before)


@pytest.fixture
def previewed(world: World) -> Restore:
    """Twelve policies, backed up, lost, and the restore of them previewed by Ana."""
    pilot = world.sim.put(
        "/groups", {"displayName": "Pilot", "securityEnabled": True, "mailEnabled": False, "groupTypes": []}
    )
    for number in range(POLICIES):
        world.catalog_policy(f"Policy {number:02}", assignments=[group_target(pilot)])
    backup = world.work("backup_set.capture", types=TYPES, name="Nightly")
    world.sim.clear(CATALOG)
    preview = world.work("restore.preview", set=backup.context["set"])
    return Restore.objects.get(pk=preview.context["restore"])


def test_one_click(previewed: Restore, world: World, log: Lines) -> None:
    ana = Client()
    ana.force_login(world.cast.ana)
    slug = world.tenant.slug
    seen = len(world.simulator.journal)

    # 1: the form of the review page, sent as it stands
    review = ana.get(reverse("restore_review", args=[slug, previewed.pk])).content.decode()
    action = reverse("restore_execute", args=[slug, previewed.pk])
    assert f'<form method="post" action="{action}">' in review
    plan = re.search(r'name="plan" value="([0-9a-f]{64})"', review)
    assert plan is not None
    assert plan[1] == previewed.plan_sha256
    log.lines.clear()
    answer = ana.post(action, {"plan": plan[1], "confirm": slug})

    # 2-5: asked, checked, one open run, its audit entry; the way to its page
    run = OperationRun.objects.get(operation="restore.execute")
    page, live = (reverse(name, args=[slug, run.pk]) for name in ("run_detail", "run_live"))
    assert (answer.status_code, answer.headers["Location"]) == (302, page)
    assert (run.status, run.initiator) == ("queued", world.cast.ana)
    assert AuditEntry.objects.get(subject=f"run/{run.pk}").action == "run.started:restore.execute"
    assert len(world.simulator.journal) == seen

    # 6: the page asks for news of itself while the run is open
    assert "hx-trigger" in part_of(ana.get(live).content.decode())
    assert f"#{run.pk}" in ana.get(page).content.decode()

    # 7-8: worked once, item by item
    run = world.finish(run)
    assert (run.outcome, run.counts["succeeded"]) == ("succeeded", POLICIES)
    kinds = list(RunEvent.objects.filter(run=run).order_by("id").values_list("kind", flat=True))
    assert kinds[0] == "queued"
    assert kinds[-1] == "ended"
    assert kinds.count("claimed") == 1

    # 9-12: each write journaled, sent once under the journaled id, read back, then assigned
    records = list(WriteRecord.objects.filter(restore=previewed).order_by("n"))
    came = [entry for entry in world.simulator.journal[seen:] if entry.is_write and entry.tenant]
    assert [entry.client_request_id for entry in came] == [record.client_request_id for record in records]
    assert [record.kind for record in records] == ["create"] * POLICIES + ["assign"] * POLICIES
    assert all(entry.applied and entry.tenant == world.tenant.tenant_guid for entry in came)
    assert all(item.after_digest for item in world.items(run).values())

    # 13-14: rolled up, told once, the bell counts it
    trail = AuditEntry.objects.filter(subject=f"run/{run.pk}").order_by("sequence")
    assert [entry.action for entry in trail] == ["run.started:restore.execute", "run.ended:restore.execute"]
    assert verify_chain(world.tenant.pk).intact
    notification = Notification.objects.get(user=world.cast.ana)
    assert (notification.subject, notification.url, notification.read) == (f"run/{run.pk}", page, False)
    assert "1" in re.sub(r"<[^>]+>", "", ana.get(reverse("bell")).content.decode())

    # 15: the open page shows the outcome and stops asking
    ended = part_of(ana.get(live).content.decode())
    assert "succeeded" in ended.lower()
    assert "hx-trigger" not in ended

    # One word greps the whole story.
    story = [json.loads(line) for line in log.lines]
    assert {(line.get("run"), line.get("tenant")) for line in story} == {(run.pk, slug)}
    events = [line["event"] for line in story]
    assert events[0] == "run_queued"
    assert events[-1] == "run_ended"
    assert sum(line.get("method") == "POST" for line in story) >= 2 * POLICIES
    print("\n" + "\n".join(log.lines))  # noqa: T201 - what `make trace` is for


def part_of(page: str) -> str:
    """The part of a page that is asked for again."""
    found = re.search(r'<section id="live".*?>', page, re.DOTALL)
    assert found is not None
    return found[0] + page[found.end() :]
