"""The types that have a way of their own."""

from __future__ import annotations

from typing import Any

import pytest

from tenantatlas.policies import writes
from tenantatlas.policies.model import RestoreRule, StepKind

from .builders import ROOT, a_context, a_type, steps_of


def created(way, wanted, **of_type: Any):
    policy_type = a_type(restore=RestoreRule(order=1, create=way), **of_type)
    return writes.create_steps(a_context(policy_type, wanted))


def updated(way, wanted, live, *, strip=(), **of_type: Any):
    policy_type = a_type(restore=RestoreRule(order=1, update=way, strip_update=strip), **of_type)
    return writes.update_steps(a_context(policy_type, wanted, live))


class TestSettingsCatalog:
    WANTED = {
        "id": "1",
        "name": "A",
        "creationSource": "source tenant",
        "templateReference": {"templateId": "t1", "templateFamily": "baseline", "templateDisplayName": "T"},
        "settings": [
            {"id": "0", "settingInstance": {"settingDefinitionId": "d"}, "settingDefinitions": [{}]}
        ],
    }
    BODY = {
        "name": "A",
        "templateReference": {"templateId": "t1"},
        "settings": [{"settingInstance": {"settingDefinitionId": "d"}}],
    }

    def test_created_with_settings_inline(self):
        (step,) = created(writes.create_settings_policy, self.WANTED)
        assert step.body == self.BODY

    def test_no_template_is_not_named(self):
        for none in ({"templateId": "", "templateFamily": "none"}, None):
            (step,) = created(writes.create_settings_policy, {**self.WANTED, "templateReference": none})
            assert "templateReference" not in step.body

    def test_updated_by_a_put_of_all(self):
        live = {**self.WANTED, "name": "B", "creationSource": "live"}
        (step,) = updated(writes.put_settings_policy, self.WANTED, live)
        assert (step.kind, step.method, step.path) == (StepKind.UPDATE, "PUT", "{item}")
        assert step.body == {**self.BODY, "creationSource": "live"}

    def test_no_source_is_invented(self):
        (step,) = updated(writes.put_settings_policy, self.WANTED, {"name": "B"})
        assert step.body == self.BODY


def a_value(definition, value, *, own_id="v1"):
    return {
        "id": own_id,
        "enabled": True,
        "createdDateTime": "t",
        "definition": {"id": definition, "displayName": "D"},
        "presentationValues": [
            {"id": "p", "@odata.type": "#text", "value": value, "presentation": {"id": "q", "label": "L"}}
        ],
    }


class TestGroupPolicy:
    OF_TYPE = {
        "volatile": (
            "definitionValues[].id",
            "definitionValues[].createdDateTime",
            "definitionValues[].presentationValues[].id",
        ),
        "unordered": {"definitionValues": ("definition.id",)},
    }
    URL = f"{ROOT}/deviceManagement/groupPolicyDefinitions('d1')"

    def test_created_in_two_steps(self):
        wanted = {"displayName": "A", "definitionValues": [a_value("d1", "x")]}
        steps = created(writes.create_group_policy, wanted, **self.OF_TYPE)
        assert steps_of(steps) == [
            ("create", "POST", "/beta/widgets"),
            ("child", "POST", "{item}/updateDefinitionValues"),
        ]
        assert steps[0].body == {"displayName": "A"}
        assert steps[1].body == {
            "added": [
                {
                    "enabled": True,
                    "definition@odata.bind": self.URL,
                    "presentationValues": [
                        {
                            "@odata.type": "#text",
                            "value": "x",
                            "presentation@odata.bind": f"{self.URL}/presentations('q')",
                        }
                    ],
                }
            ],
            "updated": [],
            "deletedIds": [],
        }

    def test_an_empty_one_is_one_step(self):
        assert len(created(writes.create_group_policy, {"displayName": "A"}, **self.OF_TYPE)) == 1

    def test_what_changed_is_deleted_in_one_call_and_added_in_another(self):
        wanted = {"definitionValues": [a_value("d1", "x"), a_value("d2", "y"), a_value("d4", "new")]}
        live = {
            "definitionValues": [
                a_value("d1", "x", own_id="same"),
                a_value("d2", "old", own_id="changed"),
                a_value("d3", "z", own_id="gone"),
            ]
        }
        deleted, added = updated(writes.update_group_policy, wanted, live, **self.OF_TYPE)
        assert deleted.body == {"added": [], "updated": [], "deletedIds": ["changed", "gone"]}
        assert [entry["definition@odata.bind"][-4:] for entry in added.body["added"]] == ["d2')", "d4')"]
        assert added.body["deletedIds"] == []

    def test_only_the_object_where_only_that_differs(self):
        values = [a_value("d1", "x")]
        wanted = {"displayName": "A", "definitionValues": values}
        live = {"displayName": "B", "definitionValues": values}
        (step,) = updated(writes.update_group_policy, wanted, live, **self.OF_TYPE)
        assert (step.method, step.body) == ("PATCH", {"displayName": "A"})


