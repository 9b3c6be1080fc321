"""Administrative templates: values two levels down, written by one action."""

from __future__ import annotations

from tenantatlas.policies import references
from tenantatlas.policies.registry import get_type

from .bodies import composed, creates, part_named, parts_read, same, updates

KEY = "groupPolicyConfigurations"
ROOT = "https://graph.test/beta/deviceManagement/groupPolicyDefinitions"


def a_value(definition="d-1", *, value_id="v-1", enabled=True, **more):
    return {
        "id": value_id,
        "enabled": enabled,
        "configurationType": "policy",
        "lastModifiedDateTime": "2026-01-01T00:00:00Z",
        "definition": {"id": definition, "classType": "machine", "policyType": "admxBacked", **more},
    }


def a_presentation(value, **more):
    return {
        "@odata.type": "#microsoft.graph.groupPolicyPresentationValueText",
        "id": "pv-1",
        "value": value,
        "presentation": {"id": "p-1", "label": "Mode", "required": False, "lastModifiedDateTime": "2020"},
        **more,
    }


def a_policy(*values, shown=None, **more):
    row = {
        "id": "g-1",
        "displayName": "Edge",
        "policyConfigurationIngestionType": "builtIn",
        "assignments": [],
    }
    parts = {"definitionValues": list(values)}
    if shown is not None:
        parts[f"presentationValues:{values[0]['id']}"] = [shown]
    return composed(KEY, {**row, **more}, parts=parts)


def test_values_are_read_with_their_definitions_and_each_ones_presentations():
    assert parts_read(KEY, {"assignments": []}) == [
        "{item}/definitionValues?$expand=definition($select=id,classType,displayName,policyType,"
        "groupPolicyCategoryId,categoryPath)"
    ]
    part = part_named(KEY, "presentationValues")
    assert part.path_for("/beta/x/g-1", row=a_value()) == (
        "/beta/x/g-1/definitionValues/v-1/presentationValues?$expand=presentation"
    )


def test_create_adds_the_values_in_one_call():
    first, second = creates(KEY, a_policy(a_value(), shown=a_presentation("off")))
    assert first == (
        "POST",
        "/beta/deviceManagement/groupPolicyConfigurations",
        {"@odata.type": "#microsoft.graph.groupPolicyConfiguration", "displayName": "Edge"},
    )
    assert second == (
        "POST",
        "{item}/updateDefinitionValues",
        {
            "added": [
                {
                    "enabled": True,
                    "configurationType": "policy",
                    "definition@odata.bind": f"{ROOT}('d-1')",
                    "presentationValues": [
                        {
                            "@odata.type": "#microsoft.graph.groupPolicyPresentationValueText",
                            "value": "off",
                            "presentation@odata.bind": f"{ROOT}('d-1')/presentations('p-1')",
                        }
                    ],
                }
            ],
            "updated": [],
            "deletedIds": [],
        },
    )


def test_a_changed_value_is_removed_and_added_again():
    wanted = a_policy(a_value(enabled=False))
    removed, added = updates(KEY, wanted, a_policy(a_value(value_id="v-9")))
    assert removed[2]["deletedIds"] == ["v-9"]
    assert added[2]["added"][0]["enabled"] is False


def test_ids_times_and_what_describes_a_presentation_are_no_difference():
    one = a_policy(a_value(), shown=a_presentation("off"))
    other = a_policy(
        a_value(value_id="v-2"),
        shown=a_presentation("off", id="pv-2", presentation={"id": "p-1", "label": "Mode", "maxLength": 9}),
        policyConfigurationIngestionType="unknown",
    )
    assert same(KEY, one, other)
    assert not same(KEY, one, a_policy(a_value(), shown=a_presentation("on")))


def test_only_definitions_of_an_uploaded_file_are_looked_for():
    assert references.find(get_type(KEY), a_policy(a_value())) == ()
    [found] = references.find(get_type(KEY), a_policy(a_value(policyType="admxIngested")))
    assert (found.kind, found.id) == ("groupPolicyDefinitions", "d-1")
