"""Restores on the command line, from the preview to the outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tenantatlas.cli import starts
from tenantatlas.core.ids import stable_id
from tenantatlas.restore.models import Restore
from tenantatlas.runs.dispatch import run_inline
from tenantatlas.simulator.faults import Status
from tests.restore.test_plan import access_body
from tests.simulated import CATALOG, World, group_target, world  # noqa: F401 - a fixture

TYPES = "configurationPolicies"
GROUPS = "/v1.0/groups"


@pytest.fixture(autouse=True)
def _work_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are worked without the engine: the suite's database is inside a transaction."""
    monkeypatch.setattr(starts, "work_until_done", run_inline)


def put_group(world: World, name: str, *, number: int = 1) -> str:  # noqa: F811 - the fixture of that name
    body = {"id": stable_id("group", name, number), "displayName": name, "securityEnabled": True}
    return world.sim.put(GROUPS, body)


@pytest.fixture
def command(tenantatlas, world: World):  # noqa: ARG001, F811 - connects Contoso
    """Run a command as Otto with --json; exit code, objects, what was said."""

    def call(*arguments: str | Path) -> tuple[int, list[dict[str, Any]], str]:
        result = tenantatlas(*arguments, "--json", "--as", "otto@contoso.example")
        return result.code, [json.loads(line) for line in result.out.splitlines()], result.err

    return call


@pytest.fixture
def backup_set(command, world: World) -> int:  # noqa: F811 - the fixture of that name
    """A set with an assigned policy that is gone from the tenant, and one that is there."""
    pilot = put_group(world, "Pilot")
    world.catalog_policy("Kept")
    lost = world.catalog_policy("Lost", assignments=[group_target(pilot)])
    assert command("directory", "sync", "-t", "contoso", "--wait")[0] == 0
    code, (start,), err = command("backup", "-t", "contoso", "--types", TYPES, "--wait")
    assert code == 0, err
    world.sim.remove(CATALOG, lost)
    return int(start["set"])


def preview(command, backup_set: int, *more: str | Path) -> dict[str, Any]:
    code, (start,), err = command(
        "restore", "preview", "-t", "contoso", "--set", str(backup_set), *more, "--wait"
    )
    assert code == 0, err
    return start


def execute(command, start):
    """The previewed plan, confirmed and waited for."""
    confirmed = ("--plan", start["plan_sha256"], "--confirm", "contoso", "--wait")
    return command("restore", "execute", str(start["restore"]), *confirmed)


def test_from_preview_to_outcome(command, backup_set: int) -> None:
    start = preview(command, backup_set)
    assert {"run", "created", "status", "outcome", "restore", "plan_sha256", "expires_at"} <= start.keys()
    assert (start["outcome"], len(start["plan_sha256"])) == ("succeeded", 64)
    counts = {name: start["counts"][name] for name in ("create", "unchanged", "undecided", "writes")}
    assert counts == {"create": 1, "unchanged": 1, "undecided": 0, "writes": 2}
    number = str(start["restore"])

    code, writes, _ = command("restore", "plan", number)
    assert code == 0
    assert [(write["n"], write["method"]) for write in writes] == [(1, "POST"), (2, "POST")]
    assert writes[0]["body"]["name"] == "Lost"

    code, (done,), err = command(
        "restore", "execute", number, "--plan", start["plan_sha256"], "--confirm", "contoso", "--wait"
    )
    assert (code, done["outcome"], done["restore"]) == (0, "succeeded", start["restore"]), err

    code, (shown,), _ = command("restore", "show", number)
    assert shown["status"] == "completed"
    states = {item["name"]: (item["action"], item["state"]) for item in shown["items"]}
    assert states == {"Lost": ("create", "succeeded"), "Kept": ("unchanged", "skipped")}
    again = preview(command, backup_set)
    assert again["counts"]["writes"] == 0


