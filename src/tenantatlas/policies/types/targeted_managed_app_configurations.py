"""App configuration for managed apps.

Trap: `{item}/settings` fails, only `$expand=settings` gives them (M365DSC#5672); they are written by
`changeSettings` after the create. Traps and shared facts: `_app_protection`.
"""

from tenantatlas.policies import writes
from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _app_protection, _intune, _settings_catalog

POLICY_TYPE = PolicyType(
    key="targetedManagedAppConfigurations",
    label="App configuration (managed apps)",
    platforms=("iOS", "android", "windows"),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-mam-targetedmanagedappconfiguration?view=graph-rest-beta"
    ),
    path="/beta/deviceAppManagement/targetedManagedAppConfigurations",
    family=_app_protection.FAMILY,
    reads=_intune.APPS_READ,
    writes=_intune.APPS_WRITE,
    odata_type="#microsoft.graph.targetedManagedAppConfiguration",
    odata_types=_intune.full_names("targetedManagedAppConfiguration"),
    properties=_app_protection.PROPERTIES | {"customSettings", "settings"},
    reads_item=True,
    item_query="$expand=apps,settings,assignments",
    assignments=_app_protection.ASSIGNMENTS,
    volatile=(*_app_protection.VOLATILE, "settings[].id", "settings[].settingDefinitions"),
    unordered={
        **_intune.TAGS_ARE_A_SET,
        **_app_protection.APPS,
        "customSettings": ("name",),
        "settings": ("settingInstance.settingDefinitionId",),
    },
    secrets=_settings_catalog.SECRETS,
    references=_intune.ASSIGNED,
    compose=_settings_catalog.compose,
    restore=RestoreRule(
        order=286,
        risk=Risk.MEDIUM,
        reason="It changes how apps behave.",
        create=writes.create_app_policy,
        update=writes.update_targeted_configuration,
        strip_create=("apps",),
        strip_update=("apps", "settings"),
    ),
    limits=("A password or key inside a setting is kept as it is in the policy.",),
)
