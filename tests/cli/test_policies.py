"""Inventory, backups, drift and runs, as scripts use them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tenantatlas.backups.models import BackupSet
from tenantatlas.cli import starts
from tenantatlas.core import clock
from tenantatlas.runs.dispatch import run_inline
from tenantatlas.runs.models import OperationRun
from tenantatlas.simulator.faults import Status
from tenantatlas.tenants.connections import forget_clients
from tests.simulated import CATALOG, World, simulated_world  # noqa: F401 - a fixture

TYPES = "configurationPolicies"


@pytest.fixture(autouse=True)
def _work_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are worked without the engine: the suite's database is inside a transaction."""
    monkeypatch.setattr(starts, "work_until_done", run_inline)


@pytest.fixture
def three(world: World) -> list[str]:
    return [world.catalog_policy(name) for name in ("Alpha", "Beta", "Gamma")]


@pytest.fixture
def command(tenantatlas, world: World):  # noqa: ARG001 - the tenant
    """Run a command as Otto with --json; exit code and objects."""

    def call(*arguments: str | Path) -> tuple[int, list[dict[str, Any]], str]:
        result = tenantatlas(*arguments, "--json", "--as", "otto@contoso.example")
        return result.code, [json.loads(line) for line in result.out.splitlines()], result.err

    return call


@pytest.fixture
def backup_set(command, three: list[str]) -> BackupSet:  # noqa: ARG001 - captures them
    code, (start,), err = command("backup", "-t", "contoso", "--types", TYPES, "--wait")
    assert code == 0, err
    return BackupSet.objects.get(pk=start["set"])


def test_inventory_is_synchronised_and_listed(command, three: list[str]) -> None:
    code, (start,), _ = command("inventory", "sync", "-t", "contoso", "--types", TYPES, "--wait")
    assert (code, start["outcome"], start["created"]) == (0, "succeeded", True)

    code, rows, _ = command("inventory", "list", "-t", "contoso")

    assert code == 0
    assert {row["id"] for row in rows} == set(three)
    assert {row["protection"] for row in rows} == {"Never"}


def test_a_backup_prints_one_object_with_the_set(command, three: list[str]) -> None:  # noqa: ARG001
    code, objects, _ = command("backup", "-t", "contoso", "--types", TYPES, "--name", "Nightly", "--wait")

    assert code == 0
    (start,) = objects
    assert {"run", "created", "status", "outcome", "counts", "set"} <= start.keys()
    assert (start["status"], start["outcome"], start["set_status"]) == ("completed", "succeeded", "complete")
    assert start["not_complete"] == []


def test_a_backup_that_is_not_waited_for_is_queued(command, three: list[str]) -> None:  # noqa: ARG001
    code, (start,), err = command("backup", "-t", "contoso")

    assert (code, start["status"], start["set"]) == (0, "queued", None)
    assert "No worker is alive" in err
    code, (again,), _ = command("backup", "-t", "contoso")
    assert (again["run"], again["created"]) == (start["run"], False)


def test_an_incomplete_backup_leaves_with_three_and_says_why(
    command,
    world: World,
    three: list[str],
) -> None:
    world.simulator.fault("GET", f"configurationPolicies/{three[0]}/settings", Status(500), times=0)

    code, (start,), err = command("backup", "-t", "contoso", "--types", TYPES, "--wait")

    assert (code, start["outcome"], start["set_status"]) == (3, "partially_succeeded", "incomplete")
    assert start["not_complete"][0]["status"] == "partial"
    assert "Alpha" in err


def test_a_backup_that_reads_nothing_ends_with_the_cause_and_names_it_first(
    command,
    world: World,
    three: list[str],  # noqa: ARG001 - fills the tenant
) -> None:
    world.simulator.fault("GET", "configurationPolicies", Status(500), times=0)

    code, (start,), err = command("backup", "-t", "contoso", "--types", TYPES, "--wait")

    assert (code, start["outcome"]) == (7, "failed")
    first, *_, last = [line for line in err.splitlines() if line.startswith("failed: ")]
    assert "is partial" not in first
    assert "is partial" in last