def a_message(locale, text, **more):
    return {"id": f"t_{locale}", "locale": locale, "subject": "S", "messageTemplate": text, **more}


class TestNotificationTemplates:
    OF_TYPE = {"volatile": ("defaultLocale", "localizedNotificationMessages[].id")}

    def test_default_message_first(self):
        wanted = {
            "displayName": "A",
            "defaultLocale": "en-us",
            "localizedNotificationMessages": [
                a_message("de-de", "Hallo", isDefault=False),
                a_message("en-us", "Hi", isDefault=True),
            ],
        }
        made, english, german = created(writes.create_notification_template, wanted, **self.OF_TYPE)
        assert made.body == {"displayName": "A"}
        assert english.body == {
            "locale": "en-us",
            "subject": "S",
            "messageTemplate": "Hi",
            "isDefault": True,
        }
        assert german.body == {"locale": "de-de", "subject": "S", "messageTemplate": "Hallo"}
        assert (german.path, german.twin_by) == ("{item}/localizedNotificationMessages", ("locale",))
        assert not german.repeatable

    def test_messages_one_by_one_what_goes_last(self):
        wanted = {
            "displayName": "A",
            "localizedNotificationMessages": [
                a_message("en-us", "Hi", isDefault=True),
                a_message("fr-fr", "Salut"),
                a_message("es-es", "Hola"),
            ],
        }
        live = {
            "displayName": "B",
            "localizedNotificationMessages": [
                a_message("de-de", "Hallo", isDefault=True),
                a_message("en-us", "Hi"),
                a_message("es-es", "Hola"),
            ],
        }
        steps = updated(writes.update_notification_template, wanted, live, **self.OF_TYPE)
        base = "{item}/localizedNotificationMessages"
        assert steps_of(steps) == [
            ("update", "PATCH", "{item}"),
            ("child", "PATCH", f"{base}/t_en-us"),
            ("child", "POST", base),
            ("child", "DELETE", f"{base}/t_de-de"),
        ]
        assert steps[1].body["isDefault"] is True

    def test_the_object_alone_is_left_alone(self):
        wanted = {"displayName": "A", "localizedNotificationMessages": [a_message("en-us", "Hi")]}
        live = {"displayName": "A", "localizedNotificationMessages": []}
        steps = updated(writes.update_notification_template, wanted, live, **self.OF_TYPE)
        assert [step.method for step in steps] == ["POST"]


APPS = [{"id": "a", "mobileAppIdentifier": {"@odata.type": "#ios", "bundleId": "b"}, "version": "1"}]
TARGETED = [{"mobileAppIdentifier": {"@odata.type": "#ios", "bundleId": "b"}}]


