"""Update rings for Windows (windowsUpdateForBusinessConfiguration).

Traps: start, end and rollback of a pause are made by the service and refused in a write; whether a ring is
paused is a setting and is restored.
"""

from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _device_configuration_properties, _device_configurations, _intune

POLICY_TYPE = PolicyType(
    key="deviceConfigurations.updateRings",
    label="Update rings",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-deviceconfig-windowsupdateforbusinessconfiguration?view=graph-rest-beta"
    ),
    path=_device_configurations.PATH,
    family=_device_configurations.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_types=_intune.full_names(*_device_configurations.UPDATE_RINGS),
    properties=_device_configuration_properties.UPDATE_RINGS,
    selects=_intune.is_one_of(*_device_configurations.UPDATE_RINGS),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_device_configurations.parts_for(_device_configurations.UPDATE_RINGS),
    assignments=_device_configurations.ASSIGNMENTS,
    volatile=(
        *_device_configurations.VOLATILE,
        "qualityUpdatesPauseStartDate",
        "featureUpdatesPauseStartDate",
        "qualityUpdatesPauseExpiryDateTime",
        "featureUpdatesPauseExpiryDateTime",
        "qualityUpdatesRollbackStartDateTime",
        "featureUpdatesRollbackStartDateTime",
        "qualityUpdatesWillBeRolledBack",
        "featureUpdatesWillBeRolledBack",
        "deviceUpdateStates",
    ),
    unordered=_device_configurations.UNORDERED,
    references=_intune.ASSIGNED,
    restore=RestoreRule(
        order=210,
        risk=Risk.MEDIUM,
        reason="It decides when devices are patched.",
    ),
    limits=(
        "A pause begins anew when a paused ring is restored: its dates belong to the service.",
        "A rollback of updates is an action and is not restored.",
    ),
)