@pytest.mark.parametrize(
    "arguments",
    [
        ("backup", "-t", "contoso", "--policy", "no-such-policy"),
        ("backup", "-t", "contoso", "--types", "nonsense"),
        ("inventory", "sync", "-t", "contoso", "--types", "nonsense"),
        ("run", "inventory.sink", "-t", "contoso"),
        ("run", "inventory.sync", "-t", "contoso", "--param", "types"),
        ("run", "inventory.sync", "-t", "contoso", "--param", "=x"),
        ("run", "inventory.sync", "-t", "contoso", "--param", "types=a", "--param", "types=b"),
        ("run", "inventory.sync", "-t", "contoso", "--param", "kinds=a"),
        ("backups", "show", "first"),
    ],
)
def test_bad_input_leaves_with_two_and_starts_nothing(command, arguments: tuple[str, ...]) -> None:
    code, objects, err = command(*arguments)

    assert (code, objects) == (2, [])
    assert "hint:" in err
    assert not OperationRun.objects.exists()


def test_single_policies_are_named_in_two_ways(command, three: list[str]) -> None:
    command("inventory", "sync", "-t", "contoso", "--types", TYPES, "--wait")

    _, (one,), _ = command("backup", "-t", "contoso", "--policy", ",".join(three[:2]), "--wait")
    _, (other,), _ = command("backup", "-t", "contoso", "--policy", three[0], "--policy", three[1], "--wait")

    assert one["counts"] == other["counts"]
    assert BackupSet.objects.get(pk=other["set"]).counts["policies"] == 2


def test_sets_are_listed_shown_kept_and_deleted(command, backup_set: BackupSet) -> None:
    number = str(backup_set.pk)

    _, (listed,), _ = command("backups", "list", "-t", "contoso")
    _, (shown,), _ = command("backups", "show", number)
    _, policies, _ = command("backups", "show", number, "--policies")
    assert listed["set"] == shown["set"] == backup_set.pk
    assert shown["types"][0]["status"] == "complete"
    assert [policy["name"] for policy in policies] == ["Alpha", "Beta", "Gamma"]

    _, (kept,), _ = command("backups", "keep", number)
    assert kept["kept"] is True or BackupSet.objects.get(pk=number).kept
    assert command("backups", "delete", number)[0] == 6
    assert command("backups", "keep", number, "--release")[0] == 0
    assert command("backups", "delete", number)[0] == 0
    assert command("backups", "show", number)[0] == 5
    assert command("backups", "list")[1] == []


def test_a_stranger_finds_no_set(tenantatlas, backup_set: BackupSet) -> None:
    result = tenantatlas("backups", "show", str(backup_set.pk), "--as", "eve@fabrikam.example")
    never = tenantatlas("backups", "show", "999999", "--as", "eve@fabrikam.example")

    assert result.code == never.code == 5
    assert result.err.replace(str(backup_set.pk), "N") == never.err.replace("999999", "N")


def test_an_export_into_no_folder_is_refused_before_anything_is_started(
    command, backup_set: BackupSet, tmp_path: Path
) -> None:
    before = OperationRun.objects.count()

    code, objects, err = command(
        "backups", "export", str(backup_set.pk), "--output", tmp_path / "no" / "x.zip"
    )

    assert (code, objects) == (2, [])
    assert "There is no folder" in err
    assert OperationRun.objects.count() == before


def test_the_hint_names_the_command_that_lists_the_numbers(command, backup_set: BackupSet) -> None:
    assert backup_set
    for arguments, lists in (
        (("backups", "show", "999"), "tenantatlas backups list"),
        (("runs", "show", "999"), "tenantatlas runs list"),
        (("restore", "show", "999"), "tenantatlas restore list"),
    ):
        code, _, err = command(*arguments)
        assert (code, lists in err) == (5, True), err


def test_a_set_is_verified_and_exported(command, backup_set: BackupSet, tmp_path: Path) -> None:
    number, path = str(backup_set.pk), tmp_path / "set.zip"
    assert command("backups", "verify", number)[0] == 0

    code, (start,), _ = command("backups", "export", number, "--output", path)

    assert (code, start["file"], start["bytes"]) == (0, str(path), path.stat().st_size)
    assert "manifest.json" in zipfile.ZipFile(path).namelist()
    assert command("backups", "export", number, "--output", path)[0] == 6
    assert command("backups", "export", number, "--output", tmp_path / "none" / "set.zip")[0] == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["set.zip"]


def test_a_damaged_set_does_not_verify(command, backup_set: BackupSet, tmp_path: Path) -> None:
    entry = backup_set.entries.select_related("version__blob").first()
    type(entry.version.blob).objects.filter(pk=entry.version.blob_id).update(sealed=b"spoiled")

    assert command("backups", "verify", str(backup_set.pk))[0] == 3
    code, (start,), _ = command("backups", "export", str(backup_set.pk), "--output", tmp_path / "x.zip")

    assert (code, start["file"]) == (7, None)
    assert not list(tmp_path.iterdir())