class TestAppProtection:
    def test_apps_after_the_policy(self):
        wanted = {"displayName": "A", "appGroupType": "selectedPublicApps", "apps": APPS}
        made, apps = created(writes.create_app_policy, wanted)
        assert made.body == {"displayName": "A", "appGroupType": "selectedPublicApps"}
        assert apps.path == "{item}/targetApps"
        assert apps.body == {"apps": TARGETED, "appGroupType": "selectedPublicApps"}

    def test_no_apps_no_step(self):
        assert len(created(writes.create_app_policy, {"displayName": "A"})) == 1
        assert len(created(writes.create_app_policy, {"displayName": "A", "appGroupType": "allApps"})) == 2

    def test_each_part_where_it_differs(self):
        wanted = {"displayName": "A", "apps": APPS}
        (apps,) = updated(writes.update_app_policy, wanted, {"displayName": "A", "apps": []})
        assert apps.body == {"apps": TARGETED}
        (step,) = updated(writes.update_app_policy, wanted, {"displayName": "B", "apps": APPS})
        assert (step.method, step.body) == ("PATCH", {"displayName": "A"})
        (none,) = updated(writes.update_app_policy, {"apps": []}, {"apps": APPS})
        assert none.body == {"apps": []}

    def test_the_kind_of_apps_goes_with_the_apps(self):
        wanted = {"appGroupType": "allApps", "apps": []}
        steps = updated(writes.update_app_policy, wanted, {"appGroupType": "selectedPublicApps", "apps": []})
        assert [step.method for step in steps] == ["PATCH", "POST"]

    def test_targeted_configuration_has_settings_too(self):
        wanted = {"displayName": "A", "apps": APPS, "settings": [{"name": "x", "value": "1"}]}
        live = {**wanted, "settings": []}
        (step,) = updated(writes.update_targeted_configuration, wanted, live, strip=("settings",))
        assert (step.path, step.body) == ("{item}/changeSettings", {"settings": wanted["settings"]})
        (step,) = updated(writes.update_targeted_configuration, {"a": 1}, {"settings": [1], "a": 1})
        assert step.body == {"settings": []}
        (step,) = updated(writes.update_targeted_configuration, wanted, {**wanted, "displayName": "B"})
        assert step.method == "PATCH"
        assert "settings" not in step.body
        assert "apps" not in step.body


def a_rule(*actions):
    return [
        {
            "id": "r",
            "ruleName": None,
            "scheduledActionConfigurations": [{"id": "x", "actionType": action} for action in actions],
        }
    ]


class TestCompliance:
    OF_TYPE = {
        "volatile": (
            "scheduledActionsForRule[].id",
            "scheduledActionsForRule[].scheduledActionConfigurations[].id",
        )
    }
    SENT = [{"scheduledActionConfigurations": [{"actionType": "block"}], "ruleName": "PasswordRequired"}]

    def test_created_with_actions_inline(self):
        wanted = {"displayName": "A", "scheduledActionsForRule": a_rule("block")}
        (step,) = created(writes.create_compliance_policy, wanted, **self.OF_TYPE)
        assert step.body == {"displayName": "A", "scheduledActionsForRule": self.SENT}

    def test_actions_are_replaced_by_their_own_step(self):
        wanted = {"displayName": "A", "scheduledActionsForRule": a_rule("block")}
        live = {"displayName": "B", "scheduledActionsForRule": a_rule("block", "retire")}
        steps = updated(writes.update_compliance_policy, wanted, live, **self.OF_TYPE)
        assert steps_of(steps) == [
            ("update", "PATCH", "{item}"),
            ("child", "POST", "{item}/scheduleActionsForRules"),
        ]
        assert steps[0].body == {"displayName": "A"}
        assert steps[1].body == {"deviceComplianceScheduledActionForRules": self.SENT}

    def test_each_alone(self):
        wanted = {"displayName": "A", "scheduledActionsForRule": a_rule("block")}
        live = {**wanted, "scheduledActionsForRule": a_rule()}
        assert [s.method for s in updated(writes.update_compliance_policy, wanted, live)] == ["POST"]
        live = {**wanted, "displayName": "B"}
        assert [s.method for s in updated(writes.update_compliance_policy, wanted, live)] == ["PATCH"]


