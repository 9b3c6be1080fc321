"""Enrollment notifications, and every enrollment configuration of a kind that this program does not know.

The texts of a notification live in hidden message templates that an action of its own makes; they are not
read, so it is kept and never written. Traps and shared facts: `_enrollment`.
"""

from tenantatlas.policies.model import PolicyType, RestoreMode, RestoreRule, Risk
from tenantatlas.policies.types import _enrollment, _intune

POLICY_TYPE = PolicyType(
    key="enrollment.notifications",
    label="Enrollment notifications",
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
    odata_types=_intune.full_names("deviceEnrollmentNotificationConfiguration"),
    properties=_enrollment.PROPERTIES
    | {
        "brandingOptions",
        "defaultLocale",
        "notificationMessageTemplateId",
        "notificationTemplates",
        "platformType",
        "templateType",
    },
    takes_rest=True,
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_enrollment.PARTS,
    assignments=_enrollment.ASSIGNMENTS,
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED,
    compose=_enrollment.compose,
    built_in=_enrollment.is_default,
    built_in_update=True,
    restore=RestoreRule(
        order=347,
        mode=RestoreMode.BACKUP_ONLY,
        risk=Risk.LOW,
        reason="Enrollment notifications are kept without their texts and never written.",
    ),
    limits=(
        "Settings and targets are backed up; the texts of the messages are not, and nothing is restored.",
    ),
)
