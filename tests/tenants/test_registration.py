"""What an admin copies to register our apps."""

from __future__ import annotations

import pytest

from tenantatlas.policies.registry import all_types
from tenantatlas.tenants.models import Purpose, Tenant
from tenantatlas.tenants.registration import permissions_for, registration

GUID = "c0ffee00-0000-4000-8000-000000000001"
APP = "c0ffee00-0000-4000-8000-0000000000aa"
HERE = "https://atlas.example/delegated/callback/"
#: What no app of ours is ever to have.
NEVER = {
    "Directory.ReadWrite.All",
    "RoleManagement.ReadWrite.Directory",
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "DeviceManagementManagedDevices.PrivilegedOperations.All",
}


def names(purpose: Purpose) -> set[str]:
    return {row.permission for row in permissions_for(purpose)}


def test_the_reader_only_reads() -> None:
    assert all(".ReadWrite." not in name for name in names(Purpose.READER))
    for policy_type in all_types():
        assert names(Purpose.READER) & set(policy_type.reads), policy_type.key


def test_the_writer_can_restore_every_type_and_read_it_back() -> None:
    for policy_type in all_types():
        assert not policy_type.writes or names(Purpose.WRITER) & set(policy_type.writes), policy_type.key
        assert set(policy_type.writes_also) <= names(Purpose.WRITER), policy_type.key


def test_one_app_for_everything_has_what_both_have() -> None:
    both = {row.permission for row in permissions_for(Purpose.READER, restores=True)}
    assert names(Purpose.WRITER) <= both
    assert not both & NEVER
    for policy_type in all_types():
        assert not policy_type.writes or both & set(policy_type.writes), policy_type.key


@pytest.mark.parametrize("purpose", list(Purpose))
def test_what_is_too_much_is_never_asked_for(purpose: Purpose) -> None:
    assert not names(purpose) & NEVER


@pytest.mark.parametrize(
    ("cloud", "login", "az", "powershell"),
    [
        ("global", "login.microsoftonline.com", "AzureCloud", "Global"),
        ("usgov", "login.microsoftonline.us", "AzureUSGovernment", "USGov"),
        ("usgov-dod", "login.microsoftonline.us", "AzureUSGovernment", "USGovDoD"),
        ("china", "login.partner.microsoftonline.cn", "AzureChinaCloud", "China"),
    ],
)
def test_each_cloud_has_its_own_addresses(cloud: str, login: str, az: str, powershell: str) -> None:
    tenant = Tenant(slug="contoso", tenant_guid=GUID, cloud=cloud)
    how = registration(tenant, Purpose.READER, client_id=APP, redirect_uri=HERE)
    assert how.consent == f"https://{login}/{GUID}/adminconsent?client_id={APP}"
    assert f"az cloud set --name {az}\n" in how.az
    assert f"-Environment {powershell} " in how.powershell
    assert HERE in how.az
    assert HERE in how.powershell
    for name in names(Purpose.READER):
        assert name in how.az
        assert f"'{name}'" in how.powershell


def test_only_the_reader_is_signed_in_to_by_people() -> None:
    tenant = Tenant(slug="contoso", tenant_guid=GUID, cloud="global")
    how = registration(tenant, Purpose.WRITER, client_id="", redirect_uri=HERE)
    assert HERE not in how.az + how.powershell
    assert how.consent == ""
