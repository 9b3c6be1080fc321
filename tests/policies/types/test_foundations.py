"""Scope tags, assignment filters, roles, notification templates, terms and conditions."""

from __future__ import annotations

import pytest

from tenantatlas.policies import references
from tenantatlas.policies.registry import get_type

from .bodies import assigns, composed, creates, deletes, parts_read, refusals, same, updates


def to(kind, **more):
    return {"id": f"a-{more}", "target": {"@odata.type": f"#microsoft.graph.{kind}", **more}}


class TestScopeTags:
    KEY = "roleScopeTags"

    def a_tag(self, *rows, **more):
        return composed(
            self.KEY,
            {"id": "7", "displayName": "Berlin", "isBuiltIn": False, **more},
            parts={"assignments": list(rows)},
        )

    def test_assignments_are_read_apart_since_the_list_never_has_them(self):
        assert parts_read(self.KEY, {"id": "7", "assignments": []}) == ["{item}/assignments"]

    def test_create_and_update(self):
        assert creates(self.KEY, self.a_tag()) == [
            (
                "POST",
                "/beta/deviceManagement/roleScopeTags",
                {"@odata.type": "#microsoft.graph.roleScopeTag", "displayName": "Berlin"},
            )
        ]
        [(method, path, sent)] = updates(self.KEY, self.a_tag(description="South"), self.a_tag())
        assert (method, path, sent["description"]) == ("PATCH", "{item}", "South")

    def test_only_groups_get_it(self):
        body = self.a_tag(to("groupAssignmentTarget", groupId="g-1"))
        [(_, path, sent)] = assigns(self.KEY, body)
        assert path == "{item}/assign"
        assert sent["assignments"][0]["@odata.type"] == "#microsoft.graph.roleScopeTagAutoAssignment"
        assert refusals(self.KEY, self.a_tag(to("allDevicesAssignmentTarget")))

    @pytest.mark.parametrize("more", [{"id": "0", "displayName": "Default"}, {"isBuiltIn": True}])
    def test_the_default_tag_is_never_written(self, more):
        body = self.a_tag(**more)
        assert creates(self.KEY, body) == deletes(self.KEY, body) == []
        assert updates(self.KEY, {**body, "description": "Other"}, body) == []


class TestAssignmentFilters:
    KEY = "assignmentFilters"

    def a_filter(self, **more):
        row = {
            "id": "f-1",
            "displayName": "Surface",
            "platform": "windows10AndLater",
            "rule": '(device.model -startsWith "Surface")',
            "assignmentFilterManagementType": "devices",
            "roleScopeTags": ["0", "7"],
            "payloads": [],
        }
        return composed(self.KEY, {**row, **more})

    def test_create_sends_platform_and_rule_and_no_uses(self):
        [(_, path, sent)] = creates(self.KEY, self.a_filter(payloads=[{"payloadId": "p"}]))
        assert path == "/beta/deviceManagement/assignmentFilters"
        assert sent["platform"] == "windows10AndLater"
        assert "payloads" not in sent

    def test_update_never_sends_what_cannot_change(self):
        [(method, _, sent)] = updates(self.KEY, self.a_filter(rule="(new)"), self.a_filter())
        assert method == "PATCH"
        assert sent["rule"] == "(new)"
        assert not {"platform", "assignmentFilterManagementType", "payloads"} & set(sent)

    def test_its_tags_have_a_name_of_their_own(self):
        found = references.find(get_type(self.KEY), self.a_filter())
        assert [(each.kind, each.id) for each in found] == [("roleScopeTags", "7")]
        assert same(self.KEY, self.a_filter(), self.a_filter(roleScopeTags=["7", "0"]))


class TestRoles:
    KEY = "intuneRoleDefinitions"

    def a_role(self, *actions, **more):
        permission = {"actions": ["Old"], "resourceActions": [{"allowedResourceActions": list(actions)}]}
        row = {
            "id": "r-1",
            "displayName": "Helpers",
            "isBuiltIn": False,
            "isBuiltInRoleDefinition": False,
            "permissions": [permission],
            "rolePermissions": [permission],
            "roleScopeTagIds": ["0"],
        }
        return composed(self.KEY, {**row, **more})

    def test_create_names_the_type_and_sends_no_mirror(self):
        [(_, path, sent)] = creates(self.KEY, self.a_role("Microsoft.Intune_Roles_Read"))
        assert path == "/beta/deviceManagement/roleDefinitions"
        assert sent == {
            "@odata.type": "#microsoft.graph.deviceAndAppManagementRoleDefinition",
            "displayName": "Helpers",
            "rolePermissions": [
                {"resourceActions": [{"allowedResourceActions": ["Microsoft.Intune_Roles_Read"]}]}
            ],
            "roleScopeTagIds": ["0"],
        }

    def test_actions_are_a_set_and_the_mirror_says_nothing(self):
        assert same(self.KEY, self.a_role("a", "b"), self.a_role("b", "a", permissions=[]))
        assert not same(self.KEY, self.a_role("a"), self.a_role("a", "b"))

    @pytest.mark.parametrize("mark", ["isBuiltIn", "isBuiltInRoleDefinition"])
    def test_built_in_roles_are_never_written(self, mark):
        body = self.a_role("a", **{mark: True})
        assert creates(self.KEY, body) == []
        assert updates(self.KEY, self.a_role("b", **{mark: True}), body) == []


