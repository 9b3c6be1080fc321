"""The default platform restrictions: one object per tenant, which can be patched and nothing else.

`windowsMobileRestriction` is answered and no longer accepted. Traps and shared facts: `_enrollment`.
"""

from dataclasses import replace

from tenantatlas.policies.model import SCOPE_TAGS, PolicyType, RestoreMode, Risk
from tenantatlas.policies.types import _enrollment, _intune

POLICY_TYPE = PolicyType(
    key="enrollment.platformRestrictionsDefault",
    label="Default platform restrictions",
    platforms=(
        "windows",
        "iOS",
        "macOS",
        "android",
    ),
    docs=_enrollment.DOCS,
    path=_enrollment.PATH,
    family=_enrollment.FAMILY,
    reads=_enrollment.READS,
    writes=_enrollment.WRITES,
    odata_types=_intune.full_names("deviceEnrollmentPlatformRestrictionsConfiguration"),
    properties=_enrollment.PROPERTIES
    | {
        "androidForWorkRestriction",
        "androidRestriction",
        "iosRestriction",
        "macOSRestriction",
        "macRestriction",
        "tvosRestriction",
        "visionOSRestriction",
        "windowsHomeSkuRestriction",
        "windowsMobileRestriction",
        "windowsRestriction",
    },
    selects=_intune.is_one_of("deviceEnrollmentPlatformRestrictionsConfiguration"),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_enrollment.PARTS,
    volatile=("windowsMobileRestriction",),
    unordered=_intune.TAGS_ARE_A_SET,
    references=(SCOPE_TAGS,),
    compose=_enrollment.compose,
    built_in=_enrollment.is_default,
    built_in_update=True,
    restore=replace(
        _enrollment.restore_rule(343, risk=Risk.HIGH, reason="It is what applies to everybody else."),
        mode=RestoreMode.UPDATE_ONLY,
    ),
    limits=(
        "The tenant has one such object; it is changed in place and never made.",
        "Its name, description and tags belong to the service.",
    ),
)
