"""Enrollment configurations and Autopilot profiles."""

from __future__ import annotations

import pytest

from tenantatlas.policies import backup_only, references
from tenantatlas.policies.registry import collections, get_type

from .bodies import assigns, composed, creates, deletes, key_of, parts_read, refusals, same, updates

PATH = "/beta/deviceManagement/deviceEnrollmentConfigurations"
KINDS = {
    "windows10EnrollmentCompletionPageConfiguration": "enrollment.statusPage",
    "deviceEnrollmentLimitConfiguration": "enrollment.limit",
    "deviceEnrollmentPlatformRestrictionConfiguration": "enrollment.platformRestriction",
    "deviceEnrollmentPlatformRestrictionsConfiguration": "enrollment.platformRestrictionsDefault",
    "deviceEnrollmentWindowsHelloForBusinessConfiguration": "enrollment.windowsHello",
    "deviceComanagementAuthorityConfiguration": "enrollment.coManagement",
    "windowsRestoreDeviceEnrollmentConfiguration": "enrollment.windowsRestore",
    "deviceEnrollmentNotificationConfiguration": "enrollment.notifications",
    "somethingNewConfiguration": "enrollment.notifications",
}


def of(kind, **more):
    row = {
        "@odata.type": f"#microsoft.graph.{kind}",
        "id": "e-1_Kind",
        "displayName": "Ours",
        "priority": 2,
        "deviceEnrollmentConfigurationType": "kind",
        "roleScopeTagIds": ["0"],
        "assignments": [],
    }
    return {**row, **more}


def a_limit(**more):
    return composed("enrollment.limit", of("deviceEnrollmentLimitConfiguration", **{"limit": 5, **more}))


@pytest.mark.parametrize(("kind", "key"), KINDS.items())
def test_the_type_tells_the_kinds_apart(kind, key):
    assert key_of(PATH, of(kind)) == key
    assert len(collections()[PATH]) == 8


def test_an_unknown_kind_is_kept_and_not_written():
    body = of("somethingNewConfiguration")
    assert any("somethingNewConfiguration" in each for each in _reasons("enrollment.notifications", body))
    assert creates("enrollment.notifications", body) == []


def test_notifications_are_kept_and_not_written():
    body = of("deviceEnrollmentNotificationConfiguration", notificationTemplates=["Email_t-1"])
    assert _reasons("enrollment.notifications", body) == (
        "Enrollment notifications are kept without their texts and never written.",
    )
    assert updates("enrollment.notifications", {**body, "displayName": "New"}, body) == []


def _reasons(key, body):
    return backup_only.reasons(get_type(key), body)


