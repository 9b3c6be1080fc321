"""What the kinds of `deviceEnrollmentConfigurations` share.

One polymorphic collection of nine types; `$filter` works for one value at a time and drops rows with `or`,
so the list is read once and split here.

Traps, from tools that run against live tenants:
- the tenant's default objects (id …_Default…, priority 0) can only be patched; name, description, tags,
  priority and targets are not theirs to change;
- an exclusion is accepted and stored as an inclusion, so it is refused here (IntuneAssignmentChecker#44);
- writes at the same time conflict: one at a time;
- a new object gets the lowest rank; `setPriority` moves it, and answers 400 for the rank it has (M365DSC
  PR#4295).
"""

from typing import Final

from tenantatlas.core.json import Json
from tenantatlas.policies import writes
from tenantatlas.policies.model import AssignmentRule, RestoreRule, Risk
from tenantatlas.policies.types import _intune

PATH: Final = "/beta/deviceManagement/deviceEnrollmentConfigurations"
FAMILY: Final = "enrollment"
DOCS: Final = (
    "https://learn.microsoft.com/graph/api/resources/"
    "intune-onboarding-deviceenrollmentconfiguration?view=graph-rest-beta"
)
READS: Final = (*_intune.SERVICE_READ, *_intune.CONFIGURATION_READ)
WRITES: Final = (*_intune.SERVICE_WRITE, *_intune.CONFIGURATION_WRITE)
PARTS: Final = (_intune.ASSIGNMENTS_IF_NOT_LISTED,)
ASSIGNMENTS: Final = AssignmentRule(
    body_key="enrollmentConfigurationAssignments",
    odata_type="#microsoft.graph.enrollmentConfigurationAssignment",
    targets=frozenset(
        {"groupAssignmentTarget", "allDevicesAssignmentTarget", "allLicensedUsersAssignmentTarget"}
    ),
    exclusions_stored_as_inclusions=True,
)
PROPERTIES: Final = frozenset(
    {
        "id",
        "displayName",
        "description",
        "priority",
        "version",
        "deviceEnrollmentConfigurationType",
        "roleScopeTagIds",
        "createdDateTime",
        "lastModifiedDateTime",
        "assignments",
    }
)
RANK_LIMIT: Final = (
    "The rank among policies of a kind is restored as far as the tenant's other policies allow."
)


def is_default(body: Json) -> bool:
    """The object that every tenant has for those whom no other policy targets."""
    if "_Default" in str(body.get("id") or ""):
        return True
    return bool(body.get("priority") == 0 and body.get("displayName") == "All users and all devices")


def compose(body: Json) -> Json:
    """A default object targets everybody and cannot be assigned: what it says of that is no part of it."""
    return {**body, "assignments": []} if is_default(body) else body


def restore_rule(
    order: int, *, risk: Risk, reason: str, match_by: tuple[str, ...] = (), immutable: tuple[str, ...] = ()
) -> RestoreRule:
    """The way every kind is written; `immutable` cannot change after the create."""
    return RestoreRule(
        order=order,
        risk=risk,
        reason=reason,
        match_by=match_by,
        create=writes.create_enrollment_configuration,
        update=writes.update_enrollment_configuration,
        strip_create=("priority",),
        strip_update=("priority", "deviceEnrollmentConfigurationType", *immutable),
        serial=True,
        rewrites=("priority",),
    )
