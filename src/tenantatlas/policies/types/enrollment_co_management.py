"""Co-management authority: who manages a device that Configuration Manager manages too.

Traps and shared facts: `_enrollment`.
"""

from tenantatlas.policies.model import PolicyType, Risk
from tenantatlas.policies.types import _enrollment, _intune

POLICY_TYPE = PolicyType(
    key="enrollment.coManagement",
    label="Co-management",
    platforms=("windows",),
    docs=_enrollment.DOCS,
    path=_enrollment.PATH,
    family=_enrollment.FAMILY,
    reads=_enrollment.READS,
    writes=_enrollment.WRITES,
    odata_types=_intune.full_names("deviceComanagementAuthorityConfiguration"),
    properties=_enrollment.PROPERTIES
    | {
        "configurationManagerAgentCommandLineArgument",
        "installConfigurationManagerAgent",
        "managedDeviceAuthority",
    },
    selects=_intune.is_one_of("deviceComanagementAuthorityConfiguration"),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_enrollment.PARTS,
    assignments=_enrollment.ASSIGNMENTS,
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED,
    compose=_enrollment.compose,
    built_in=_enrollment.is_default,
    built_in_update=True,
    restore=_enrollment.restore_rule(345, risk=Risk.HIGH, reason="It switches workloads between managers."),
    limits=(_enrollment.RANK_LIMIT,),
)
