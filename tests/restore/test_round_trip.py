"""Lose something, bring it back: the main job."""

from tests.simulated import CATALOG

from .conftest import Restoring

CATALOG_ONLY = ["configurationPolicies"]


def test_a_lost_policy_comes_back_as_it_was(restoring: Restoring) -> None:
    lost = restoring.world.catalog_policy("Lost", settings=30)
    restoring.world.catalog_policy("Kept")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.remove(CATALOG, lost)

    restore = restoring.preview(backup_set)
    assert restoring.actions(restore) == {"Lost": "create", "Kept": "unchanged"}
    run = restoring.execute(restore)

    assert run.outcome == "succeeded", run.failures
    assert restoring.digests(restoring.capture(types=CATALOG_ONLY)) == restoring.digests(backup_set)
