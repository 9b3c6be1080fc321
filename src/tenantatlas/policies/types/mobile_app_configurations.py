"""App configuration for managed devices.

Traps: `assign` needs the cast segment (IntuneDocumentation PR#35); the apps of a configuration cannot
change and are named by their Intune id; `payloadJson` (Android) and `encodedSettingXml` (iOS) are base64
and may hold credentials.
"""

from tenantatlas.policies.model import AssignmentRule, PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune

POLICY_TYPE = PolicyType(
    key="mobileAppConfigurations",
    label="App configuration (managed devices)",
    platforms=("iOS", "android"),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-apps-manageddevicemobileappconfiguration?view=graph-rest-beta"
    ),
    path="/beta/deviceAppManagement/mobileAppConfigurations",
    family="apps",
    reads=_intune.APPS_READ,
    writes=_intune.APPS_WRITE,
    odata_types=_intune.full_names(
        "androidForWorkMobileAppConfiguration",
        "androidManagedStoreAppConfiguration",
        "iosMobileAppConfiguration",
    ),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "roleScopeTagIds",
            "targetedMobileApps",
            "version",
            "createdDateTime",
            "lastModifiedDateTime",
            "assignments",
            "encodedSettingXml",
            "settings",
            "appSupportsOemConfig",
            "connectedAppsEnabled",
            "credentialProviderRoleState",
            "packageId",
            "payloadJson",
            "permissionActions",
            "profileApplicability",
            "deviceStatusSummary",
            "deviceStatuses",
            "userStatusSummary",
            "userStatuses",
        }
    ),
    parts=(_intune.ASSIGNMENTS,),
    assignments=AssignmentRule(
        path="{item}/microsoft.graph.managedDeviceMobileAppConfiguration/assign",
        odata_type="#microsoft.graph.managedDeviceMobileAppConfigurationAssignment",
    ),
    volatile=(
        "appSupportsOemConfig",
        "deviceStatusSummary",
        "deviceStatuses",
        "userStatusSummary",
        "userStatuses",
    ),
    unordered={
        **_intune.TAGS_ARE_A_SET,
        "targetedMobileApps": ("",),
        "permissionActions": ("permission",),
        "settings": ("appConfigKey",),
    },
    references=(*_intune.ASSIGNED, _intune.mobile_apps("targetedMobileApps[]")),
    restore=RestoreRule(
        order=287,
        risk=Risk.MEDIUM,
        reason="It changes how apps behave and may carry credentials.",
        strip_update=("targetedMobileApps",),
    ),
    limits=(
        "The apps it configures must be in the tenant; apps themselves are not backed up.",
        "The app of a configuration cannot change: another app is a new configuration.",
        "A password or key inside a configuration is kept as it is in the policy.",
    ),
)
