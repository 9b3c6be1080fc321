"""Undoing, repeating and approving restores on the command line."""

from __future__ import annotations

from typing import Any

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