class TestOurs:
    def test_create_then_the_rank(self):
        assert creates("enrollment.limit", a_limit()) == [
            (
                "POST",
                PATH,
                {
                    "@odata.type": "#microsoft.graph.deviceEnrollmentLimitConfiguration",
                    "displayName": "Ours",
                    "deviceEnrollmentConfigurationType": "kind",
                    "roleScopeTagIds": ["0"],
                    "limit": 5,
                },
            ),
            ("POST", "{item}/setPriority", {"priority": 2}),
        ]

    def test_the_rank_is_set_only_where_it_differs(self):
        [(method, path, sent)] = updates("enrollment.limit", a_limit(limit=9), a_limit())
        assert (method, path) == ("PATCH", "{item}")
        assert not {"priority", "deviceEnrollmentConfigurationType"} & set(sent)
        assert updates("enrollment.limit", a_limit(priority=1), a_limit()) == [
            ("POST", "{item}/setPriority", {"priority": 1})
        ]

    def test_one_write_at_a_time_and_the_rank_may_move(self):
        for found in collections()[PATH]:
            if found.key != "enrollment.notifications":
                assert found.restore.serial
                assert "priority" in found.restore.rewrites

    def test_assign_has_a_key_of_its_own_and_refuses_exclusions(self):
        target = {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g-1"}
        [(_, path, sent)] = assigns("enrollment.limit", a_limit(assignments=[{"target": target}]))
        assert path == "{item}/assign"
        [row] = sent["enrollmentConfigurationAssignments"]
        assert row["@odata.type"] == "#microsoft.graph.enrollmentConfigurationAssignment"
        excluded = {**target, "@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget"}
        assert refusals("enrollment.limit", a_limit(assignments=[{"target": excluded}]))

    def test_the_platform_of_a_restriction_cannot_change(self):
        key, kind = "enrollment.platformRestriction", "deviceEnrollmentPlatformRestrictionConfiguration"
        wanted, live = (
            of(kind, platformType="mac", platformRestriction={"platformBlocked": blocked})
            for blocked in (True, False)
        )
        [(_, _, sent)] = updates(key, wanted, live)
        assert "platformType" not in sent
        assert get_type(key).restore.match_by == ("displayName", "platformType")

    def test_a_status_page_names_the_apps_it_waits_for(self):
        page = of("windows10EnrollmentCompletionPageConfiguration", selectedMobileAppIds=["app-1"])
        [found] = references.find(get_type("enrollment.statusPage"), page)
        assert (found.kind, found.id) == ("mobileApps", "app-1")


class TestDefaults:
    def a_default(self, **more):
        row = {"id": "tenant_DefaultLimit", "priority": 0, "displayName": "All users and all devices"}
        return a_limit(**{**row, **more})

    @pytest.mark.parametrize("more", [{}, {"id": "tenant_Other"}, {"displayName": "Renamed"}])
    def test_a_default_is_never_made_or_removed(self, more):
        body = self.a_default(**more)
        assert creates("enrollment.limit", body) == deletes("enrollment.limit", body) == []

    def test_a_policy_with_the_highest_rank_is_ours(self):
        assert creates("enrollment.limit", a_limit(priority=0))

    def test_a_default_is_patched_without_what_belongs_to_the_service(self):
        wanted = self.a_default(limit=15, description="x", roleScopeTagIds=["7"])
        [(method, path, sent)] = updates("enrollment.limit", wanted, self.a_default())
        assert (method, path) == ("PATCH", "{item}")
        assert sent == {"@odata.type": "#microsoft.graph.deviceEnrollmentLimitConfiguration", "limit": 15}

    def test_what_a_default_says_of_its_targets_is_no_part_of_it(self):
        everybody = {"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}
        body = self.a_default(assignments=[everybody])
        assert same("enrollment.limit", body, self.a_default())
        assert assigns("enrollment.limit", body, self.a_default()) == []

    def test_the_default_restrictions_are_only_patched(self):
        key, kind = (
            "enrollment.platformRestrictionsDefault",
            "deviceEnrollmentPlatformRestrictionsConfiguration",
        )
        blocked, open_ = (
            composed(
                key,
                of(
                    kind,
                    id="t_DefaultPlatformRestrictions",
                    priority=0,
                    iosRestriction={"platformBlocked": each},
                    windowsMobileRestriction={"platformBlocked": True},
                ),
            )
            for each in (True, False)
        )
        assert creates(key, blocked) == []
        [(method, _, sent)] = updates(key, blocked, open_)
        assert method == "PATCH"
        assert sent["iosRestriction"] == {"platformBlocked": True}
        assert not {"windowsMobileRestriction", "displayName", "roleScopeTagIds"} & set(sent)


class TestAutopilot:
    KEY = "windowsAutopilotDeploymentProfiles"

    def a_profile(self, *targets, **more):
        row = {
            "@odata.type": "#microsoft.graph.azureADWindowsAutopilotDeploymentProfile",
            "id": "ap-1",
            "displayName": "Standard",
            "deviceType": "windowsPc",
            "locale": "os-default",
            "language": "os-default",
            "extractHardwareHash": True,
            "hardwareHashExtractionEnabled": True,
            "assignments": [{"id": f"a{n}", "target": each} for n, each in enumerate(targets)],
        }
        return composed(self.KEY, {**row, **more})

    def test_the_list_gives_the_assignments(self):
        assert get_type(self.KEY).list_query == "$expand=assignments"
        assert parts_read(self.KEY, {"assignments": []}) == []

    def test_create_sends_no_old_mirrors(self):
        [(_, _, sent)] = creates(self.KEY, self.a_profile())
        assert sent["hardwareHashExtractionEnabled"] is True
        assert not {"language", "extractHardwareHash"} & set(sent)

    def test_an_open_language_is_set_afterwards(self):
        first, second = creates(self.KEY, self.a_profile(locale=""))
        assert "locale" not in first[2]
        assert second[:2] == ("PATCH", "{item}")
        assert second[2]["locale"] == ""

    def test_the_kind_of_device_is_not_patched(self):
        [(_, _, sent)] = updates(self.KEY, self.a_profile(locale="de-DE"), self.a_profile())
        assert "deviceType" not in sent
        assert sent["locale"] == "de-DE"

    def test_targets_are_written_one_by_one(self):
        everybody = {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}
        [(method, path, sent)] = assigns(self.KEY, self.a_profile(everybody))
        assert (method, path) == ("POST", "{item}/assignments")
        assert sent["@odata.type"] == "#microsoft.graph.windowsAutopilotDeploymentProfileAssignment"
        users = {"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}
        assert refusals(self.KEY, self.a_profile(users))

    def test_assignments_go_before_the_profile(self):
        everybody = {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}
        assert [request[:2] for request in deletes(self.KEY, self.a_profile(everybody))] == [
            ("DELETE", "{item}/assignments/a0"),
            ("DELETE", "{item}"),
        ]
