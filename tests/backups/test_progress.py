"""How far a capture is: counts while lists are read, then a percentage that only grows."""

from __future__ import annotations

from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.progress import progress
from tenantatlas.runs.registry import install_crash_hook
from tests.simulated import SCRIPTS, World


def test_a_percentage_never_moves_back(world: World) -> None:
    for number in range(30):
        world.catalog_policy(f"Policy {number}")
        world.sim.put(SCRIPTS, {"displayName": f"Script {number}", "fileName": "a.ps1", "scriptContent": ""})
    run = world.start("backup_set.capture")
    seen: list[int | None] = []

    def look(_name: str) -> None:
        seen.append(progress(OperationRun.objects.get(pk=run.pk)).percent)

    install_crash_hook(look)
    try:
        done = world.finish(run)
    finally:
        install_crash_hook(None)
    known = [percent for percent in seen if percent is not None]
    assert done.outcome == "succeeded"
    assert known == sorted(known)
    assert known[-1] == 100
    assert seen[: len(seen) - len(known)] == [None] * (len(seen) - len(known))
