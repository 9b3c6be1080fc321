"""Wi-Fi, VPN, wired and e-mail profiles.

Traps: shared keys come back null, so a profile that lives by one is refused rather than written without it;
the certificates are navigations (see `_device_configurations`).
"""

from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _device_configuration_properties, _device_configurations, _intune

POLICY_TYPE = PolicyType(
    key="deviceConfigurations.network",
    label="Wi-Fi, VPN, wired and e-mail profiles",
    platforms=("windows", "iOS", "macOS", "android"),
    docs=_device_configurations.DOCS,
    path=_device_configurations.PATH,
    family=_device_configurations.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_types=_intune.full_names(*_device_configurations.NETWORK),
    properties=_device_configuration_properties.NETWORK,
    selects=_intune.is_one_of(*_device_configurations.NETWORK),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_device_configurations.parts_for(_device_configurations.NETWORK),
    assignments=_device_configurations.ASSIGNMENTS,
    volatile=_device_configurations.VOLATILE,
    unordered=_device_configurations.UNORDERED,
    secrets=_device_configurations.KEYS,
    references=_device_configurations.references_for(_device_configurations.NETWORK),
    compose=_device_configurations.compose,
    restore=RestoreRule(
        order=205,
        risk=Risk.HIGH,
        reason="A wrong key or certificate takes devices off the network.",
        create=_device_configurations.create,
        update=_device_configurations.update,
        strip_create=_device_configurations.NAVIGATIONS,
        strip_update=_device_configurations.NAVIGATIONS,
        refuse=_device_configurations.refuse_without_keys,
        recreate="Devices join the network anew.",
    ),
    limits=(
        "A profile with a shared key (Wi-Fi, IKEv2) is not restored: Graph never gives the key back.",
        "Passwords of proxies and tunnels are not in the backup.",
    ),
)
