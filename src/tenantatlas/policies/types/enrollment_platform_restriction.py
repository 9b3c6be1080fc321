"""Platform restrictions for one platform.

The platform cannot change; android and androidForWork are two platforms. Traps and shared facts:
`_enrollment`.
"""

from tenantatlas.policies.model import PolicyType, Risk
from tenantatlas.policies.types import _enrollment, _intune

POLICY_TYPE = PolicyType(
    key="enrollment.platformRestriction",
    label="Platform restrictions",
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
    odata_types=_intune.full_names("deviceEnrollmentPlatformRestrictionConfiguration"),
    properties=_enrollment.PROPERTIES
    | {
        "platformRestriction",
        "platformType",
    },
    selects=_intune.is_one_of("deviceEnrollmentPlatformRestrictionConfiguration"),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_enrollment.PARTS,
    assignments=_enrollment.ASSIGNMENTS,
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED,
    compose=_enrollment.compose,
    built_in=_enrollment.is_default,
    built_in_update=True,
    restore=_enrollment.restore_rule(
        342,
        risk=Risk.HIGH,
        reason="It can keep everybody from enrolling.",
        match_by=("displayName", "platformType"),
        immutable=("platformType",),
    ),
    limits=(
        "The platform of a restriction cannot change: another platform is a new restriction.",
        _enrollment.RANK_LIMIT,
    ),
)
