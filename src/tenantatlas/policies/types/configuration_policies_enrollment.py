"""Enrollment policies of the new model: Autopilot device preparation and Apple automated device enrollment.

They are `configurationPolicies` of the family enrollmentConfiguration or the technology enrollment. Traps:
the device group of device preparation is read by an action that uses POST
(`retrieveEnrollmentTimeDeviceMembershipTarget`), which a backup does not send; assignment filters are
refused; PUT without `creationSource` answers 400 for Apple enrollment. Shared facts: `_settings_catalog`.
"""

from dataclasses import replace

from tenantatlas.policies import writes
from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _settings_catalog

POLICY_TYPE = PolicyType(
    key="configurationPolicies.enrollment",
    label="Enrollment policies",
    platforms=("windows", "iOS", "macOS"),
    docs=_settings_catalog.DOCS,
    path=_settings_catalog.PATH,
    family=_settings_catalog.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    name_field="name",
    odata_type=_settings_catalog.ODATA_TYPE,
    odata_types=frozenset({_settings_catalog.ODATA_TYPE}),
    properties=_settings_catalog.PROPERTIES,
    selects=_settings_catalog.selects_family(lambda family: family == "enrollmentConfiguration"),
    list_query=_settings_catalog.LIST_QUERY,
    item_query=_settings_catalog.ITEM_QUERY,
    parts=_settings_catalog.PARTS,
    assignments=replace(_settings_catalog.ASSIGNMENTS, filters=False),
    volatile=_settings_catalog.VOLATILE,
    unordered=_settings_catalog.UNORDERED,
    secrets=_settings_catalog.SECRETS,
    references=(*_intune.ASSIGNED_WITHOUT_FILTERS, _settings_catalog.NAMED_GROUPS),
    compose=_settings_catalog.compose,
    restore=RestoreRule(
        order=330,
        risk=Risk.HIGH,
        reason="New devices enroll by it.",
        match_by=_settings_catalog.MATCH_BY,
        create=writes.create_settings_policy,
        update=writes.put_settings_policy,
    ),
    limits=(
        *_settings_catalog.LIMITS,
        "The device group of a device preparation policy is not in the backup: choose it again in the "
        "portal.",
        "Apps and scripts that a device preparation policy allows are kept by id and not mapped to "
        "another tenant.",
        "The priority among enrollment policies is not restored.",
    ),
)
