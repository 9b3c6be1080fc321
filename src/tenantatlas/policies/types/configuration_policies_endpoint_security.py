"""Endpoint security policies: `configurationPolicies` whose template family begins with endpointSecurity.

Every setting carries references to its template (`settingInstanceTemplateReference`,
`settingValueTemplateReference`); their ids are compared case by case and belong to one version of the
template (CIPP#4241), so they are kept as read. A template that Microsoft has retired refuses creates.
Shared facts: `_settings_catalog`.
"""

from tenantatlas.policies import writes
from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _settings_catalog

POLICY_TYPE = PolicyType(
    key="configurationPolicies.endpointSecurity",
    label="Endpoint security",
    platforms=("windows", "macOS", "linux"),
    docs=_settings_catalog.DOCS,
    path=_settings_catalog.PATH,
    family=_settings_catalog.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    name_field="name",
    odata_type=_settings_catalog.ODATA_TYPE,
    odata_types=frozenset({_settings_catalog.ODATA_TYPE}),
    properties=_settings_catalog.PROPERTIES,
    selects=_settings_catalog.selects_family(lambda family: family.startswith("endpointSecurity")),
    list_query=_settings_catalog.LIST_QUERY,
    item_query=_settings_catalog.ITEM_QUERY,
    parts=_settings_catalog.PARTS,
    assignments=_settings_catalog.ASSIGNMENTS,
    volatile=_settings_catalog.VOLATILE,
    unordered=_settings_catalog.UNORDERED,
    secrets=_settings_catalog.SECRETS,
    references=_settings_catalog.REFERENCES,
    compose=_settings_catalog.compose,
    restore=RestoreRule(
        order=221,
        risk=Risk.HIGH,
        reason="It carries firewall, antivirus and detection settings.",
        match_by=_settings_catalog.MATCH_BY,
        create=writes.create_settings_policy,
        update=writes.put_settings_policy,
    ),
    limits=(
        *_settings_catalog.LIMITS,
        "A policy made from a template that Microsoft has retired cannot be created again.",
        "The onboarding blob of endpoint detection and response is a secret and must be entered anew.",
    ),
)
