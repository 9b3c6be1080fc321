"""What the app is allowed, against what is needed."""

from __future__ import annotations

import pytest

from tenantatlas.core.errors import ConsentMissing, SignInFailed, Unavailable
from tenantatlas.core.json import dumps
from tenantatlas.graph.values import Reply
from tenantatlas.policies.model import PolicyType, RestoreRule
from tenantatlas.tenants import permissions
from tenantatlas.tenants.models import PermissionReport, Purpose
from tenantatlas.tenants.permissions import (
    Held,
    Need,
    check_sign_in,
    compare_permissions,
    missing_in,
    missing_to_write,
    take_report,
)
from tenantatlas.tenants.queries import latest_report
from tests.factories import ConnectionFactory

READ, WRITE = "Device.Read.All", "Device.ReadWrite.All"
NAMES = ["GroupMember.Read.All", "Organization.Read.All"]


def policy_type(key="devices", **changes):
    """A policy type that needs a permission to read and one to write."""
    given = {
        "key": key,
        "label": key,
        "platforms": (),
        "path": f"/beta/{key}",
        "family": "deviceConfiguration",
        "reads": (READ, WRITE),
        "writes": (WRITE,),
        "restore": RestoreRule(order=1),
    }
    return PolicyType(**{**given, **changes})


def found(rows, need, held):
    """The permissions in that state."""
    return [row.permission for row in rows if (row.need, row.held) == (need, held)]


def test_the_least_permission_is_asked_for_and_a_wider_one_is_enough():
    rows = compare_permissions([*NAMES], [*NAMES], [policy_type()])
    assert found(rows, Need.READ, Held.MISSING) == [READ]
    assert found(rows, Need.RESTORE, Held.MISSING) == [WRITE]

    rows = compare_permissions([*NAMES, WRITE], [*NAMES, WRITE], [policy_type()])
    assert found(rows, Need.READ, Held.MISSING) == []
    assert found(rows, Need.RESTORE, Held.HAVE) == [WRITE]
    assert next(row.by for row in rows if row.permission == READ) == WRITE


def test_each_row_names_the_types_that_ask_for_it():
    rows = compare_permissions([], [], [policy_type("b"), policy_type("a", writes_also=("App.Read.All",))])

    by_permission = {row.permission: row for row in rows}
    assert by_permission[READ].types == ("a", "b")
    assert by_permission["App.Read.All"].types == ("a",)
    assert by_permission["GroupMember.Read.All"].types == ("groups",)


def test_types_that_ask_for_the_same_in_different_ways_share_a_row():
    rows = compare_permissions([READ], [], [policy_type("a"), policy_type("b", reads=(READ,))])

    assert [row.types for row in rows if row.permission == READ] == [("a", "b")]


def test_what_nothing_needs_is_too_much():
    rows = compare_permissions([*NAMES, READ, "Mail.ReadWrite"], [WRITE, "User.Read"], [policy_type()])

    assert found(rows, Need.NOTHING, Held.TOO_MUCH) == ["Mail.ReadWrite", "User.Read"]


def test_a_type_that_is_only_backed_up_asks_for_no_write():
    rows = compare_permissions([], [], [policy_type(writes=())])

    assert found(rows, Need.RESTORE, Held.MISSING) == []


class FakeClient:
    """A tenant whose app has these roles."""

    def __init__(self, tid, roles, organization=None):
        self.tid, self.roles, self.organization = tid, roles, organization

    def token_claims(self):
        return {"tid": self.tid} if self.roles is None else {"tid": self.tid, "roles": self.roles}

    def get(self, path, *, family):
        assert path.startswith("/v1.0/organization")
        assert family == "identityAndAccess"
        if isinstance(self.organization, Exception):
            raise self.organization
        return Reply(status=200, headers={}, body=dumps({"value": self.organization or []}), request_id="")


@pytest.fixture
def clients(monkeypatch):
    """The clients that the check is given, by purpose."""
    made = {}
    monkeypatch.setattr(permissions, "client_with", lambda _tenant, purpose: made[purpose])
    return made


def test_the_report_is_kept_with_the_run_and_replaced_when_repeated(cast, clients):
    clients[Purpose.READER] = FakeClient(cast.contoso.tenant_guid, NAMES, [{"displayName": "Contoso Ltd"}])

    report = take_report(cast.contoso, run_id=5)
    again = take_report(cast.contoso, run_id=5)

    assert again.pk == report.pk
    assert latest_report(cast.contoso) == report
    assert report.organization == "Contoso Ltd"
    assert "DeviceManagementConfiguration.Read.All" in missing_in(report, Need.READ)
    assert missing_in(report, Need.RESTORE)
    assert PermissionReport.all_tenants.count() == 1


def test_a_separate_writer_is_what_restoring_uses(cast, clients):
    ConnectionFactory(tenant=cast.contoso, purpose=Purpose.WRITER)
    clients[Purpose.READER] = FakeClient(cast.contoso.tenant_guid, NAMES)
    clients[Purpose.WRITER] = FakeClient(
        cast.contoso.tenant_guid.upper(), ["DeviceManagementConfiguration.ReadWrite.All"]
    )

    check_sign_in(cast.contoso)
    report = take_report(cast.contoso, run_id=5)

    assert "DeviceManagementConfiguration.Read.All" in missing_in(report, Need.READ)
    assert "DeviceManagementConfiguration.ReadWrite.All" not in missing_in(report, Need.RESTORE)


@pytest.mark.parametrize(
    ("roles", "missing"),
    [
        ([], {"devices": ("Device.ReadWrite.All",)}),
        (["Device.ReadWrite.All"], {}),
        (None, {}),
    ],
    ids=["none", "all", "not told"],
)
def test_only_what_a_token_says_is_called_missing_to_write(cast, clients, roles, missing):
    clients[Purpose.READER] = FakeClient(cast.contoso.tenant_guid, roles)

    assert missing_to_write(cast.contoso, [policy_type()]) == missing


def test_a_token_of_another_tenant_is_refused(cast, clients):
    clients[Purpose.READER] = FakeClient(cast.fabrikam.tenant_guid, NAMES)

    with pytest.raises(SignInFailed, match="another tenant"):
        check_sign_in(cast.contoso)


def test_a_name_that_may_not_be_read_does_not_spoil_the_report(cast, clients):
    clients[Purpose.READER] = FakeClient(cast.contoso.tenant_guid, NAMES, ConsentMissing())
    assert take_report(cast.contoso, run_id=5).organization == ""

    clients[Purpose.READER] = FakeClient(cast.contoso.tenant_guid, NAMES, Unavailable())
    with pytest.raises(Unavailable):
        take_report(cast.contoso, run_id=6)
