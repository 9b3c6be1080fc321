"""Reusable settings groups: named by endpoint security and privilege management policies.

Traps: the list leaves the settings out; PATCH has no route, PUT replaces; null children must be sent as an
empty list; right after a create the settings may be missing; there are no scope tags; one in use cannot be
deleted.
"""

from tenantatlas.core.json import Json
from tenantatlas.policies import writes
from tenantatlas.policies.model import PolicyType, RestoreRule, Risk, Secret, SecretKind
from tenantatlas.policies.types import _intune, _settings_catalog

_SETTING = "settingInstance"


def _compose(body: Json) -> Json:
    return {**body, _SETTING: _settings_catalog.tidy(body.get(_SETTING))}


def _refuse(body: Json) -> tuple[str, ...]:
    return () if body.get(_SETTING) else ("Its settings are not in the backup.",)


POLICY_TYPE = PolicyType(
    key="reusablePolicySettings",
    label="Reusable settings groups",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-deviceconfigv2-devicemanagementreusablepolicysetting?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/reusablePolicySettings",
    family=_settings_catalog.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    scope_tags="",
    odata_type="#microsoft.graph.deviceManagementReusablePolicySetting",
    odata_types=_intune.full_names("deviceManagementReusablePolicySetting"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "settingDefinitionId",
            _SETTING,
            "version",
            "createdDateTime",
            "lastModifiedDateTime",
            "referencingConfigurationPolicyCount",
            "referencingConfigurationPolicies",
        }
    ),
    reads_item=True,
    volatile=("referencingConfigurationPolicyCount", "referencingConfigurationPolicies"),
    secrets=(
        Secret(
            path=f"{_SETTING}.**.value",
            kind=SecretKind.NEEDS_INPUT,
            note="Graph answers a token instead of the value; enter it in the portal.",
            when=_settings_catalog.is_secret_value,
            given=_settings_catalog.is_in_clear,
        ),
    ),
    compose=_compose,
    foundation=True,
    restore=RestoreRule(
        order=70,
        risk=Risk.MEDIUM,
        reason="Several policies may name it.",
        match_by=("displayName", "settingDefinitionId"),
        update=writes.put_settings_policy,
        refuse=_refuse,
    ),
    limits=("What a settings group is about (its setting definition) cannot change.",),
)
