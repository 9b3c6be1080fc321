"""Enrollment status pages: what a device must finish before it can be used.

A blocking app that does not exist keeps every new device from finishing. Traps and shared facts:
`_enrollment`.
"""

from tenantatlas.policies.model import PolicyType, Risk
from tenantatlas.policies.types import _enrollment, _intune

POLICY_TYPE = PolicyType(
    key="enrollment.statusPage",
    label="Enrollment status page",
    platforms=("windows",),
    docs=_enrollment.DOCS,
    path=_enrollment.PATH,
    family=_enrollment.FAMILY,
    reads=_enrollment.READS,
    writes=_enrollment.WRITES,
    odata_types=_intune.full_names("windows10EnrollmentCompletionPageConfiguration"),
    properties=_enrollment.PROPERTIES
    | {
        "allowDeviceResetOnInstallFailure",
        "allowDeviceUseOnInstallFailure",
        "allowLogCollectionOnInstallFailure",
        "allowNonBlockingAppInstallation",
        "blockDeviceSetupRetryByUser",
        "customErrorMessage",
        "disableUserStatusTrackingAfterFirstUser",
        "installProgressTimeoutInMinutes",
        "installQualityUpdates",
        "selectedMobileAppIds",
        "showInstallationProgress",
        "trackInstallProgressForAutopilotOnly",
    },
    selects=_intune.is_one_of("windows10EnrollmentCompletionPageConfiguration"),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_enrollment.PARTS,
    assignments=_enrollment.ASSIGNMENTS,
    unordered={**_intune.TAGS_ARE_A_SET, "selectedMobileAppIds": ("",)},
    references=(*_intune.ASSIGNED, _intune.mobile_apps("selectedMobileAppIds[]")),
    compose=_enrollment.compose,
    built_in=_enrollment.is_default,
    built_in_update=True,
    restore=_enrollment.restore_rule(
        340, risk=Risk.HIGH, reason="It can keep new devices from finishing their setup."
    ),
    limits=(
        "The apps it waits for must be in the tenant; apps themselves are not backed up.",
        _enrollment.RANK_LIMIT,
    ),
)