class TestEnrollment:
    OF_TYPE = {"built_in": lambda body: body.get("id") == "t_Default", "built_in_update": True}

    def test_the_rank_comes_last_and_never_twice(self):
        made, ranked = created(writes.create_enrollment_configuration, {"displayName": "A", "priority": 2})
        assert made.body == {"displayName": "A"}
        assert (ranked.path, ranked.body) == ("{item}/setPriority", {"priority": 2})
        assert ranked.unless == {"priority": 2}

    @pytest.mark.parametrize("rank", [0, None])
    def test_no_rank_no_step(self, rank):
        assert len(created(writes.create_enrollment_configuration, {"priority": rank})) == 1

    def test_updated_where_it_differs(self):
        way = writes.update_enrollment_configuration
        wanted = {"displayName": "A", "priority": 2}
        assert [s.path for s in updated(way, wanted, {**wanted, "priority": 1})] == ["{item}/setPriority"]
        (step,) = updated(way, wanted, {**wanted, "displayName": "B"})
        assert step.body == {"displayName": "A"}

    def test_a_default_keeps_its_name_and_rank(self):
        wanted = {"id": "t_Default", "displayName": "All users", "limit": 5, "priority": 0}
        live = {**wanted, "displayName": "Alle", "limit": 4, "priority": 1}
        (step,) = updated(writes.update_enrollment_configuration, wanted, live, **self.OF_TYPE)
        assert step.body == {"limit": 5}


class TestConditionalAccess:
    WANTED = {
        "displayName": "A",
        "state": "enabled",
        "grantControls": {
            "operator": "OR",
            "builtInControls": [],
            "authenticationStrength": {"id": "s1", "displayName": "S", "allowedCombinations": ["fido2"]},
        },
        "sessionControls": {"disableResilienceDefaults": False, "signInFrequency": {"value": 1}},
    }

    def test_comes_back_report_only_with_the_strength_by_id(self):
        (step,) = created(writes.create_conditional_access, self.WANTED)
        assert step.body == {
            "displayName": "A",
            "state": "enabledForReportingButNotEnforced",
            "grantControls": {
                "operator": "OR",
                "builtInControls": [],
                "authenticationStrength": {"id": "s1"},
            },
            "sessionControls": {"signInFrequency": {"value": 1}},
        }

    def test_a_disabled_one_stays_disabled(self):
        wanted = {
            "state": "disabled",
            "grantControls": {"authenticationStrength": None},
            "sessionControls": {"disableResilienceDefaults": True},
        }
        (step,) = created(writes.create_conditional_access, wanted)
        assert step.body == {
            "state": "disabled",
            "grantControls": {},
            "sessionControls": {"disableResilienceDefaults": True},
        }

    def test_whole_sub_objects_and_null_for_false(self):
        live = {
            **self.WANTED,
            "displayName": "B",
            "sessionControls": {"disableResilienceDefaults": True, "signInFrequency": {"value": 9}},
        }
        (step,) = updated(writes.update_conditional_access, self.WANTED, live)
        assert step.body["sessionControls"] == {
            "disableResilienceDefaults": None,
            "signInFrequency": {"value": 1},
        }
        assert step.body["state"] == "enabledForReportingButNotEnforced"

    def test_report_only_is_as_far_as_it_comes(self):
        strength = {"operator": "OR", "builtInControls": [], "authenticationStrength": {"id": "s1"}}
        live = {
            "displayName": "A",
            "state": "enabledForReportingButNotEnforced",
            "grantControls": strength,
            "sessionControls": {"signInFrequency": {"value": 1}},
        }
        assert updated(writes.update_conditional_access, self.WANTED, live) == ()