def test_people_read_tables(tenantatlas, command, backup_set: int) -> None:
    start = preview(command, backup_set)
    number = str(start["restore"])
    otto = ("--as", "otto@contoso.example")

    plan = tenantatlas("restore", "plan", number, *otto)
    shown = tenantatlas("restore", "show", number, *otto)
    mapping = tenantatlas("restore", "mapping", number, *otto)

    assert "METHOD" in plan.out
    assert "/assign" in plan.out
    assert "Lost" in shown.out
    assert json.loads(mapping.out)["version"] == 1


def test_a_group_that_is_gone_is_decided_in_a_file(
    command,
    world: World,  # noqa: F811 - the fixture of that name
    backup_set: int,
    tmp_path: Path,
) -> None:
    gone = stable_id("group", "Pilot", 1)
    world.sim.remove(GROUPS, gone)
    new = [put_group(world, "Pilot", number=number) for number in (2, 3)]
    assert command("directory", "sync", "-t", "contoso", "--wait")[0] == 0
    start = preview(command, backup_set)
    number = str(start["restore"])
    assert (start["counts"]["undecided"], start["counts"]["writes"]) == (1, 0)
    code, _, err = command(
        "restore", "execute", number, "--plan", start["plan_sha256"], "--confirm", "contoso", "--wait"
    )
    assert (code, "needs a decision" in err) == (6, True)

    code, (mapping,), _ = command("restore", "mapping", number)
    asked = mapping["groups"][gone]
    assert (code, asked["name"], asked["action"], asked["target"]) == (0, "Pilot", None, None)
    assert sorted(row["id"] for row in asked["candidates"]) == sorted(new)
    asked |= {"action": "map", "target": new[0]}
    file = tmp_path / "mapping.json"
    file.write_text(json.dumps(mapping))

    start = preview(command, backup_set, "--mapping", file)
    code, (done,), err = execute(command, start)
    assert (code, done["outcome"]) == (0, "succeeded"), err
    made = next(row for row in world.sim.objects(CATALOG) if row["name"] == "Lost")
    assert [row["target"]["groupId"] for row in made["assignments"]] == [new[0]]


def test_open_decisions_hold_only_what_needs_them(
    command,
    world: World,  # noqa: F811 - the fixture of that name
    backup_set: int,
) -> None:
    world.sim.remove(GROUPS, stable_id("group", "Pilot", 1))
    world.sim.mutate(
        stable_id("catalog", "Kept"), lambda body: body.update(description="Accident"), collection=CATALOG
    )
    start = preview(command, backup_set)

    code, (done,), _ = execute(command, start)

    assert (code, done["outcome"]) == (3, "partially_succeeded")
    assert (done["counts"]["needs_decision"], done["counts"]["succeeded"]) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--set", "999999"), 5, "no backup set"),
        (("--policy", "nobody"), 2, "nobody"),
        (("--types", "nothing"), 2, "nothing"),
        (("--types", ""), 2, "leave the option out"),
        (("--types", "configurationPolicies", "--policy", "nobody"), 2, "of these types"),
        (("--version", "999999"), 2, "version"),
        (("--existing", "destroy"), 2, "destroy"),
        (("--mapping", "no-such-file"), 2, "cannot be read"),
    ],
)
def test_bad_input_is_said(
    command, backup_set: int, arguments: tuple[str, ...], code: int, words: str
) -> None:
    given = arguments if arguments[0] == "--set" else ("--set", str(backup_set), *arguments)

    said = command("restore", "preview", "-t", "contoso", *given, "--wait")

    assert (said[0], said[1]) == (code, [])
    assert words in said[2]
    assert not Restore.objects.exists()


def test_a_malformed_mapping_is_refused(command, backup_set: int, tmp_path: Path) -> None:
    file = tmp_path / "mapping.json"
    file.write_text('{"version": 1, "gruops": {}}')

    code, objects, err = command(
        "restore", "preview", "-t", "contoso", "--set", str(backup_set), "--mapping", file, "--wait"
    )

    assert (code, objects) == (2, [])
    assert "gruops" in err


