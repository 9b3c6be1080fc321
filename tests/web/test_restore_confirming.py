"""What confirms a restore, and enforcing conditional access afterwards."""

from __future__ import annotations

import re

from tenantatlas.audit.models import AuditEntry
from tenantatlas.backups.models import BackupSet
from tenantatlas.restore.models import Restore
from tenantatlas.runs.models import OperationRun
from tests.restore.test_plan import access_body

from .reading import element, page, text
from .wizard import (
    RESTORE,
    execute,
    finish_newest,
    leads_to,
    previewed,
    review,
)


class TestConfirmation:
    def risky(self, severity: str) -> None:
        Restore.objects.update(
            risks=[{"code": "everybody", "severity": severity, "message": "All devices gain “X”."}]
        )

    def test_nothing_to_fear_takes_the_button(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        source = page(ana.get(review(restore)))
        assert 'id="acknowledged"' not in source
        answer = ana.post(f"{RESTORE}{restore.pk}/execute/", {"plan": restore.plan_sha256})
        assert answer.status_code == 302

    def test_a_risk_takes_a_tick(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        self.risky("medium")
        source = page(ana.get(review(restore)))
        assert "All devices gain “X”." in text(source)
        assert 'id="confirm"' not in source
        refused = page(ana.post(f"{RESTORE}{restore.pk}/execute/", {"plan": restore.plan_sha256}), 400)
        leads_to(refused, "acknowledged", "Tick that you know what will happen.")
        assert execute(ana, restore).status_code == 302

    def test_a_grave_risk_takes_the_name_typed_and_says_all_that_is_missing(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        self.risky("high")
        bare = {"plan": restore.plan_sha256, "reason": "Because"}
        refused = page(ana.post(f"{RESTORE}{restore.pk}/execute/", bare), 400)
        leads_to(refused, "acknowledged", "Tick that you know")
        leads_to(refused, "confirm", "it is contoso.")
        assert 'value="Because"' in element(refused, "reason")
        assert not OperationRun.objects.filter(operation="restore.execute").exists()
        assert execute(ana, restore, confirm="Contoso").status_code == 302

    def test_in_production_it_always_takes_a_tick(self, lost, world, ana):
        world.tenant.environment = "production"
        world.tenant.save()
        restore = previewed(ana, world, lost)
        source = page(ana.get(review(restore)))
        assert 'id="acknowledged"' in source
        assert "Contoso (Production)" in text(source)

    def test_the_reason_stands_in_the_audit_trail_and_on_the_record(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        execute(ana, restore, reason="Ticket 4711")
        run = finish_newest(world)
        entry = AuditEntry.objects.get(subject=f"run/{run.pk}", action="run.started:restore.execute")
        assert entry.details["params"]["reason"] == "Ticket 4711"
        assert "Reason Ticket 4711" in text(page(ana.get(f"{RESTORE}{restore.pk}/")))

    def test_the_four_largest_risks_first_and_the_others_on_request(self, lost, world, ana):
        restore = previewed(ana, world, lost)
        risks = [{"code": "share", "severity": "medium", "message": f"Risk {n}."} for n in range(6)]
        Restore.objects.update(risks=risks)
        source = page(ana.get(review(restore)))
        assert element(source, "more-risks")
        first = source.partition('id="risks"')[2].partition("</ul>")[0]
        assert [f"Risk {n}." in first for n in range(6)] == [True] * 4 + [False] * 2


class TestEnabling:
    def test_from_the_result_to_the_enforced_policy(self, world, ana):
        collection = "/identity/conditionalAccess/policies"
        world.sim.put(collection, access_body("Block"))
        run = world.work("backup_set.capture", types=["conditionalAccess.policies"], name="Access")
        world.sim.clear(collection)
        restore = previewed(ana, world, BackupSet.objects.get(run=run))
        assert "it could lock out everybody it is for, once it is enforced." in text(
            page(ana.get(review(restore)))
        )
        execute(ana, restore)
        assert finish_newest(world).outcome == "succeeded"
        result = page(ana.get(f"{RESTORE}{restore.pk}/"))
        assert "Came back report-only" in result
        assert "Enable Block…" in text(result)
        (source_id,) = re.findall(r'name="policy" value="([^"]*)"', result)
        preview = ana.post(f"{RESTORE}{restore.pk}/enable/", {"policy": source_id}).headers["Location"]
        finish_newest(world)
        shown = text(page(ana.get(preview)))
        assert "Source" not in shown.partition("Preview (current)")[0].rpartition("Restore")[2]
        second = Restore.objects.latest("pk")
        confirmation = page(ana.get(review(second)))
        assert "it could lock out everybody it is for, from now on." in text(confirmation)
        assert element(confirmation, "confirm")
        execute(ana, second)
        assert finish_newest(world).outcome == "succeeded"
        (policy,) = world.sim.objects(collection)
        assert policy["state"] == "enabled"
        assert f"enforced by restore {second.pk}" in text(page(ana.get(f"{RESTORE}{restore.pk}/")))

    def test_a_reader_is_told_what_it_takes(self, lost, world, ana, olu):
        restore = previewed(ana, world, lost)
        execute(ana, restore)
        finish_newest(world)
        page(olu.post(f"{RESTORE}{restore.pk}/enable/", {"policy": "x"}), 403)
