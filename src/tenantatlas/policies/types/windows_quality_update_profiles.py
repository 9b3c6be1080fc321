"""Expedited quality updates: one release, installed at once.

A release that left the catalog is refused. Shared facts: `_windows_updates`.
"""

from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _windows_updates

POLICY_TYPE = PolicyType(
    key="windowsQualityUpdateProfiles",
    label="Expedited quality updates",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-softwareupdate-windowsqualityupdateprofile?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/windowsQualityUpdateProfiles",
    family=_windows_updates.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_type="#microsoft.graph.windowsQualityUpdateProfile",
    odata_types=_intune.full_names("windowsQualityUpdateProfile"),
    properties=_windows_updates.PROPERTIES
    | {"deployableContentDisplayName", "expeditedUpdateSettings", "releaseDateDisplayName"},
    parts=(_intune.ASSIGNMENTS,),
    assignments=_windows_updates.assigned_as("windowsQualityUpdateProfileAssignment"),
    volatile=("deployableContentDisplayName", "releaseDateDisplayName"),
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED_WITHOUT_FILTERS,
    restore=RestoreRule(
        order=271,
        risk=Risk.HIGH,
        reason="It makes devices restart soon.",
    ),
    limits=(
        "A policy for a release that is no longer in Microsoft's catalog cannot be created.",
        _windows_updates.NEEDS_ENTITLEMENT,
    ),
)