@pytest.mark.parametrize(
    ("plan", "confirm", "code", "words"),
    [
        ("0" * 64, "contoso", 6, "not the plan"),
        ("nonsense", "contoso", 2, "64 hexadecimal"),
        ("", "fabrikam", 2, "contoso"),
    ],
)
def test_other_plans_are_refused(
    command, backup_set: int, plan: str, confirm: str, code: int, words: str
) -> None:
    start = preview(command, backup_set)

    said = command(
        "restore",
        "execute",
        str(start["restore"]),
        "--plan",
        plan or start["plan_sha256"],
        "--confirm",
        confirm,
    )

    assert (said[0], words in said[2]) == (code, True), said[2]


def test_strangers_find_no_restore(tenantatlas, command, backup_set: int) -> None:
    start = preview(command, backup_set)

    for verb in ("plan", "mapping", "show"):
        said = tenantatlas("restore", verb, str(start["restore"]), "--as", "eve@fabrikam.example")
        assert said.code == 5
    assert tenantatlas("restore", "show", "999999", "--as", "otto@contoso.example").code == 5


def test_a_preview_that_fails_says_so(command, world: World, backup_set: int) -> None:  # noqa: F811
    world.simulator.fault("GET", r"configurationPolicies(\?|$)", Status(500), times=0)

    code, (start,), err = command("restore", "preview", "-t", "contoso", "--set", str(backup_set), "--wait")

    assert (code, start["outcome"], start["plan_sha256"]) == (7, "failed", "")
    assert "Microsoft Graph answered 500" in err


def test_checks_are_made_again_and_printed(command, backup_set: int) -> None:
    number = str(preview(command, backup_set)["restore"])

    code, checks, _ = command("restore", "check", number)

    assert code == 0
    assert {"code", "level", "message", "hint"} == checks[0].keys()
    assert ("damaged", "safe") in {(check["code"], check["level"]) for check in checks}


