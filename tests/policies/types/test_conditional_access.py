"""Conditional access, named locations, authentication strengths: never batched, never locking out."""

from __future__ import annotations

import pytest

from tenantatlas.policies import backup_only, references
from tenantatlas.policies.registry import get_type

from .bodies import NO_ID, composed, creates, deletes, parts_read, refusals, same, updates

POLICIES = "conditionalAccess.policies"
LOCATIONS = "conditionalAccess.namedLocations"
STRENGTHS = "conditionalAccess.authenticationStrengths"
MFA = "00000000-0000-0000-0000-000000000002"


@pytest.mark.parametrize("key", [POLICIES, LOCATIONS, STRENGTHS])
def test_one_request_at_a_time_and_no_batches(key):
    found = get_type(key)
    assert not found.batchable
    assert found.restore.serial
    assert found.family == "conditionalAccess"
    assert not found.reads_item


def a_policy(*, conditions=None, grant=None, session=None, **more):
    row = {
        "id": "ca-1",
        "displayName": "Require MFA",
        "state": "enabled",
        "templateId": None,
        "conditions": {
            "clientAppTypes": ["all"],
            "times": None,
            "deviceStates": None,
            "applications": {"includeApplications": ["All"], "excludeApplications": []},
            "users": {"includeUsers": ["All"], "excludeUsers": [], "excludeGroups": ["g-1"]},
            **(conditions or {}),
        },
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"], "termsOfUse": [], **(grant or {})},
        "sessionControls": session,
    }
    return composed(POLICIES, {**row, **more})


class TestPolicies:
    def test_the_list_is_enough_and_comes_from_beta(self):
        assert get_type(POLICIES).path == "/beta/identity/conditionalAccess/policies"
        assert parts_read(POLICIES, {}) == []

    def test_an_enabled_policy_comes_back_report_only(self):
        [(method, path, sent)] = creates(POLICIES, a_policy())
        assert (method, path) == ("POST", "/beta/identity/conditionalAccess/policies")
        assert sent["state"] == "enabledForReportingButNotEnforced"
        assert not {"templateId", "id"} & set(sent)
        assert not {"times", "deviceStates"} & set(sent["conditions"])
        assert "state" in get_type(POLICIES).restore.rewrites

    @pytest.mark.parametrize("state", ["disabled", "enabledForReportingButNotEnforced"])
    def test_other_states_come_back_as_they_were(self, state):
        assert creates(POLICIES, a_policy(state=state))[0][2]["state"] == state

    def test_of_a_strength_only_the_id_is_sent(self):
        strength = {"id": "s-1", "displayName": "Ours", "allowedCombinations": ["fido2"]}
        body = a_policy(grant={"authenticationStrength": strength, "builtInControls": []})
        sent = creates(POLICIES, body)[0][2]
        assert sent["grantControls"]["authenticationStrength"] == {"id": "s-1"}
        assert sent["grantControls"]["builtInControls"] == []
        renamed = a_policy(
            grant={"authenticationStrength": {**strength, "displayName": "New"}, "builtInControls": []}
        )
        assert same(POLICIES, body, renamed)

    def test_update_sends_whole_sections(self):
        wanted = a_policy(conditions={"users": {"includeUsers": ["All"], "excludeGroups": ["g-2"]}})
        [(method, path, sent)] = updates(POLICIES, wanted, a_policy())
        assert (method, path) == ("PATCH", "{item}")
        assert sent["conditions"]["applications"]["includeApplications"] == ["All"]
        assert sent["conditions"]["users"]["excludeGroups"] == ["g-2"]

    def test_what_it_names(self):
        body = a_policy(
            conditions={
                "users": {
                    "includeUsers": ["All", "u-1"],
                    "excludeUsers": ["GuestsOrExternalUsers"],
                    "includeGroups": ["g-1"],
                    "includeRoles": ["62e90394-69f5-4237-9190-012177145e10"],
                },
                "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted", "l-1", NO_ID]},
                "clientApplications": {"includeServicePrincipals": ["ServicePrincipalsInMyTenant", "sp-1"]},
            },
            grant={"termsOfUse": ["tou-1"], "authenticationStrength": {"id": MFA}},
        )
        found = references.find(get_type(POLICIES), body)
        assert {(each.kind, each.id) for each in found} == {
            ("users", "u-1"),
            ("groups", "g-1"),
            ("conditionalAccess.namedLocations", "l-1"),
            ("servicePrincipals", "sp-1"),
            ("termsOfUse.agreements", "tou-1"),
        }

    def test_the_order_of_groups_says_nothing(self):
        one = a_policy(conditions={"users": {"excludeGroups": ["g-1", "g-2"]}})
        assert same(POLICIES, one, a_policy(conditions={"users": {"excludeGroups": ["g-2", "g-1"]}}))

    def test_a_member_that_the_schema_does_not_know_holds_the_policy(self):
        body = a_policy(conditions={"times": {"include": "night"}}, session={"networkAccessSecurity": {}})
        assert refusals(POLICIES, body) == (
            "It uses conditions.times, which Graph's published schema does not know.",
            "It uses sessionControls.networkAccessSecurity, which Graph's published schema does not know.",
        )

    def test_policies_of_microsoft_are_never_written(self):
        body = a_policy(displayName="Microsoft-managed: Block legacy authentication")
        assert creates(POLICIES, body) == deletes(POLICIES, body) == []

    def test_a_policy_made_from_a_template_is_ours(self):
        assert creates(POLICIES, a_policy(templateId="d8c51a9a-e6b1-454d-86af-554e7872e2c1"))

    def test_defaults_that_are_not_disabled_are_the_same_as_unsaid(self):
        kept = {"signInFrequency": {"value": 1}}
        said = a_policy(sessionControls={**kept, "disableResilienceDefaults": False})
        assert same(POLICIES, said, a_policy(sessionControls=kept))
        assert "disableResilienceDefaults" not in creates(POLICIES, said)[0][2]["sessionControls"]

    def test_a_policy_without_grant_controls(self):
        sent = creates(POLICIES, {**a_policy(), "grantControls": None})[0][2]
        assert "grantControls" not in sent


