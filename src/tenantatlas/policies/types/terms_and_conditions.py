"""Intune terms and conditions: a text that people accept before they enroll.

Traps: `version` must be at least 1 in a create, and a higher one asks everybody to accept again, so it is
never changed; targets are added and removed one by one, and an exclusion is stored as an inclusion;
assignments cannot be expanded.
"""

from dataclasses import replace

from tenantatlas.policies import writes
from tenantatlas.policies.model import (
    AssignmentRule,
    AssignWrite,
    PolicyType,
    RestoreRule,
    Risk,
    Step,
    WriteContext,
)
from tenantatlas.policies.types import _intune


def _create(ctx: WriteContext) -> tuple[Step, ...]:
    return tuple(replace(step, body={**step.body, "version": 1}) for step in writes.create_by_post(ctx))


POLICY_TYPE = PolicyType(
    key="termsAndConditions",
    label="Terms and conditions",
    platforms=("all",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-companyterms-termsandconditions?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/termsAndConditions",
    family="companyTerms",
    reads=_intune.SERVICE_READ,
    writes=_intune.SERVICE_WRITE,
    odata_type="#microsoft.graph.termsAndConditions",
    odata_types=_intune.full_names("termsAndConditions"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "title",
            "bodyText",
            "acceptanceStatement",
            "version",
            "roleScopeTagIds",
            "createdDateTime",
            "lastModifiedDateTime",
            "modifiedDateTime",
            "acceptanceStatuses",
            "groupAssignments",
            "assignments",
        }
    ),
    parts=(_intune.ASSIGNMENTS,),
    assignments=AssignmentRule(
        write=AssignWrite.ONE_BY_ONE,
        path="{item}/assignments",
        odata_type="#microsoft.graph.termsAndConditionsAssignment",
        targets=frozenset({"groupAssignmentTarget", "allLicensedUsersAssignmentTarget"}),
        filters=False,
        exclusions_stored_as_inclusions=True,
    ),
    volatile=("acceptanceStatuses", "groupAssignments"),
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED_WITHOUT_FILTERS,
    restore=RestoreRule(
        order=110,
        risk=Risk.MEDIUM,
        reason="People must accept it before they can enroll.",
        create=_create,
        recreate="Everybody must accept the terms again.",
    ),
    limits=(
        "Who has accepted the terms is not backed up.",
        "The version number is not restored: a higher one would make everybody accept again.",
    ),
)
