"""Windows Autopilot deployment profiles.

Traps: `{item}/assign` takes device ids and is something else, so targets are added and removed one by one;
an assigned profile cannot be deleted; `deviceType` cannot change; an empty `locale` must be set after the
create; four old properties mirror newer ones (language, extractHardwareHash, enableWhiteGlove,
outOfBoxExperienceSettings) and are refused beside them; a new profile may lag in the list.
"""

from tenantatlas.policies import writes
from tenantatlas.policies.model import AssignmentRule, AssignWrite, PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune

_MIRRORS = ("language", "extractHardwareHash", "enableWhiteGlove", "outOfBoxExperienceSettings")

POLICY_TYPE = PolicyType(
    key="windowsAutopilotDeploymentProfiles",
    label="Autopilot profiles",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-enrollment-windowsautopilotdeploymentprofile?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/windowsAutopilotDeploymentProfiles",
    family="enrollment",
    reads=_intune.SERVICE_READ,
    writes=_intune.SERVICE_WRITE,
    odata_types=_intune.full_names(
        "activeDirectoryWindowsAutopilotDeploymentProfile", "azureADWindowsAutopilotDeploymentProfile"
    ),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "locale",
            "deviceNameTemplate",
            "deviceType",
            "hardwareHashExtractionEnabled",
            "hybridAzureADJoinSkipConnectivityCheck",
            "enrollmentStatusScreenSettings",
            "outOfBoxExperienceSetting",
            "preprovisioningAllowed",
            "managementServiceAppId",
            "assignedDevices",
            "roleScopeTagIds",
            "createdDateTime",
            "lastModifiedDateTime",
            "assignments",
            *_MIRRORS,
        }
    ),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=(_intune.ASSIGNMENTS_IF_NOT_LISTED,),
    assignments=AssignmentRule(
        write=AssignWrite.ONE_BY_ONE,
        path="{item}/assignments",
        odata_type="#microsoft.graph.windowsAutopilotDeploymentProfileAssignment",
        targets=_intune.GROUPS_ONLY | {"allDevicesAssignmentTarget"},
        filters=False,
    ),
    volatile=("managementServiceAppId", "assignedDevices", *_MIRRORS),
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED_WITHOUT_FILTERS,
    restore=RestoreRule(
        order=320,
        risk=Risk.HIGH,
        reason="New devices set themselves up by it.",
        create=writes.create_autopilot_profile,
        delete=writes.delete_unassigned,
        strip_update=("deviceType",),
        recreate="Devices wait for the new profile until Autopilot has assigned it to them.",
    ),
    limits=(
        "Autopilot devices themselves are not backed up.",
        "Names with special characters are refused by Graph although the portal may show them.",
        "The kind of device of a profile cannot change: another kind is a new profile.",
    ),
)
