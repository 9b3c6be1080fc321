"""The run that checks a connection, against a simulated tenant."""

from __future__ import annotations

import pytest

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.policies.permissions import lookups
from tenantatlas.policies.registry import all_types
from tenantatlas.runs.lifecycle import ItemState, Outcome
from tenantatlas.runs.registry import get_operation
from tenantatlas.simulator.permissions import READER, WRITER
from tenantatlas.tenants import services
from tenantatlas.tenants.credentials import client_secret
from tenantatlas.tenants.models import PermissionReport
from tenantatlas.tenants.permissions import Need, missing_in
from tenantatlas.tenants.queries import latest_report
from tests.simulated import world  # noqa: F401 - a fixture

READ = "DeviceManagementConfiguration.Read.All"
WRITE = "DeviceManagementConfiguration.ReadWrite.All"


def needed():
    """Everything that the product can use."""
    names = {"GroupMember.Read.All", "Organization.Read.All"}
    for policy_type in all_types():
        names |= {policy_type.reads[0], *policy_type.writes[:1], *policy_type.writes_also}
        names |= {any_of[0] for any_of in lookups(policy_type)}
    return names


@pytest.fixture
def granted(world):  # noqa: F811 - the fixture of that name
    """Contoso's app has exactly these permissions."""

    def set_permissions(names):
        world.sim.revoke(READER | WRITER)
        world.sim.grant(names)
        return world

    return set_permissions


def test_an_app_that_has_everything_succeeds(granted):
    here = granted(needed())

    run = here.work("connection.check")

    assert run.outcome == Outcome.SUCCEEDED
    report = latest_report(here.tenant)
    assert report.run_id == run.pk
    assert missing_in(report, Need.READ) == ()
    assert missing_in(report, Need.RESTORE) == ()
    assert {item.state for item in here.items(run).values()} == {ItemState.SUCCEEDED}


def test_a_missing_permission_to_read_is_named_and_the_run_is_not_a_success(granted):
    here = granted(needed() - {READ, WRITE})

    run = here.work("connection.check")

    assert run.outcome == Outcome.PARTIALLY_SUCCEEDED
    item = here.items(run)["read"]
    assert (item.state, item.reason) == (ItemState.FAILED, "consent")
    assert READ in item.message
    assert item.hint


def test_an_app_that_only_backs_up_lacks_nothing_it_needs(granted):
    here = granted({name for name in needed() if ".ReadWrite." not in name} | {"Mail.Read"})

    run = here.work("connection.check")

    items = here.items(run)
    assert run.outcome == Outcome.SUCCEEDED
    assert items["read"].state == ItemState.SUCCEEDED
    assert items["restore"].state == ItemState.SKIPPED
    assert WRITE in items["restore"].message
    assert [row["permission"] for row in latest_report(here.tenant).rows if row["state"] == "too much"] == [
        "Mail.Read"
    ]


def test_a_wrong_secret_blocks_the_run(world):  # noqa: F811 - the fixture of that name
    services.update_credential(world.tenant, actor=world.cast.otto, credential=client_secret("wrong-secret"))

    run = world.work("connection.check")

    assert run.outcome == Outcome.BLOCKED
    assert run.failures[0]["code"] == "sign_in"
    assert "wrong-secret" not in str(run.failures)
    assert not PermissionReport.all_tenants.exists()


def test_operators_may_check():
    assert get_operation("connection.check").needs == Capability.CONNECTION_CHECK
