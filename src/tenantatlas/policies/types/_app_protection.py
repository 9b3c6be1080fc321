"""What app protection and app configuration for managed apps share.

Traps, from tools that run against live tenants: the concrete collection is written, `managedAppPolicies`
only reads; the list leaves out apps and assignments, the item gives them expanded; apps are written by
`targetApps`, which replaces the list; a PATCH never touches apps or assignments; answers omit
`@odata.type`; "all users" is a group target with a well-known id, and the usual target for it is refused;
name filters answer 400.
"""

from typing import Final

from tenantatlas.policies.model import AssignmentRule
from tenantatlas.policies.types import _intune

FAMILY: Final = "managedApplications"
ASSIGNMENTS: Final = AssignmentRule(
    odata_type="#microsoft.graph.targetedManagedAppPolicyAssignment",
    targets=_intune.GROUPS_ONLY,
    virtual_groups=True,
)
#: Of an app only its identifier is ours; it means the same in every tenant.
VOLATILE: Final = ("deployedAppCount", "deploymentSummary", "apps[].id", "apps[].version")
APPS: Final = {
    "apps": (
        "mobileAppIdentifier.bundleId",
        "mobileAppIdentifier.packageId",
        "mobileAppIdentifier.windowsAppId",
    )
}
PROPERTIES: Final = frozenset(
    {
        "id",
        "displayName",
        "description",
        "roleScopeTagIds",
        "version",
        "createdDateTime",
        "lastModifiedDateTime",
        "isAssigned",
        "appGroupType",
        "targetedAppManagementLevels",
        "deployedAppCount",
        "deploymentSummary",
        "apps",
        "assignments",
    }
)
#: What the protection policies of both platforms have (beta schema).
PROTECTION: Final = PROPERTIES | {
    "allowedDataIngestionLocations",
    "allowedDataStorageLocations",
    "allowedInboundDataTransferSources",
    "allowedOutboundClipboardSharingExceptionLength",
    "allowedOutboundClipboardSharingLevel",
    "allowedOutboundDataTransferDestinations",
    "appActionIfAccountIsClockedOut",
    "appActionIfDeviceComplianceRequired",
    "appActionIfMaximumPinRetriesExceeded",
    "appActionIfUnableToAuthenticateUser",
    "blockDataIngestionIntoOrganizationDocuments",
    "contactSyncBlocked",
    "dataBackupBlocked",
    "deviceComplianceRequired",
    "dialerRestrictionLevel",
    "disableAppPinIfDevicePinIsSet",
    "fingerprintBlocked",
    "gracePeriodToBlockAppsDuringOffClockHours",
    "managedBrowser",
    "managedBrowserToOpenLinksRequired",
    "maximumAllowedDeviceThreatLevel",
    "maximumPinRetries",
    "maximumRequiredOsVersion",
    "maximumWarningOsVersion",
    "maximumWipeOsVersion",
    "minimumPinLength",
    "minimumRequiredAppVersion",
    "minimumRequiredOsVersion",
    "minimumWarningAppVersion",
    "minimumWarningOsVersion",
    "minimumWipeAppVersion",
    "minimumWipeOsVersion",
    "mobileThreatDefensePartnerPriority",
    "mobileThreatDefenseRemediationAction",
    "notificationRestriction",
    "organizationalCredentialsRequired",
    "periodBeforePinReset",
    "periodOfflineBeforeAccessCheck",
    "periodOfflineBeforeWipeIsEnforced",
    "periodOnlineBeforeAccessCheck",
    "pinCharacterSet",
    "pinRequired",
    "pinRequiredInsteadOfBiometricTimeout",
    "previousPinBlockCount",
    "printBlocked",
    "protectedMessagingRedirectAppType",
    "purviewContentEvaluationRequired",
    "saveAsBlocked",
    "simplePinBlocked",
}
