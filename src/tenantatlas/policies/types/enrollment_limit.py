"""Device limits: how many devices one person may enroll. Traps and shared facts: `_enrollment`."""

from tenantatlas.policies.model import PolicyType, Risk
from tenantatlas.policies.types import _enrollment, _intune

POLICY_TYPE = PolicyType(
    key="enrollment.limit",
    label="Device limits",
    platforms=("all",),
    docs=_enrollment.DOCS,
    path=_enrollment.PATH,
    family=_enrollment.FAMILY,
    reads=_enrollment.READS,
    writes=_enrollment.WRITES,
    odata_types=_intune.full_names("deviceEnrollmentLimitConfiguration"),
    properties=_enrollment.PROPERTIES
    | {
        "limit",
    },
    selects=_intune.is_one_of("deviceEnrollmentLimitConfiguration"),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_enrollment.PARTS,
    assignments=_enrollment.ASSIGNMENTS,
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED,
    compose=_enrollment.compose,
    built_in=_enrollment.is_default,
    built_in_update=True,
    restore=_enrollment.restore_rule(
        341, risk=Risk.MEDIUM, reason="It can keep people from enrolling a device."
    ),
    limits=(_enrollment.RANK_LIMIT,),
)