def test_without_the_key_a_set_is_not_called_damaged(
    command, backup_set: BackupSet, settings, tmp_path: Path
) -> None:
    settings.ATLAS_KEY_FILE = tmp_path / "key"

    for arguments in (
        ("backups", "verify", str(backup_set.pk)),
        ("backup", "-t", "contoso", "--types", TYPES, "--wait"),
        ("restore", "preview", "-t", "contoso", "--set", str(backup_set.pk), "--wait"),
    ):
        forget_clients()
        code, (start,), said = command(*arguments)
        assert (code, start["outcome"]) == (7, "blocked"), said
        assert f"blocked: The key file {tmp_path / 'key'} with key " in said
        assert "hint: Put the install's key back there" in said
        assert "damaged" not in said


def test_sets_are_compared_with_each_other_and_with_live(
    command,
    world: World,
    backup_set: BackupSet,
    three: list[str],
) -> None:
    world.sim.mutate(three[1], lambda body: body.update(description="New"), collection=CATALOG)
    _, (second,), _ = command("backup", "-t", "contoso", "--types", TYPES, "--wait")

    _, (row,), _ = command("backups", "diff", str(backup_set.pk), str(second["set"]))
    assert (row["kind"], row["name"], row["changes"]) == ("changed", "Beta", ["description"])

    for arguments in (
        ("backups", "diff", str(backup_set.pk), "live"),
        ("drift", "-t", "contoso", "--set", str(backup_set.pk), "--wait"),
    ):
        code, (start,), err = command(*arguments)
        assert (code, start["findings"]["changed"]) == (0, 1)
        (finding,) = start["found"]
        assert (finding["name"], finding["differences"][0]["path"]) == ("Beta", "description"), err


def test_sets_of_two_tenants_are_not_compared(command, world: World, backup_set: BackupSet) -> None:
    fabrikam = world.cast.fabrikam
    other = BackupSet.all_tenants.create(
        tenant=backup_set.tenant, name="Other", source="cli", status="complete", created_at=world.clock.now()
    )
    BackupSet.all_tenants.filter(pk=other.pk).update(tenant=fabrikam)

    assert command("backups", "diff", str(backup_set.pk), str(other.pk))[0] == 2


def test_runs_are_listed_shown_watched_and_cancelled(command, three: list[str]) -> None:  # noqa: ARG001
    _, (start,), _ = command("run", "inventory.sync", "-t", "contoso", "--param", f"types={TYPES}")
    number = str(start["run"])

    _, (listed,), _ = command("runs", "list", "-t", "contoso", "--status", "queued")
    _, (shown,), _ = command("runs", "show", number)
    assert listed["run"] == shown["run"] == start["run"]
    assert shown["params"] == {"types": [TYPES], "foundations": True}

    code, (cancelled,), _ = command("runs", "cancel", number)
    assert (code, cancelled["outcome"]) == (0, "cancelled")
    code, (watched,), _ = command("runs", "watch", number)
    assert (code, watched["outcome"]) == (8, "cancelled")
    assert command("runs", "list", "--outcome", "succeeded")[1] == []
    assert command("runs", "show", "999999")[0] == 5


def test_failed_items_are_retried(command, world: World, three: list[str]) -> None:
    world.simulator.fault("GET", f"configurationPolicies/{three[0]}/settings", Status(500), times=0)
    _, (start,), _ = command("backup", "-t", "contoso", "--types", TYPES, "--wait")
    number = str(start["run"])
    _, items, _ = command("runs", "show", number, "--items")
    assert [item["label"] for item in items if item["state"] == "failed"] == ["Alpha"]
    world.simulator.script.clear()

    code, (again,), _ = command("runs", "retry", number, "--wait")

    assert (code, again["outcome"]) == (0, "succeeded")
    assert again["run"] != start["run"]