class TestNotificationTemplates:
    KEY = "notificationMessageTemplates"

    def a_template(self, *texts, **more):
        row = {
            "id": "t-1",
            "displayName": "Warning",
            "brandingOptions": "includeCompanyLogo",
            "defaultLocale": "en-us",
        }
        rows = [
            {
                "id": f"t-1_{locale}",
                "locale": locale,
                "subject": subject,
                "messageTemplate": "…",
                "isDefault": n == 0,
            }
            for n, (locale, subject) in enumerate(texts)
        ]
        return composed(self.KEY, row, item={**row, "localizedNotificationMessages": rows, **more})

    def test_the_item_is_read_with_its_texts(self):
        found = get_type(self.KEY)
        assert (found.reads_item, found.item_query) == (True, "$expand=localizedNotificationMessages")

    def test_create_makes_the_template_then_each_text(self):
        steps = creates(self.KEY, self.a_template(("en-us", "Hi"), ("de-de", "Hallo")))
        assert [(method, path) for method, path, _ in steps] == [
            ("POST", "/beta/deviceManagement/notificationMessageTemplates"),
            ("POST", "{item}/localizedNotificationMessages"),
            ("POST", "{item}/localizedNotificationMessages"),
        ]
        assert not {"localizedNotificationMessages", "defaultLocale"} & set(steps[0][2])
        assert steps[1][2] == {"locale": "en-us", "subject": "Hi", "messageTemplate": "…", "isDefault": True}

    def test_update_changes_only_the_text_that_differs(self):
        wanted = self.a_template(("en-us", "Hi"), ("de-de", "Servus"))
        live = self.a_template(("en-us", "Hi"), ("de-de", "Hallo"))
        [(method, path, sent)] = updates(self.KEY, wanted, live)
        assert (method, path) == ("PATCH", "{item}/localizedNotificationMessages/t-1_de-de")
        assert sent["subject"] == "Servus"

    def test_internal_templates_are_never_written(self):
        body = self.a_template(("en-us", "Hi"), displayName="EnrollmentNotificationInternalMEO")
        assert creates(self.KEY, body) == []

    def test_ids_times_and_order_of_texts_are_no_difference(self):
        one = self.a_template(("en-us", "Hi"), ("de-de", "Hallo"))
        other = self.a_template(("en-us", "Hi"), ("de-de", "Hallo"), lastModifiedDateTime="2026-01-01")
        other["localizedNotificationMessages"].reverse()
        other["localizedNotificationMessages"][0] |= {"id": "new", "lastModifiedDateTime": "2026-01-01"}
        assert same(self.KEY, one, other)


class TestTermsAndConditions:
    KEY = "termsAndConditions"

    def terms(self, *rows, **more):
        row = {"id": "t-1", "displayName": "Terms", "title": "Terms", "bodyText": "Be kind.", "version": 5}
        return composed(self.KEY, {**row, **more}, parts={"assignments": list(rows)})

    def test_create_is_version_one(self):
        [(_, path, sent)] = creates(self.KEY, self.terms())
        assert path == "/beta/deviceManagement/termsAndConditions"
        assert sent["version"] == 1

    def test_update_never_asks_everybody_to_accept_again(self):
        [(method, _, sent)] = updates(self.KEY, self.terms(bodyText="Be nice."), self.terms(version=9))
        assert method == "PATCH"
        assert "version" not in sent

    def test_targets_are_added_and_removed_one_by_one(self):
        wanted = self.terms(to("groupAssignmentTarget", groupId="g-2"))
        live = self.terms(to("groupAssignmentTarget", groupId="g-1"))
        removed, added = assigns(self.KEY, wanted, live)
        assert removed[:2] == ("DELETE", f"{{item}}/assignments/{live['assignments'][0]['id']}")
        assert added[:2] == ("POST", "{item}/assignments")
        assert added[2]["target"]["groupId"] == "g-2"

    def test_an_exclusion_is_refused(self):
        body = self.terms(to("exclusionGroupAssignmentTarget", groupId="g-1"))
        assert refusals(self.KEY, body)
