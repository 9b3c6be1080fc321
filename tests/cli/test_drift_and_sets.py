"""Findings, the baseline, and changing and importing sets, as scripts use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenantatlas.backups.models import BackupSet
from tenantatlas.cli import starts
from tenantatlas.drift.models import Finding, FindingState
from tenantatlas.inventory.models import Policy
from tenantatlas.runs.dispatch import run_inline
from tests.backups.archives import zipped
from tests.simulated import CATALOG, World, catalog_body, simulated_world  # noqa: F401 - a fixture

TYPES = "configurationPolicies"


@pytest.fixture(autouse=True)
def _work_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are worked without the engine: the suite's database is inside a transaction."""
    monkeypatch.setattr(starts, "work_until_done", run_inline)


@pytest.fixture
def command(tenantatlas, world: World):  # noqa: ARG001 - behind it
    """Run a command line as Otto; its exit code, the objects it printed, and what it said."""

    def call(*words: str | Path):
        result = tenantatlas(*words, "--json", "--as", "otto@contoso.example")
        return result.code, [json.loads(line) for line in result.out.splitlines()], result.err

    return call


@pytest.fixture
def backup_set(world: World) -> BackupSet:
    alpha = world.catalog_policy("Alpha")
    world.catalog_policy("Beta")
    run = world.work("backup_set.capture", types=[TYPES], name="Nightly")
    world.sim.mutate(alpha, lambda body: body.update(description="New"), collection=CATALOG)
    return BackupSet.objects.get(run=run)


def test_drift_of_a_set_is_as_it_was(command, backup_set: BackupSet) -> None:
    code, (start,), err = command("drift", "-t", "contoso", "--set", str(backup_set.pk), "--wait")
    assert code == 0, err
    assert start["findings"] == {"added": 0, "removed": 0, "changed": 1, "unknown": 0}
    (found,) = start["found"]
    assert {"kind", "severity", "type", "id", "name", "summary", "differences", "fingerprint"} <= found.keys()


def test_a_finding_through_its_life(command, backup_set: BackupSet) -> None:
    command("drift", "-t", "contoso", "--set", str(backup_set.pk), "--wait")
    number = str(Finding.objects.get().pk)
    assert command("drift", "acknowledge", number)[1][0]["state"] == "acknowledged"
    assert command("drift", "findings", "-t", "contoso", "--state", "new")[1] == []
    assert len(command("drift", "findings", "-t", "contoso")[1]) == 1
    code, (ignored,), _ = command("drift", "ignore", number, "--reason", "Pilot", "--until", "2026-12-31")
    assert (code, ignored["state"], ignored["reason"]) == (0, "ignored", "Pilot")
    assert command("drift", "reopen", number)[1][0]["state"] == "new"
    command("drift", "ignore", number, "--reason", "Notes", "--setting", "description")
    command("drift", "-t", "contoso", "--set", str(backup_set.pk), "--wait")
    assert Finding.objects.get().state == FindingState.RESOLVED


def test_the_baseline(command, backup_set: BackupSet) -> None:
    assert command("drift", "baseline", "-t", "contoso")[1][0]["set"] is None
    code, (start,), err = command("drift", "-t", "contoso", "--baseline", "--wait")
    assert (code, start["outcome"]) == (6, "blocked"), err
    assert "No baseline is chosen" in err
    assert (
        command("drift", "baseline", "-t", "contoso", "--set", str(backup_set.pk))[1][0]["name"] == "Nightly"
    )
    code, (start,), _ = command("drift", "-t", "contoso", "--baseline", "--wait")
    assert (code, start["set"]) == (0, backup_set.pk)


def test_two_inventories(command, world: World) -> None:
    sync = ("inventory", "sync", "-t", "contoso", "--types", TYPES, "--wait")
    compare = ("drift", "-t", "contoso", "--inventory", "--types", TYPES, "--wait")
    command(*sync)
    assert command(*compare)[0] == 6
    world.catalog_policy("Gamma")
    command(*sync)
    code, (start,), _ = command(*compare)
    assert (code, start["findings"]["added"]) == (0, 1)


@pytest.mark.parametrize(
    "words",
    [
        ("drift",),
        ("drift", "-t", "contoso"),
        ("drift", "-t", "contoso", "--set", "1", "--baseline"),
        ("drift", "findings", "-t", "contoso", "--state", "lost"),
    ],
)
def test_what_makes_no_sense_is_bad_input(command, words: tuple[str, ...]) -> None:
    code, objects, err = command(*words)
    assert (code, objects) == (2, [])
    assert "hint:" in err


def test_a_set_is_followed_and_renamed(command, backup_set: BackupSet, world: World) -> None:
    world.catalog_policy("Gamma")
    world.work("inventory.sync", types=[TYPES])
    ids = dict(Policy.objects.values_list("name", "graph_id"))
    number = str(backup_set.pk)
    code, (added,), err = command("backups", "add", number, "--policy", ids["Gamma"], "--wait")
    assert code == 0, err
    code, (removed,), err = command("backups", "remove", str(added["set"]), "--policy", ids["Beta"], "--wait")
    assert code == 0, err
    shown = command("backups", "show", str(removed["set"]))[1][0]
    assert (shown["policies"], shown["supersedes"]) == (2, added["set"])
    assert command("backups", "rename", number, "Before")[1][0]["name"] == "Before"


def test_an_archive_is_imported(command, tmp_path: Path) -> None:
    file = tmp_path / "export.zip"
    file.write_bytes(zipped(("e.json", json.dumps(catalog_body("Elsewhere")).encode()), ("x.txt", b"x")))
    code, (looked,), err = command("backups", "import", file, "-t", "contoso", "--wait")
    assert (code, looked["recognised"], looked["set"]) == (0, 1, None), err
    code, (stored,), _ = command("backups", "import", file, "-t", "contoso", "--store", "--wait")
    assert (code, BackupSet.objects.get(pk=stored["set"]).source) == (0, "import")
    file.write_bytes(b"no archive")
    code, _, err = command("backups", "import", file, "-t", "contoso", "--wait")
    assert code == 2
    assert "no zip file" in err
    assert command("backups", "import", tmp_path / "nowhere.zip", "-t", "contoso")[0] == 2


def test_a_policy_is_ignored_and_heeded(command, backup_set: BackupSet) -> None:  # noqa: ARG001
    alpha = Policy.objects.get(name="Alpha")
    command("inventory", "ignore", "-t", "contoso", "--policy", alpha.graph_id, "--reason", "Retired")
    rows = {row["name"]: row["ignored"] for row in command("inventory", "list", "-t", "contoso")[1]}
    assert rows == {"Alpha": "Retired", "Beta": ""}
    command("inventory", "ignore", "-t", "contoso", "--policy", alpha.graph_id, "--heed")
    assert Policy.objects.get(pk=alpha.pk).ignored_at is None