def test_groups_are_synchronised_and_listed(command, world: World) -> None:
    world.sim.put("/groups", {"displayName": "Sales", "securityEnabled": True})

    code, (start,), _ = command("directory", "sync", "-t", "contoso", "--wait")
    assert (code, start["outcome"]) == (0, "succeeded")

    _, rows, _ = command("directory", "list", "-t", "contoso", "--search", "sal")
    assert [row["name"] for row in rows] == ["Sales"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("inventory", "list", "-t", "contoso"), "inventory sync"),
        (("directory", "list", "-t", "contoso"), "directory sync"),
        (("backups", "list"), "tenantatlas backup"),
        (("runs", "list"), "No such run"),
    ],
)
def test_empty_lists_say_how_to_begin(tenantatlas, world: World, arguments, words: str) -> None:  # noqa: ARG001
    result = tenantatlas(*arguments, "--as", "otto@contoso.example")

    assert (result.code, result.out) == (0, "")
    assert words in result.err


def test_people_read_tables_and_sentences(
    tenantatlas,
    world: World,
    backup_set: BackupSet,
    three: list[str],
) -> None:
    world.simulator.fault("GET", f"configurationPolicies/{three[0]}/settings", Status(500), times=0)
    bad = tenantatlas("backup", "-t", "contoso", "--types", TYPES, "--wait", "--as", "otto@contoso.example")
    run = json.loads(bad.out)["run"]

    shown = tenantatlas("backups", "show", str(backup_set.pk), "--as", "otto@contoso.example")
    told = tenantatlas("runs", "show", str(run), "--as", "otto@contoso.example")
    kept = tenantatlas("backups", "keep", str(backup_set.pk), "--as", "otto@contoso.example")

    assert "completeness" in shown.out
    assert "configurationPolicies" in shown.out
    assert "Alpha" in told.out
    assert "is kept" in kept.out


def test_runs_are_filtered_as_on_the_page(command, three: list[str]) -> None:  # noqa: ARG001
    command("inventory", "sync", "-t", "contoso", "--types", "configurationPolicies")
    for options, number in (
        (("--trigger", "cli"), 1),
        (("--trigger", "schedule"), 0),
        (("--who", "otto"), 1),
        (("--who", "nobody"), 0),
        (("--subject", "catalog"), 1),
        (("--attention",), 0),
        (("--days", "1"), 1),
    ):
        code, rows, _ = command("runs", "list", "-t", "contoso", *options)
        assert (code, len(rows)) == (0, number), options


def test_runs_and_items_are_exported_for_other_programs(tenantatlas, command, three: list[str]) -> None:  # noqa: ARG001
    _, (started,), _ = command(
        "inventory", "sync", "-t", "contoso", "--types", "configurationPolicies", "--wait"
    )
    told = tenantatlas("runs", "export", "-t", "contoso", "--as", "otto@contoso.example")
    head, row = told.out.splitlines()
    assert head.startswith("run,tenant,operation,subject,status")
    assert row.startswith(f"{started['run']},contoso,inventory.sync")
    _, items, _ = command("runs", "export", str(started["run"]))
    assert [item["state"] for item in items] == ["succeeded"]


def test_history_is_imported_and_a_line_that_is_none_is_refused_by_its_number(command, tmp_path) -> None:
    file = tmp_path / "runs.jsonl"
    given = {"source": "restore_run", "tenant": "contoso", "operation": "restore.execute"}
    given["started_at"] = clock.now().isoformat()
    words = ("completed", "finished-ish", "aborted")
    file.write_text("".join(json.dumps({**given, "id": word, "status": word}) + "\n" for word in words))
    code, (report,), said = command("runs", "import", str(file))
    assert code == 3
    assert (report["imported"], [row["line"] for row in report["refused"]]) == (2, [2])
    assert "line 2: The status 'finished-ish' is not known." in said
    code, (again,), _ = command("runs", "import", str(file))
    assert (code, again["imported"], again["known_before"]) == (3, 0, 2)
    _, rows, _ = command("runs", "list", "-t", "contoso")
    assert [row["outcome"] for row in rows] == ["failed", "succeeded"]
    assert command("runs", "import", str(tmp_path / "nowhere"))[0] == 2


def test_an_object_may_be_named_with_its_tenant(command, three: list[str]) -> None:  # noqa: ARG001
    _, (start,), _ = command("backup", "-t", "contoso", "--types", TYPES, "--wait")
    number = str(start["set"])

    assert command("backups", "show", "-t", "contoso", number)[0] == 0
    code, _, err = command("backups", "show", number, "--tenant", "fabrikam")
    assert code == 5
    assert f"no backup set {number}" in err
    assert command("runs", "show", str(start["run"]), "-t", "contoso")[0] == 0
    assert command("runs", "show", str(start["run"]), "-t", "nowhere")[0] == 5
