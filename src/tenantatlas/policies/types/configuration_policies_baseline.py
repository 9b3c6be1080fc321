"""Security baselines: `configurationPolicies` of the template family baseline.

A baseline is bound to a version of its template; once that is retired, only an upgrade in place of an
existing baseline works, and a new one of the old version is refused. Baselines of the old kind live in
`intents` and are not covered. Shared facts: `_settings_catalog`.
"""

from tenantatlas.policies import writes
from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _settings_catalog

POLICY_TYPE = PolicyType(
    key="configurationPolicies.baseline",
    label="Security baselines",
    platforms=("windows",),
    docs=_settings_catalog.DOCS,
    path=_settings_catalog.PATH,
    family=_settings_catalog.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    name_field="name",
    odata_type=_settings_catalog.ODATA_TYPE,
    odata_types=frozenset({_settings_catalog.ODATA_TYPE}),
    properties=_settings_catalog.PROPERTIES,
    selects=_settings_catalog.selects_family(lambda family: family == "baseline"),
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
        order=222,
        risk=Risk.HIGH,
        reason="One baseline carries hundreds of security settings.",
        match_by=_settings_catalog.MATCH_BY,
        create=writes.create_settings_policy,
        update=writes.put_settings_policy,
    ),
    limits=(
        *_settings_catalog.LIMITS,
        "A baseline of a retired version cannot be created again; an existing one can be upgraded in the "
        "portal.",
        "Baselines of the old kind (intents) are not backed up.",
    ),
)
