"""Compliance policies and their scripts."""

from __future__ import annotations

from tenantatlas.policies import references
from tenantatlas.policies.registry import get_type

from .bodies import NO_ID, composed, creates, parts_read, refusals, same, updates

KEY = "deviceCompliancePolicies"
PATH = "/beta/deviceManagement/deviceCompliancePolicies"


def an_action(kind="block", hours=0, **more):
    return {
        "id": "x",
        "actionType": kind,
        "gracePeriodHours": hours,
        "notificationTemplateId": NO_ID,
        "notificationMessageCCList": [],
        **more,
    }


def a_policy(*actions, **more):
    rule = {"id": "r", "ruleName": None, "scheduledActionConfigurations": list(actions or (an_action(),))}
    row = {
        "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
        "id": "c-1",
        "displayName": "Windows",
        "passwordRequired": True,
        "assignments": [],
        "scheduledActionsForRule": [rule],
    }
    return composed(KEY, {**row, **more})


def sent_rule(*actions):
    rows = [{name: value for name, value in action.items() if name != "id"} for action in actions]
    return [{"ruleName": "PasswordRequired", "scheduledActionConfigurations": rows}]


def test_the_list_is_asked_for_all_and_what_it_left_out_is_read():
    assert get_type(KEY).list_query == (
        "$expand=assignments,scheduledActionsForRule($expand=scheduledActionConfigurations)"
    )
    assert parts_read(KEY, {"assignments": [], "scheduledActionsForRule": []}) == []
    assert parts_read(KEY, {}) == [
        "{item}/assignments",
        "{item}/scheduledActionsForRule?$expand=scheduledActionConfigurations",
    ]


def test_create_carries_the_actions():
    [(method, path, sent)] = creates(KEY, a_policy())
    assert (method, path) == ("POST", PATH)
    assert sent["scheduledActionsForRule"] == sent_rule(an_action())
    assert sent["@odata.type"] == "#microsoft.graph.windows10CompliancePolicy"


def test_update_sends_settings_and_actions_apart():
    wanted = a_policy(an_action(hours=24), passwordRequired=False)
    patch, actions = updates(KEY, wanted, a_policy())
    assert patch[:2] == ("PATCH", "{item}")
    assert "scheduledActionsForRule" not in patch[2]
    assert actions == (
        "POST",
        "{item}/scheduleActionsForRules",
        {"deviceComplianceScheduledActionForRules": sent_rule(an_action(hours=24))},
    )


def test_update_of_actions_alone_is_no_patch():
    [(_, path, _)] = updates(KEY, a_policy(an_action(hours=24)), a_policy())
    assert path == "{item}/scheduleActionsForRules"


def test_ids_rule_name_and_order_of_actions_are_no_difference():
    one = a_policy(an_action(), an_action("notification", 24))
    other = a_policy(an_action("notification", 24, id="y"), an_action(id="z"), deviceStatuses=[])
    other["scheduledActionsForRule"][0]["ruleName"] = "PasswordRequired"
    assert same(KEY, one, other)
    assert not same(KEY, one, a_policy())


def test_a_policy_without_a_block_action_is_refused():
    [reason] = refusals(KEY, a_policy(an_action("notification")))
    assert reason == "It has no action that marks devices noncompliant (block); Graph refuses such a policy."


def test_what_it_names():
    mail = an_action("notification", notificationTemplateId="t-1", notificationMessageCCList=["g-1"])
    script = {"deviceComplianceScriptId": "s-1", "rulesContent": "e30="}
    found = references.find(get_type(KEY), a_policy(an_action(), mail, deviceCompliancePolicyScript=script))
    assert {(each.kind, each.id) for each in found} == {
        ("notificationMessageTemplates", "t-1"),
        ("groups", "g-1"),
        ("deviceComplianceScripts", "s-1"),
    }


def test_the_default_policy_of_the_service_is_never_written():
    body = a_policy(**{"@odata.type": "#microsoft.graph.defaultDeviceCompliancePolicy"})
    assert creates(KEY, body) == []
