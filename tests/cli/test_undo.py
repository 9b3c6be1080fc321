"""Undoing, repeating and approving restores on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tenantatlas.core.errors import ApprovalMissing, Conflict
from tenantatlas.tenants import services
from tests.simulated import CATALOG, World, world  # noqa: F401 - a fixture

from .test_restore import _work_here, backup_set, command, preview  # noqa: F401 - fixtures


def execute(command, shown: dict[str, Any]) -> dict[str, Any]:  # noqa: F811 - the fixture of that name
    """Execute a preview to its end."""
    plan = ("--plan", shown["plan_sha256"], "--confirm", "contoso")
    code, (result,), err = command("restore", "execute", str(shown["restore"]), *plan, "--wait")
    assert (code, result["outcome"]) == (0, "succeeded"), err
    return result


def follow(command, what: str, number: int, *more: str) -> dict[str, Any]:  # noqa: F811 - the fixture of that name
    """Preview what follows a restore."""
    code, (shown,), err = command("restore", what, str(number), *more, "--wait")
    assert code == 0, err
    return shown


def test_a_restore_is_previewed_executed_and_taken_back(command, world: World, backup_set: int) -> None:  # noqa: F811
    services.set_allow_deletes(world.tenant, actor=world.cast.otto, allowed=True)
    first = execute(command, preview(command, backup_set))

    shown = follow(command, "undo", first["restore"])
    assert (shown["kind"], shown["parent"]) == ("undo", first["restore"])
    assert (shown["counts"]["remove"], shown["counts"]["writes"]) == (1, 1)
    assert len(shown["plan_sha256"]) == 64
    assert shown["expires_at"]
    execute(command, shown)

    assert [each["name"] for each in world.sim.objects(CATALOG)] == ["Kept"]
    code, (again,), _ = command("restore", "show", str(shown["restore"]))
    assert (code, again["outcome"], again["items"][0]["action"]) == (0, "succeeded", "remove")


def test_an_undo_says_what_stays(command, backup_set: int) -> None:  # noqa: F811 - the fixture of that name
    first = execute(command, preview(command, backup_set))

    shown = follow(command, "undo", first["restore"])

    assert (shown["counts"]["cannot"], shown["counts"]["writes"]) == (1, 0)
    code, (facts,), _ = command("restore", "show", str(shown["restore"]))
    assert (code, facts["items"][0]["reasons"][0]["code"]) == (0, "deletes_off")
    assert "does not allow deletes" in facts["items"][0]["message"]


def test_a_restore_is_repeated_as_it_was_chosen(command, world: World, backup_set: int) -> None:  # noqa: F811
    first = preview(command, backup_set, "--existing", "skip", "--types", "configurationPolicies")
    execute(command, first)
    lost = next(each for each in world.sim.objects(CATALOG) if each["name"] == "Lost")
    world.sim.remove(CATALOG, lost["id"])

    shown = follow(command, "rerun", first["restore"])

    assert (shown["kind"], shown["parent"], shown["counts"]["create"]) == ("restore", first["restore"], 1)
    execute(command, shown)
    assert len(world.sim.objects(CATALOG)) == 2


def test_what_was_not_executed_is_neither_undone_nor_repeated(command, backup_set: int) -> None:  # noqa: F811
    shown = preview(command, backup_set)
    for what in ("undo", "rerun"):
        code, _, err = command("restore", what, str(shown["restore"]))
        assert code == 6
        assert "has not been executed" in err


@pytest.fixture
def ana(tenantatlas) -> Callable[..., tuple[int, list[dict[str, Any]], str]]:
    """Run a command as Ana, the second person."""

    def call(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
        result = tenantatlas(*arguments, "--json", "--as", "ana@contoso.example")
        return result.code, [json.loads(line) for line in result.out.splitlines()], result.err

    return call


def test_a_second_person_approves_the_plan_before_it_is_executed(command, ana, backup_set: int) -> None:  # noqa: F811
    code, _, err = command("tenants", "set", "contoso", "--require-approval", "yes")
    assert code == 0, err
    shown = preview(command, backup_set)
    number, plan = str(shown["restore"]), ("--plan", shown["plan_sha256"])
    execution = ("restore", "execute", number, *plan, "--confirm", "contoso", "--wait")
    code, _, err = command(*execution)
    assert (code, "nobody has approved this plan" in err) == (ApprovalMissing.exit_code, True)

    code, _, err = command("restore", "approve", number, *plan)
    assert (code, "You asked for this approval yourself" in err) == (Conflict.exit_code, True)
    code, _, err = ana("restore", "approve", number, "--plan", "0" * 64)
    assert (code, "not the plan" in err) == (Conflict.exit_code, True)
    code, (said,), err = ana("restore", "approve", number, *plan, "--reason", "Seen")
    assert code == 0, err
    assert said == {**said, "restore": shown["restore"], "approved": True, "reason": "Seen"}
    assert said["plan_sha256"] == shown["plan_sha256"]

    execute(command, shown)


def test_a_declined_plan_is_not_executed(command, ana, world: World, backup_set: int) -> None:  # noqa: F811
    services.set_require_approval(world.tenant, actor=world.cast.otto, required=True)
    shown = preview(command, backup_set)
    number, plan = str(shown["restore"]), ("--plan", shown["plan_sha256"])
    before = len(world.simulator.writes())

    code, (said,), err = ana("restore", "decline", number, *plan, "--reason", "Not on a Friday")
    assert (code, said["approved"], said["reason"]) == (0, False, "Not on a Friday"), err

    code, _, err = command("restore", "execute", number, *plan, "--confirm", "contoso", "--wait")
    assert (code, "it was declined" in err) == (ApprovalMissing.exit_code, True)
    assert len(world.simulator.writes()) == before


def test_a_no_needs_a_reason_on_the_command_line(command, ana, world: World, backup_set: int) -> None:  # noqa: F811
    services.set_require_approval(world.tenant, actor=world.cast.otto, required=True)
    shown = preview(command, backup_set)
    code, _, err = ana("restore", "decline", str(shown["restore"]), "--plan", shown["plan_sha256"])
    assert (code, "--reason" in err) == (2, True)
