"""Driver update policies.

Traps: how drivers are approved cannot change; a deferral is required with automatic approval and refused
with manual (IntuneCD#184); which drivers were approved lives in an inventory that the service builds anew
for each policy. Shared facts: `_windows_updates`.
"""

from tenantatlas.policies import writes
from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _windows_updates

POLICY_TYPE = PolicyType(
    key="windowsDriverUpdateProfiles",
    label="Driver updates",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-softwareupdate-windowsdriverupdateprofile?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/windowsDriverUpdateProfiles",
    family=_windows_updates.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_type="#microsoft.graph.windowsDriverUpdateProfile",
    odata_types=_intune.full_names("windowsDriverUpdateProfile"),
    properties=_windows_updates.PROPERTIES
    | {
        "approvalType",
        "deploymentDeferralInDays",
        "deviceReporting",
        "inventorySyncStatus",
        "newUpdates",
        "driverInventories",
    },
    parts=(_intune.ASSIGNMENTS,),
    assignments=_windows_updates.assigned_as("windowsDriverUpdateProfileAssignment"),
    volatile=("newUpdates", "deviceReporting", "inventorySyncStatus", "driverInventories"),
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED_WITHOUT_FILTERS,
    restore=RestoreRule(
        order=273,
        risk=Risk.HIGH,
        reason="It installs drivers and firmware.",
        match_by=("displayName", "approvalType"),
        create=writes.create_driver_profile,
        update=writes.update_driver_profile,
        strip_update=("approvalType",),
        recreate="Drivers approved by hand must be approved again.",
    ),
    limits=(
        "Which drivers were approved or declined by hand is not backed up: the service builds that list for "
        "each policy.",
        "How drivers are approved cannot change: another way is a new policy.",
        _windows_updates.NEEDS_ENTITLEMENT,
    ),
)
