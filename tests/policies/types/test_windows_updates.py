"""Feature, quality and driver update policies: groups only, without what the service computes."""

from __future__ import annotations

import pytest

from tenantatlas.policies.registry import get_type

from .bodies import assigns, composed, creates, parts_read, refusals, same, updates

KEYS = (
    "windowsFeatureUpdateProfiles",
    "windowsQualityUpdateProfiles",
    "windowsQualityUpdatePolicies",
    "windowsDriverUpdateProfiles",
)
COMPUTED = {
    "windowsFeatureUpdateProfiles": {"deployableContentDisplayName": "x", "endOfSupportDate": "2027-10-12"},
    "windowsQualityUpdateProfiles": {"deployableContentDisplayName": "x", "releaseDateDisplayName": "y"},
    "windowsQualityUpdatePolicies": {},
    "windowsDriverUpdateProfiles": {"newUpdates": 3, "deviceReporting": 9, "inventorySyncStatus": {}},
}
every_kind = pytest.mark.parametrize("key", KEYS)


def a_policy(key, *targets, **more):
    rows = [{"id": str(n), "target": target} for n, target in enumerate(targets)]
    return composed(key, {"id": "u-1", "displayName": "Ring", **more}, parts={"assignments": rows})


def to(kind, **more):
    return {"@odata.type": f"#microsoft.graph.{kind}", **more}


@every_kind
def test_no_page_size_and_assignments_apart(key):
    assert get_type(key).list_query == ""
    assert parts_read(key, {"assignments": []}) == ["{item}/assignments"]


@every_kind
def test_what_the_service_computes_is_neither_sent_nor_a_difference(key):
    body = a_policy(key, **COMPUTED[key])
    [(method, path, sent)] = creates(key, body)
    assert (method, path) == ("POST", get_type(key).path)
    assert not set(COMPUTED[key]) & set(sent)
    assert same(key, body, a_policy(key))


@every_kind
def test_groups_only_and_no_filters(key):
    assert assigns(key, a_policy(key, to("exclusionGroupAssignmentTarget", groupId="g-1")))
    assert refusals(key, a_policy(key, to("groupAssignmentTarget", groupId="g-1"))) == ()
    assert refusals(key, a_policy(key, to("allDevicesAssignmentTarget")))
    filtered = to(
        "groupAssignmentTarget",
        groupId="g-1",
        deviceAndAppManagementAssignmentFilterId="f-1",
        deviceAndAppManagementAssignmentFilterType="include",
    )
    assert refusals(key, a_policy(key, filtered))


def test_what_cannot_change_is_not_patched():
    key, name = "windowsFeatureUpdateProfiles", "installLatestWindows10OnWindows11IneligibleDevice"
    version = "Windows 11, version 24H2"
    wanted = a_policy(key, featureUpdateVersion=version, **{name: True})
    [(_, _, sent)] = updates(key, wanted, a_policy(key, featureUpdateVersion="old", **{name: True}))
    assert sent["featureUpdateVersion"] == version
    assert name not in sent
    assert creates(key, wanted)[0][2][name] is True


def test_a_deferral_goes_only_with_automatic_approval():
    key = "windowsDriverUpdateProfiles"
    manual = a_policy(key, approvalType="manual", deploymentDeferralInDays=0)
    assert "deploymentDeferralInDays" not in creates(key, manual)[0][2]
    automatic = a_policy(key, approvalType="automatic", deploymentDeferralInDays=7)
    assert creates(key, automatic)[0][2]["deploymentDeferralInDays"] == 7
    [(_, _, sent)] = updates(key, automatic, {**automatic, "deploymentDeferralInDays": 3})
    assert "approvalType" not in sent
    assert sent["deploymentDeferralInDays"] == 7