def test_what_may_do_harm_is_said_before_the_execution(
    command,
    world: World,  # noqa: F811 - the fixture of that name
    backup_set: int,
) -> None:
    everybody = {"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}
    kept = stable_id("catalog", "Kept")
    world.sim.mutate(kept, lambda body: body.update(assignments=[everybody]), collection=CATALOG)

    code, (start,), err = command(
        "restore", "preview", "-t", "contoso", "--set", str(backup_set), "--policy", kept, "--wait"
    )

    assert code == 0
    assert [risk["code"] for risk in start["risks"]] == ["unassigned"]
    assert "risk (medium): Assignments are removed: somebody loses “Kept”." in err
    assert "warning: What the app is allowed has never been checked." in err
    (row,) = start["impact"]["rows"]
    assert (row["kind"], row["loses"]["names"]) == ("all devices", ["Kept"])


def test_every_option_of_the_wizard_is_here(
    command,
    world: World,  # noqa: F811 - the fixture of that name
    backup_set: int,
) -> None:
    kept = stable_id("catalog", "Kept")
    world.sim.mutate(kept, lambda body: body.update(description="Mine"), collection=CATALOG)
    ways = ("--existing-for", f"{TYPES}=copy", "--copy-suffix", " (old)", "--assignments", "none")

    start = preview(command, backup_set, *ways)

    code, writes, _ = command("restore", "plan", str(start["restore"]))
    assert code == 0
    assert sorted(write["body"]["name"] for write in writes) == ["Kept (old)", "Lost"]
    said = command("restore", "preview", "-t", "contoso", "--set", str(backup_set), "--existing-for", TYPES)
    assert (said[0], "TYPE=WAY" in said[2]) == (2, True)


def test_a_reason_is_kept(command, backup_set: int) -> None:
    start = preview(command, backup_set)
    number = str(start["restore"])
    confirmed = ("--plan", start["plan_sha256"], "--confirm", "contoso", "--reason", "Ticket 4711")

    code, _, err = command("restore", "execute", number, *confirmed, "--wait")

    assert code == 0, err
    _, (shown,), _ = command("restore", "show", number)
    assert (shown["reason"], shown["tenant"], shown["outcome"]) == ("Ticket 4711", "Contoso", "succeeded")
    _, (listed,), _ = command("restore", "list", "-t", "contoso")
    assert (listed["restore"], listed["word"]) == (int(number), "succeeded")


def test_conditional_access_is_enabled_by_a_plan_of_its_own(command, world: World) -> None:  # noqa: F811
    collection = "/identity/conditionalAccess/policies"
    world.sim.put(collection, access_body("Block"))
    code, (start,), err = command(
        "backup", "-t", "contoso", "--types", "conditionalAccess.policies", "--wait"
    )
    assert code == 0, err
    world.sim.clear(collection)
    restored = preview(command, int(start["set"]))
    number = str(restored["restore"])
    arguments = ("restore", "execute", number, "--plan", restored["plan_sha256"], "--confirm", "contoso")
    assert command(*arguments, "--wait")[0] == 0
    (policy,) = world.sim.objects(collection)

    code, (enabling,), err = command("restore", "enable", number, "--policy", policy["id"], "--wait")

    assert code == 0, err
    assert (enabling["kind"], enabling["parent"], enabling["counts"]["writes"]) == ("enable", int(number), 1)
    code, (write,), _ = command("restore", "plan", str(enabling["restore"]))
    assert (write["method"], write["body"]) == ("PATCH", {"state": "enabled"})
    confirmed = ("--plan", enabling["plan_sha256"], "--confirm", "contoso", "--wait")
    code, (done,), err = command("restore", "execute", str(enabling["restore"]), *confirmed)
    assert (code, done["outcome"]) == (0, "succeeded"), err
    assert [row["state"] for row in world.sim.objects(collection)] == ["enabled"]
    assert command("restore", "enable", number, "--policy", "somebody")[0] == 2


def test_a_policy_made_since_the_preview_ends_in_a_conflict(command, backup_set: int, world: World) -> None:  # noqa: F811
    start = preview(command, backup_set)
    world.catalog_policy("Lost")

    code, (done,), err = execute(command, start)

    assert (code, done["outcome"]) == (6, "failed"), err
    assert "since the preview" in err


@pytest.mark.usefixtures("terminal")
def test_a_person_is_told_how_to_execute_what_was_previewed(tenantatlas, backup_set: int) -> None:
    otto = ("--as", "otto@contoso.example")
    result = tenantatlas("restore", "preview", "-t", "contoso", "--set", str(backup_set), "--wait", *otto)

    restore = Restore.all_tenants.get()
    numbers, command = result.out.splitlines()
    assert numbers == f"Restore {restore.pk}: 1 create, 1 unchanged."
    assert command == (
        f"Execute with: tenantatlas restore execute {restore.pk} --plan {restore.plan_sha256} "
        "--confirm contoso"
    )


def test_the_plan_shows_its_hash_and_what_it_leaves_out(
    tenantatlas,
    command,
    world: World,  # noqa: F811 - the fixture of that name
    backup_set: int,
) -> None:
    world.sim.remove(GROUPS, stable_id("group", "Pilot", 1))
    assert command("directory", "sync", "-t", "contoso", "--wait")[0] == 0
    start = preview(command, backup_set)

    result = tenantatlas("restore", "plan", str(start["restore"]), "--as", "otto@contoso.example")

    assert result.out.startswith(f"Plan {start['plan_sha256']}\n")
    (left_out,) = [line for line in result.out.splitlines() if "undecided" in line]
    assert "Lost" in left_out
    assert "Pilot" in left_out
    assert command("restore", "plan", str(start["restore"]))[1] == []


def test_what_stays_as_it_is_is_shown_on_request(tenantatlas, command, backup_set: int) -> None:
    arguments = (
        "restore",
        "show",
        str(preview(command, backup_set)["restore"]),
        "--as",
        "otto@contoso.example",
    )

    few, every = tenantatlas(*arguments), tenantatlas(*arguments, "--all")

    assert ("Kept" in few.out, "Kept" in every.out) == (False, True)
    assert "1 unchanged are not listed" in few.err
    assert "{" not in few.out