class TestNamedLocations:
    def a_location(self, **more):
        row = {
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "id": "l-1",
            "displayName": "Office",
            "isTrusted": True,
            "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.0/24"}],
            "deletedDateTime": None,
        }
        return composed(LOCATIONS, {**row, **more})

    def test_every_write_names_the_type(self):
        assert creates(LOCATIONS, self.a_location())[0][2]["@odata.type"].endswith("ipNamedLocation")
        [(method, _, sent)] = updates(LOCATIONS, self.a_location(displayName="HQ"), self.a_location())
        assert method == "PATCH"
        assert sent["@odata.type"].endswith("ipNamedLocation")

    def test_a_trusted_location_loses_its_trust_before_it_goes(self):
        assert [request[:2] for request in deletes(LOCATIONS, self.a_location())] == [
            ("PATCH", "{item}"),
            ("DELETE", "{item}"),
        ]
        untrusted = deletes(LOCATIONS, self.a_location(isTrusted=False))
        assert [request[:2] for request in untrusted] == [("DELETE", "{item}")]

    def test_ranges_and_countries_are_sets(self):
        ranges = [{"cidrAddress": "192.0.2.0/24"}, {"cidrAddress": "198.51.100.0/24"}]
        one, other = self.a_location(ipRanges=ranges), self.a_location(ipRanges=ranges[::-1])
        assert same(LOCATIONS, one, other)

    def test_compliant_network_is_microsofts(self):
        body = self.a_location(**{"@odata.type": "#microsoft.graph.compliantNetworkNamedLocation"})
        assert creates(LOCATIONS, body) == []

    def test_new_kinds_are_kept(self):
        body = self.a_location(**{"@odata.type": "#microsoft.graph.serviceTagNamedLocation"})
        assert backup_only.reasons(get_type(LOCATIONS), body)


class TestStrengths:
    def a_strength(self, *configurations, **more):
        row = {
            "id": "s-1",
            "displayName": "Keys",
            "policyType": "custom",
            "requirementsSatisfied": "mfa",
            "allowedCombinations": ["fido2"],
            "combinationConfigurations": list(configurations),
        }
        return composed(STRENGTHS, {**row, **more})

    def keys(self, *ids, **more):
        return {
            "@odata.type": "#microsoft.graph.fido2CombinationConfiguration",
            "id": "k-1",
            "appliesToCombinations": ["fido2"],
            "allowedAAGUIDs": list(ids),
            **more,
        }

    def test_restrictions_are_read_apart_only_where_the_list_left_them_out(self):
        assert parts_read(STRENGTHS, {"id": "s-1", "policyType": "custom"}) == [
            "{item}/combinationConfigurations"
        ]
        assert parts_read(STRENGTHS, {"id": "s-1", "combinationConfigurations": []}) == []
        assert parts_read(STRENGTHS, {"id": MFA, "policyType": "builtIn"}) == []

    def test_create_carries_all_at_once(self):
        [(_, path, sent)] = creates(STRENGTHS, self.a_strength(self.keys("a")))
        assert path == "/v1.0/policies/authenticationStrengthPolicies"
        assert sent["allowedCombinations"] == ["fido2"]
        [configuration] = sent["combinationConfigurations"]
        assert configuration["allowedAAGUIDs"] == ["a"]
        assert "id" not in configuration
        assert not {"policyType", "requirementsSatisfied"} & set(sent)

    def test_update_goes_three_ways(self):
        wanted = self.a_strength(self.keys("b"), displayName="New", allowedCombinations=["fido2", "sms"])
        steps = updates(STRENGTHS, wanted, self.a_strength(self.keys("a")))
        assert [(method, path) for method, path, _ in steps] == [
            ("PATCH", "{item}"),
            ("POST", "{item}/updateAllowedCombinations"),
            ("PATCH", "{item}/combinationConfigurations/k-1"),
        ]
        assert steps[0][2].get("displayName") == "New"
        assert not {"allowedCombinations", "combinationConfigurations"} & set(steps[0][2])

    @pytest.mark.parametrize("more", [{"policyType": "builtIn"}, {"id": MFA}])
    def test_built_in_strengths_are_never_written(self, more):
        assert creates(STRENGTHS, self.a_strength(**more)) == []
