"""Compliance policies (classic): Windows, iOS, macOS, Android.

Traps: the actions for non-compliance are a navigation with children, absent from the list unless expanded;
a create must carry exactly one rule with at least one block action, and its name ("PasswordRequired") is
written but never read back; PATCH with actions answers 400, they are replaced by `scheduleActionsForRules`;
`startswith(displayName)` answers 400 (IntuneCD). A custom compliance script is named by id; `rulesContent`
is base64 JSON. Linux lives in `compliancePolicies`.
"""

from tenantatlas.core.json import Json
from tenantatlas.policies import writes
from tenantatlas.policies.model import Part, PolicyType, Reference, RestoreRule, Risk
from tenantatlas.policies.types import _intune

_RULES = "scheduledActionsForRule"
_ACTIONS = "scheduledActionConfigurations"
_NO_TEMPLATE = frozenset({"00000000-0000-0000-0000-000000000000"})


def _rules_not_listed(row: Json) -> bool:
    return _RULES not in row


#: Every top-level property of these types (beta schema).
_PROPERTIES = _intune.names(
    """
    activeFirewallRequired advancedThreatProtectionRequiredSecurityLevel antiSpywareRequired
    antivirusRequired assignments bitLockerEnabled codeIntegrityEnabled conditionStatementId
    configurationManagerComplianceRequired createdDateTime defenderEnabled defenderVersion description
    deviceCompliancePolicyScript deviceSettingStateSummaries deviceStatuses deviceStatusOverview
    deviceThreatProtectionEnabled deviceThreatProtectionRequiredSecurityLevel displayName
    earlyLaunchAntiMalwareDriverEnabled firewallBlockAllIncoming firewallEnabled
    firewallEnableStealthMode firmwareProtectionEnabled gatekeeperAllowedAppSource id
    kernelDmaProtectionEnabled lastModifiedDateTime managedEmailProfileRequired memoryIntegrityEnabled
    minAndroidSecurityPatchLevel mobileOsMaximumVersion mobileOsMinimumVersion osMaximumBuildVersion
    osMaximumVersion osMinimumBuildVersion osMinimumVersion passcodeBlockSimple passcodeExpirationDays
    passcodeMinimumCharacterSetCount passcodeMinimumLength passcodeMinutesOfInactivityBeforeLock
    passcodeMinutesOfInactivityBeforeScreenTimeout passcodePreviousPasscodeBlockCount passcodeRequired
    passcodeRequiredType passwordBlockSimple passwordExpirationDays passwordMinimumCharacterSetCount
    passwordMinimumLength passwordMinimumLetterCharacters passwordMinimumLowerCaseCharacters
    passwordMinimumNonLetterCharacters passwordMinimumNumericCharacters passwordMinimumSymbolCharacters
    passwordMinimumUpperCaseCharacters passwordMinutesOfInactivityBeforeLock
    passwordPreviousPasswordBlockCount passwordPreviousPasswordCountToBlock passwordRequired
    passwordRequiredToUnlockFromIdle passwordRequiredType passwordRequireToUnlockFromIdle
    passwordSignInFailureCountBeforeFactoryReset requiredPasswordComplexity requireHealthyDeviceReport
    requireNoPendingSystemUpdates restrictedApps roleScopeTagIds rtpEnabled scheduledActionsForRule
    secureBootEnabled securityBlockDeviceAdministratorManagedDevices securityBlockJailbrokenDevices
    securityDisableUsbDebugging securityPreventInstallAppsFromUnknownSources
    securityRequireCompanyPortalAppIntegrity securityRequiredAndroidSafetyNetEvaluationType
    securityRequireGooglePlayServices securityRequireIntuneAppIntegrity
    securityRequireSafetyNetAttestationBasicIntegrity securityRequireSafetyNetAttestationCertifiedDevice
    securityRequireUpToDateSecurityProviders securityRequireVerifyApps signatureOutOfDate
    storageRequireEncryption systemIntegrityProtectionEnabled tpmRequired userStatuses
    userStatusOverview validOperatingSystemBuildRanges version virtualizationBasedSecurityEnabled
    workProfileInactiveBeforeScreenLockInMinutes workProfilePasswordExpirationInDays
    workProfilePasswordMinimumLength workProfilePasswordRequiredType
    workProfilePreviousPasswordBlockCount workProfileRequiredPasswordComplexity
    workProfileRequirePassword wslDistributions
    """
)

POLICY_TYPE = PolicyType(
    key="deviceCompliancePolicies",
    label="Compliance policies",
    platforms=("windows", "iOS", "macOS", "android"),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-deviceconfig-devicecompliancepolicy?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/deviceCompliancePolicies",
    family="deviceConfiguration",
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_types=_intune.full_names(
        "androidCompliancePolicy",
        "androidDeviceOwnerCompliancePolicy",
        "androidForWorkCompliancePolicy",
        "androidWorkProfileCompliancePolicy",
        "aospDeviceOwnerCompliancePolicy",
        "defaultDeviceCompliancePolicy",
        "iosCompliancePolicy",
        "macOSCompliancePolicy",
        "windows10CompliancePolicy",
        "windows10MobileCompliancePolicy",
        "windows81CompliancePolicy",
        "windowsPhone81CompliancePolicy",
    ),
    properties=_PROPERTIES,
    list_query=f"$expand=assignments,{_RULES}($expand={_ACTIONS})",
    parts=(
        _intune.ASSIGNMENTS_IF_NOT_LISTED,
        Part(name=_RULES, path=f"{{item}}/{_RULES}?$expand={_ACTIONS}", into=_RULES, when=_rules_not_listed),
    ),
    assignments=_intune.assigned_as("deviceCompliancePolicyAssignment"),
    volatile=(
        "deviceStatuses",
        "userStatuses",
        "deviceStatusOverview",
        "userStatusOverview",
        "deviceSettingStateSummaries",
        f"{_RULES}[].id",
        f"{_RULES}[].ruleName",
        f"{_RULES}[].{_ACTIONS}[].id",
    ),
    unordered={
        **_intune.TAGS_ARE_A_SET,
        f"{_RULES}[].{_ACTIONS}": ("actionType", "gracePeriodHours", "notificationTemplateId"),
        f"{_RULES}[].{_ACTIONS}[].notificationMessageCCList": ("",),
    },
    references=(
        *_intune.ASSIGNED,
        Reference(
            path=f"{_RULES}[].{_ACTIONS}[].notificationTemplateId",
            kind="notificationMessageTemplates",
            portable=_NO_TEMPLATE,
        ),
        Reference(path=f"{_RULES}[].{_ACTIONS}[].notificationMessageCCList[]", kind="groups"),
        Reference(
            path="deviceCompliancePolicyScript.deviceComplianceScriptId", kind="deviceComplianceScripts"
        ),
    ),
    built_in=_intune.is_one_of("defaultDeviceCompliancePolicy"),
    restore=RestoreRule(
        order=250,
        risk=Risk.HIGH,
        reason="Conditional access reads it: a wrong policy can lock everybody out.",
        create=writes.create_compliance_policy,
        update=writes.update_compliance_policy,
        strip_update=(_RULES,),
        refuse=writes.refuse_without_block_action,
    ),
    limits=(
        "Compliance policies for Linux are of another kind (compliancePolicies) and are not backed up.",
        "The platform of a compliance policy cannot change: a policy of another platform is a new policy.",
    ),
)
