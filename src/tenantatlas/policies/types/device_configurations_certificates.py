"""Certificate profiles: trusted roots, SCEP, PKCS, imported PFX.

Traps: SCEP and PKCS name their trusted root by a navigation (see `_device_configurations`), so roots are
written first; `trustedRootCertificate` itself is given back in full; private keys never are; a profile with
a new id issues its certificates anew on every device.
"""

from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _device_configuration_properties, _device_configurations, _intune

POLICY_TYPE = PolicyType(
    key="deviceConfigurations.certificates",
    label="Certificate profiles",
    platforms=("windows", "iOS", "macOS", "android"),
    docs=_device_configurations.DOCS,
    path=_device_configurations.PATH,
    family=_device_configurations.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_types=_intune.full_names(*_device_configurations.CERTIFICATES),
    properties=_device_configuration_properties.CERTIFICATES,
    selects=_intune.is_one_of(*_device_configurations.CERTIFICATES),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=_device_configurations.parts_for(_device_configurations.CERTIFICATES),
    assignments=_device_configurations.ASSIGNMENTS,
    volatile=_device_configurations.VOLATILE,
    unordered=_device_configurations.UNORDERED,
    references=_device_configurations.references_for(_device_configurations.CERTIFICATES),
    compose=_device_configurations.compose,
    restore=RestoreRule(
        order=202,
        risk=Risk.HIGH,
        reason="Devices authenticate by these certificates.",
        create=_device_configurations.create,
        update=_device_configurations.update,
        strip_create=_device_configurations.NAVIGATIONS,
        strip_update=_device_configurations.NAVIGATIONS,
        recreate="Every device gets a new certificate.",
    ),
    limits=(
        "Private keys and imported PFX certificates are never given out by Graph and are not in the backup.",
        "Root, client certificate and the profile that uses them work only when assigned to the same groups.",
    ),
)
