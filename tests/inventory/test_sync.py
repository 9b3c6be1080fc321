"""What the inventory says after looking."""

from tenantatlas.inventory.models import Policy, Presence, ReadStatus, TypeRead
from tests.simulated import CATALOG, World


def test_policies_are_listed_to_the_last_page(world: World) -> None:
    for number in range(60):
        world.catalog_policy(f"Policy {number:03}")

    run = world.work("inventory.sync", types=["configurationPolicies"])

    assert run.outcome == "succeeded", run.failures
    assert Policy.objects.count() == 60
    assert TypeRead.objects.get().status == ReadStatus.COMPLETE


def test_a_policy_that_is_gone_is_missing_only_after_a_complete_read(world: World) -> None:
    gone = world.catalog_policy("Gone")
    world.catalog_policy("Stays")
    world.work("inventory.sync", types=["configurationPolicies"])
    world.sim.remove(CATALOG, gone)

    world.work("inventory.sync", types=["configurationPolicies"])

    policy = Policy.objects.get(graph_id=gone)
    assert policy.presence == Presence.MISSING
    assert policy.missing_since is not None
    assert Policy.objects.get(name="Stays").presence == Presence.PRESENT
