"""What feature, quality and driver update policies share.

Traps: `$top` above 200 answers 400, and so do name filters; assignments take groups only, without filters;
an expanded list works in some tenants and answers 400 in others, so assignments are read apart; writes need
the entitlement of Windows Update for Business (403 without); the government clouds lack parts of it
(M365DSC#3667).
"""

from typing import Final

from tenantatlas.policies.model import AssignmentRule
from tenantatlas.policies.types import _intune

FAMILY: Final = "updates"
PROPERTIES: Final = frozenset(
    {
        "id",
        "displayName",
        "description",
        "roleScopeTagIds",
        "createdDateTime",
        "lastModifiedDateTime",
        "assignments",
    }
)
NEEDS_ENTITLEMENT: Final = (
    "A tenant without the Windows Update for Business deployment service refuses these policies."
)


def assigned_as(odata_type: str) -> AssignmentRule:
    """Groups and excluded groups, no filters."""
    return AssignmentRule(
        odata_type=f"#microsoft.graph.{odata_type}", targets=_intune.GROUPS_ONLY, filters=False
    )
