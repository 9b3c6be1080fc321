"""Settings catalog policies: the `configurationPolicies` that no template family claims.

It takes the rest of the shared collection, so that a new template family (app quiet time, company portal,
maintenance windows …) is backed up from its first day. Shared facts: `_settings_catalog`.
"""

from tenantatlas.policies import writes
from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _settings_catalog

POLICY_TYPE = PolicyType(
    key="configurationPolicies",
    label="Settings catalog",
    platforms=("windows", "iOS", "macOS", "android", "linux"),
    docs=_settings_catalog.DOCS,
    path=_settings_catalog.PATH,
    family=_settings_catalog.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    name_field="name",
    odata_type=_settings_catalog.ODATA_TYPE,
    odata_types=frozenset({_settings_catalog.ODATA_TYPE}),
    properties=_settings_catalog.PROPERTIES,
    takes_rest=True,
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
        order=220,
        risk=Risk.MEDIUM,
        reason="Its settings reach devices as soon as it is assigned.",
        match_by=_settings_catalog.MATCH_BY,
        create=writes.create_settings_policy,
        update=writes.put_settings_policy,
    ),
    limits=_settings_catalog.LIMITS,
)
