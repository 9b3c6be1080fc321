"""Feature update policies: which Windows version devices get.

Traps: a version past its end of service is refused; rollout dates in the past are refused; the texts that
describe the version are made by the service and refused in a write (M365DSC#3438, #3746). Shared facts:
`_windows_updates`.
"""

from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _windows_updates

POLICY_TYPE = PolicyType(
    key="windowsFeatureUpdateProfiles",
    label="Feature updates",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-softwareupdate-windowsfeatureupdateprofile?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/windowsFeatureUpdateProfiles",
    family=_windows_updates.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_type="#microsoft.graph.windowsFeatureUpdateProfile",
    odata_types=_intune.full_names("windowsFeatureUpdateProfile"),
    properties=_windows_updates.PROPERTIES
    | {
        "deployableContentDisplayName",
        "endOfSupportDate",
        "featureUpdateVersion",
        "installFeatureUpdatesOptional",
        "installLatestWindows10OnWindows11IneligibleDevice",
        "rolloutSettings",
    },
    parts=(_intune.ASSIGNMENTS,),
    assignments=_windows_updates.assigned_as("windowsFeatureUpdateProfileAssignment"),
    volatile=("deployableContentDisplayName", "endOfSupportDate"),
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED_WITHOUT_FILTERS,
    restore=RestoreRule(
        order=270,
        risk=Risk.HIGH,
        reason="Devices upgrade by it, and an upgrade cannot be undone.",
        strip_update=("installLatestWindows10OnWindows11IneligibleDevice",),
    ),
    limits=(
        "A policy for a Windows version past its end of service cannot be created.",
        "A rollout whose dates have passed is refused by Graph; set new dates in the portal.",
        _windows_updates.NEEDS_ENTITLEMENT,
    ),
)
