"""Windows Hello for Business at enrollment. Traps and shared facts: `_enrollment`."""

from tenantatlas.policies.model import PolicyType, Risk
from tenantatlas.policies.types import _enrollment, _intune

POLICY_TYPE = PolicyType(
    key="enrollment.windowsHello",
    label="Windows Hello for Business",
    platforms=("windows",),
    docs=_enrollment.DOCS,
    path=_enrollment.PATH,
    family=_enrollment.FAMILY,
    reads=_enrollment.READS,
    writes=_enrollment.WRITES,
    odata_types=_intune.full_names("deviceEnrollmentWindowsHelloForBusinessConfiguration"),
    properties=_enrollment.PROPERTIES
    | {
        "enhancedBiometricsState",
        "enhancedSignInSecurity",
        "pinExpirationInDays",
        "pinLowercaseCharactersUsage",
        "pinMaximumLength",
        "pinMinimumLength",
        "pinPreviousBlockCount",
        "pinSpecialCharactersUsage",
        "pinUppercaseCharactersUsage",
        "remotePassportEnabled",
        "securityDeviceRequired",
        "securityKeyForSignIn",
        "state",
        "unlockWithBiometricsEnabled",
    },
    selects=_intune.is_one_of("deviceEnrollmentWindowsHelloForBusinessConfiguration"),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_enrollment.PARTS,
    assignments=_enrollment.ASSIGNMENTS,
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED,
    compose=_enrollment.compose,
    built_in=_enrollment.is_default,
    built_in_update=True,
    restore=_enrollment.restore_rule(
        344, risk=Risk.MEDIUM, reason="It decides how people sign in to new devices."
    ),
    limits=(_enrollment.RANK_LIMIT,),
)
