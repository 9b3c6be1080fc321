"""Software update policies of iOS and macOS."""

from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _device_configuration_properties, _device_configurations, _intune

POLICY_TYPE = PolicyType(
    key="deviceConfigurations.appleUpdates",
    label="Apple update policies",
    platforms=("iOS", "macOS"),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-deviceconfig-iosupdateconfiguration?view=graph-rest-beta"
    ),
    path=_device_configurations.PATH,
    family=_device_configurations.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_types=_intune.full_names(*_device_configurations.APPLE_UPDATES),
    properties=_device_configuration_properties.APPLE_UPDATES,
    selects=_intune.is_one_of(*_device_configurations.APPLE_UPDATES),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_device_configurations.parts_for(_device_configurations.APPLE_UPDATES),
    assignments=_device_configurations.ASSIGNMENTS,
    volatile=_device_configurations.VOLATILE,
    unordered=_device_configurations.UNORDERED,
    references=_intune.ASSIGNED,
    restore=RestoreRule(
        order=211,
        risk=Risk.MEDIUM,
        reason="It decides when devices install a new system version.",
    ),
    limits=("A policy that asks for a system version Apple no longer offers has no effect on devices.",),
)
