"""What follows an ended restore, in the browser: taking it back, doing it again."""

from __future__ import annotations

import pytest

from tenantatlas.restore.models import Restore
from tenantatlas.tenants import services
from tests.simulated import CATALOG, World

from .reading import main, page, text
from .wizard import RESTORE, execute, finish_newest, previewed, review


@pytest.fixture
def ended(lost, world: World, ana) -> Restore:
    """A restore that made one policy and changed one."""
    services.set_allow_deletes(world.tenant, actor=world.cast.otto, allowed=True)
    restore = previewed(ana, world, lost)
    execute(ana, restore)
    assert finish_newest(world).outcome == "succeeded"
    restore.refresh_from_db()
    return restore


def detail(restore: Restore) -> str:
    return f"{RESTORE}{restore.pk}/"


def follow(world: World, ana, restore: Restore, what: str, **given: str) -> Restore:
    """Click what may follow, and let its preview end."""
    answer = ana.post(f"{detail(restore)}{what}/", given)
    run = finish_newest(world)
    assert run.outcome == "succeeded", run.failures
    found = Restore.objects.get(preview_run=run)
    assert answer.headers["Location"] == f"{detail(found)}preview/"
    return found


def test_a_restore_is_taken_back_from_its_page(ended, world: World, ana):
    assert "Undo…" in text(main(page(ana.get(detail(ended)))))
    undo = follow(world, ana, ended, "undo")
    shown = text(page(ana.get(f"{detail(undo)}preview/")))
    assert "Update 1 Remove 1" in shown
    weighed = text(main(page(ana.get(review(undo)))))
    assert "Type contoso to confirm" in weighed
    assert "Group Pilot loses “Gone”" in weighed
    assert ana.post(f"{detail(undo)}execute/", {"plan": undo.plan_sha256}).status_code == 400

    execute(ana, undo)
    run = finish_newest(world)

    assert (run.operation, run.outcome) == ("restore.undo", "succeeded")
    now = {row["name"]: row["description"] for row in world.sim.objects(CATALOG)}
    assert now == {"Changed": "By somebody", "Same": "About Same"}
    assert f"Takes restore {ended.pk} back" in text(main(page(ana.get(detail(undo)))))
    assert f"Restore {undo.pk} takes it back Succeeded" in text(main(page(ana.get(detail(ended)))))


def test_an_undo_says_what_stays_before_and_after(ended, world: World, ana):
    services.set_allow_deletes(world.tenant, actor=world.cast.otto, allowed=False)
    assert "An undo leaves the 1 policy that this restore made" in text(main(page(ana.get(detail(ended)))))
    undo = follow(world, ana, ended, "undo")
    stays = "1 policy that the restore made will stay: deleting is off for this tenant. Settings"
    assert stays in text(main(page(ana.get(f"{detail(undo)}preview/"))))
    assert stays in text(main(page(ana.get(review(undo)))))

    execute(ana, undo)
    run = finish_newest(world)

    assert (run.outcome, run.failures[0]["code"]) == ("partially_succeeded", "stays")
    assert "1 taken back and verified, 1 stays." in text(main(page(ana.get(detail(undo)))))


def test_a_restore_is_run_again_with_its_choice(ended, world: World, ana):
    again = follow(world, ana, ended, "again")
    assert (again.parent_id, again.kind, again.mapping) == (ended.pk, "restore", ended.mapping)
    assert "Unchanged 3" in text(page(ana.get(f"{detail(again)}preview/")))
    assert "There is nothing to restore" in text(page(ana.get(f"{detail(again)}preview/")))
    assert "Policies" in text(page(ana.get(f"{detail(again)}preview/")))


def test_readers_see_why_they_may_not(ended, olu):
    assert "Undo… Needs the right to preview restores: ask an owner." in text(
        main(page(olu.get(detail(ended))))
    )
    for what in ("undo", "again", "second-object"):
        assert olu.post(f"{detail(ended)}{what}/").status_code == 403
        assert Restore.objects.count() == 1


def test_a_restore_that_wrote_nothing_is_not_taken_back(lost, world: World, ana):
    restore = previewed(ana, world, lost, existing="skip")
    Restore.objects.filter(pk=restore.pk).update(status="completed", outcome="succeeded")
    assert f"Restore {restore.pk} wrote nothing" in text(main(page(ana.get(detail(restore)))))
    assert ana.post(f"{detail(restore)}undo/").status_code == 409


def test_a_blocking_check_is_shown_instead_of_a_preview(ended, world: World, ana):
    services.hold_writes(world.tenant, actor=world.cast.otto)
    answer = ana.post(f"{detail(ended)}undo/")
    draft = Restore.objects.latest("pk")
    assert answer.headers["Location"] == f"{detail(draft)}preview/"
    assert "its writes are held" in text(page(ana.get(answer.headers["Location"])))
    assert draft.preview_run is None


def test_a_second_person_approves_in_the_browser(lost, world: World, ana, otto, olu):
    otto.post("/t/contoso/settings/approval/", {"required": "yes"})
    restore = previewed(ana, world, lost)
    asked = ana.post(f"{detail(restore)}approval/")
    assert asked.headers["Location"] == review(restore)
    waiting = text(main(page(ana.get(review(restore)))))
    asks = f"{world.tenant.name} asks for a second person's approval"
    assert f"{asks}: nobody has approved this plan" in waiting
    assert "Decline" not in waiting
    assert "Ask for approval" not in waiting  # it was asked, and nobody has answered
    assert olu.post(f"{detail(restore)}decision/", {"decision": "approve"}).status_code == 403
    refused = ana.post(
        f"{detail(restore)}execute/",
        {"plan": restore.plan_sha256, "confirm": "contoso", "acknowledged": "1"},
    )
    assert "nobody has approved this plan" in text(page(refused, status=409))
    assert f"Ana asks you to approve restore {restore.pk}" in text(page(otto.get("/notifications/")))
    assert "Decline" in text(main(page(otto.get(review(restore)))))

    otto.post(f"{detail(restore)}decision/", {"decision": "approve", "plan": restore.plan_sha256})
    approved = main(page(otto.get(review(restore))))
    assert "Approved by Otto; somebody else executes it now." in text(approved)
    assert "Ask for approval" not in approved
    assert 'value="approve"' not in approved
    execute(ana, restore)

    assert finish_newest(world).outcome == "succeeded"
