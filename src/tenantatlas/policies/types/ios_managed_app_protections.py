"""App protection policies for iOS. Traps and shared facts: `_app_protection`."""

from tenantatlas.policies import writes
from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _app_protection, _intune

POLICY_TYPE = PolicyType(
    key="iosManagedAppProtections",
    label="App protection (iOS)",
    platforms=("iOS",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-mam-iosmanagedappprotection?view=graph-rest-beta"
    ),
    path="/beta/deviceAppManagement/iosManagedAppProtections",
    family=_app_protection.FAMILY,
    reads=_intune.APPS_READ,
    writes=_intune.APPS_WRITE,
    odata_type="#microsoft.graph.iosManagedAppProtection",
    odata_types=_intune.full_names("iosManagedAppProtection"),
    properties=_app_protection.PROTECTION
    | {
        "allowWidgetContentSync",
        "allowedIosDeviceModels",
        "appActionIfIosDeviceModelNotAllowed",
        "appDataEncryptionType",
        "customBrowserProtocol",
        "customDialerAppProtocol",
        "disableProtectionOfManagedOutboundOpenInData",
        "exemptedAppProtocols",
        "exemptedUniversalLinks",
        "faceIdBlocked",
        "filterOpenInToOnlyManagedApps",
        "genmojiConfigurationState",
        "managedUniversalLinks",
        "messagingRedirectAppUrlScheme",
        "minimumRequiredSdkVersion",
        "minimumWarningSdkVersion",
        "minimumWipeSdkVersion",
        "protectInboundDataFromUnknownSources",
        "screenCaptureConfigurationState",
        "thirdPartyKeyboardsBlocked",
        "writingToolsConfigurationState",
    },
    reads_item=True,
    item_query="$expand=apps,assignments",
    assignments=_app_protection.ASSIGNMENTS,
    volatile=_app_protection.VOLATILE,
    unordered={
        **_intune.TAGS_ARE_A_SET,
        **_app_protection.APPS,
        "exemptedAppProtocols": ("name",),
        "exemptedUniversalLinks": ("",),
        "managedUniversalLinks": ("",),
    },
    references=_intune.ASSIGNED,
    restore=RestoreRule(
        order=280,
        risk=Risk.HIGH,
        reason="It guards company data on phones; a wrong value wipes it.",
        create=writes.create_app_policy,
        update=writes.update_app_policy,
        strip_create=("apps",),
        strip_update=("apps",),
    ),
    limits=("A new policy counts from now: waiting periods before a wipe of app data begin anew.",),
)