class TestAuthenticationStrengths:
    STRIP = ("allowedCombinations", "combinationConfigurations")

    def test_each_part_by_its_own_way(self):
        key = {"@odata.type": "#fido2", "appliesToCombinations": ["fido2"]}
        cert = {"@odata.type": "#x509", "appliesToCombinations": ["x509"]}
        wanted = {
            "displayName": "A",
            "allowedCombinations": ["fido2"],
            "combinationConfigurations": [{"id": "1", **key, "allowedAAGUIDs": ["a"]}],
        }
        live = {
            "displayName": "B",
            "allowedCombinations": ["x509"],
            "combinationConfigurations": [{"id": "8", **key}, {"id": "9", **cert}],
        }
        steps = updated(writes.update_authentication_strength, wanted, live, strip=self.STRIP)
        assert steps_of(steps) == [
            ("update", "PATCH", "{item}"),
            ("child", "DELETE", "{item}/combinationConfigurations/9"),
            ("child", "POST", "{item}/updateAllowedCombinations"),
            ("child", "PATCH", "{item}/combinationConfigurations/8"),
        ]
        assert steps[0].body == {"displayName": "A"}
        assert steps[2].body == {"allowedCombinations": ["fido2"]}
        assert steps[3].body == {**key, "allowedAAGUIDs": ["a"]}

    def test_a_new_configuration_alone(self):
        wanted = {"combinationConfigurations": [{"@odata.type": "#fido2", "appliesToCombinations": ["f"]}]}
        steps = updated(writes.update_authentication_strength, wanted, {}, strip=self.STRIP)
        assert steps_of(steps) == [("child", "POST", "{item}/combinationConfigurations")]


class TestNamedLocations:
    def test_trust_goes_before_the_location(self):
        policy_type = a_type(restore=RestoreRule(order=1, delete=writes.delete_named_location))
        live = {"@odata.type": "#microsoft.graph.ipNamedLocation", "isTrusted": True}
        untrusted, deleted = writes.delete_steps(a_context(policy_type, {}, live))
        assert untrusted.body == {"@odata.type": "#microsoft.graph.ipNamedLocation", "isTrusted": False}
        assert (untrusted.kind, deleted.method) == (StepKind.DELETE, "DELETE")
        assert len(writes.delete_steps(a_context(policy_type, {}, {"isTrusted": False}))) == 1


class TestAutopilot:
    def test_an_open_language_is_set_afterwards(self):
        wanted = {"@odata.type": "#ap", "displayName": "A", "locale": ""}
        made, patched = created(writes.create_autopilot_profile, wanted)
        assert "locale" not in made.body
        assert (patched.method, patched.path, patched.body) == (
            "PATCH",
            "{item}",
            {"@odata.type": "#ap", "locale": ""},
        )
        assert len(created(writes.create_autopilot_profile, {**wanted, "locale": "de-DE"})) == 1


class TestComplianceRefusal:
    def test_a_policy_that_never_marks_a_device_is_refused(self):
        body = {"scheduledActionsForRule": a_rule("block", "retire")}
        assert writes.refuse_without_block_action(body) == ()
        assert len(writes.refuse_without_block_action({"scheduledActionsForRule": a_rule("retire")})) == 1
        assert len(writes.refuse_without_block_action({})) == 1


class TestRoleDefinitions:
    WANTED = {
        "@odata.type": "#microsoft.graph.roleDefinition",
        "displayName": "A",
        "rolePermissions": [
            {"actions": ["old"], "resourceActions": [{"allowedResourceActions": ["x"]}]},
            {"resourceActions": None},
        ],
    }
    BODY = {
        "@odata.type": "#microsoft.graph.deviceAndAppManagementRoleDefinition",
        "displayName": "A",
        "rolePermissions": [
            {"resourceActions": [{"allowedResourceActions": ["x"]}]},
            {"resourceActions": []},
        ],
    }

    def test_one_type_and_resource_actions_only(self):
        (step,) = created(writes.create_role_definition, self.WANTED)
        assert step.body == self.BODY
        (step,) = updated(writes.update_role_definition, self.WANTED, {"displayName": "B"})
        assert step.body == self.BODY
        (step,) = created(writes.create_role_definition, {"displayName": "A"})
        assert step.body["rolePermissions"] == []


class TestDriverProfiles:
    def test_a_deferral_only_with_automatic_approval(self):
        manual = {"approvalType": "manual", "deploymentDeferralInDays": 0}
        (step,) = created(writes.create_driver_profile, manual)
        assert step.body == {"approvalType": "manual"}
        automatic = {"approvalType": "automatic", "deploymentDeferralInDays": 3}
        (step,) = updated(writes.update_driver_profile, automatic, {})
        assert step.body == automatic
