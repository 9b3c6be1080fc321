"""What the four kinds of `configurationPolicies` share.

One collection holds settings catalog policies, endpoint security, baselines and enrollment policies; the
template family tells them apart, and `$filter` on it is not reliable, so the list is read once and split
here.

Traps, all from tools that run against live tenants and from issue threads:
- the list gives `settingCount` and never the settings; `{item}/settings` gives 25 a page (IntuneCD#125,
  M365DSC#5921);
- `$expand=assignments` gives rows on the list and an empty array on the item (IntuneAssignmentChecker
  PR#95);
- PATCH with settings answers 400; PUT replaces everything but the assignments (M365DSC PR#4722);
- of `templateReference` only `templateId` may be sent;
- one unknown setting definition makes the whole write fail (CIPP#4241);
- a secret value comes back as a token with `valueState` encryptedValueToken, good for nothing elsewhere;
- the service adds `auditRuleInformation: null`, which the published schema does not know, to every setting
  instance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tenantatlas.core.json import Json
from tenantatlas.policies.model import Part, Reference, Secret, SecretKind
from tenantatlas.policies.types import _intune

PATH: Final = "/beta/deviceManagement/configurationPolicies"
FAMILY: Final = "deviceConfigV2"
DOCS: Final = (
    "https://learn.microsoft.com/graph/api/resources/"
    "intune-deviceconfigv2-devicemanagementconfigurationpolicy?view=graph-rest-beta"
)
ODATA_TYPE: Final = "#microsoft.graph.deviceManagementConfigurationPolicy"
#: The server's own page has 25 rows; up to 1000 are accepted. Pages can only be read one after the other.
LIST_QUERY: Final = f"{_intune.LIST_ASSIGNMENTS}&$top=500"
ASSIGNMENTS: Final = _intune.assigned_as("deviceManagementConfigurationPolicyAssignment")


def _settings_incomplete(row: Json) -> bool:
    return "settings@odata.nextLink" in row or len(row.get("settings") or ()) != row.get("settingCount")


#: The list never gives settings. A single policy is asked for them at once; what one page cannot hold is
#: read apart.
ITEM_QUERY: Final = "$expand=settings"
SETTINGS: Final = Part(
    name="settings",
    path="{item}/settings",
    into="settings",
    count_property="settingCount",
    when=_settings_incomplete,
)
PARTS: Final = (SETTINGS, _intune.ASSIGNMENTS_IF_NOT_LISTED)

#: Every top-level property of the type in the beta schema, and the two that Parts embed.
PROPERTIES: Final = frozenset(
    {
        "id", "name", "description", "platforms", "technologies", "templateReference", "roleScopeTagIds",
        "createdDateTime", "lastModifiedDateTime", "settingCount", "isAssigned", "creationSource",
        "priorityMetaData", "disableEntraGroupPolicyAssignment", "settings", "assignments",
    }
)  # fmt: skip

#: Computed by the service. `creationSource` is a token of the source tenant; `writes.put_settings_policy`
#: sends the live one.
VOLATILE: Final = (
    "priorityMetaData",
    "creationSource",
    "templateReference.@odata.type",
    "templateReference.templateDisplayName",
    "templateReference.templateDisplayVersion",
    "templateReference.templateFamily",
    "settings[].id",
    "settings[].settingDefinitions",
)
#: Order carries no meaning: a policy has each setting once.
UNORDERED: Final = {**_intune.TAGS_ARE_A_SET, "settings": ("settingInstance.settingDefinitionId",)}
#: The same name may exist once per platform and template family.
MATCH_BY: Final = ("name", "platforms", "technologies", "templateReference.templateFamily")


def is_secret_value(value: Json) -> bool:
    """A setting value that the service encrypts."""
    return _intune.odata_name(value) == "deviceManagementConfigurationSecretSettingValue"


def is_in_clear(value: Json) -> bool:
    """A secret value as a person gave it, not the token that Graph answers."""
    return bool(value.get("valueState") == "notEncrypted")


def is_reference_value(value: Json) -> bool:
    """A setting value that names a reusable settings group."""
    return _intune.odata_name(value) == "deviceManagementConfigurationReferenceSettingValue"


SECRETS: Final = (
    Secret(
        path="settings[].**.value",
        kind=SecretKind.NEEDS_INPUT,
        note="Graph answers a token instead of the value; enter it in the portal.",
        when=is_secret_value,
        given=is_in_clear,
    ),
)
NAMED_GROUPS: Final = Reference(
    path="settings[].**.value", kind="reusablePolicySettings", when=is_reference_value
)
REFERENCES: Final = (*_intune.ASSIGNED, NAMED_GROUPS)


def selects_family(accepts: Callable[[str], bool]) -> Callable[[Json], bool]:
    """Selects rows by template family; enrollment policies are known by their technology as well."""

    def selects(row: Json) -> bool:
        return accepts(template_family(row))

    return selects


def template_family(row: Json) -> str:
    """`none`, `baseline`, `endpointSecurityFirewall` …; enrollment policies are enrollmentConfiguration."""
    if "enrollment" in str(row.get("technologies") or "").split(","):
        return "enrollmentConfiguration"
    return str((row.get("templateReference") or {}).get("templateFamily") or "none")


def compose(body: Json) -> Json:
    """Tidies the settings as `tidy` says; a policy without any has an empty list."""
    return {**body, "settings": tidy(body.get("settings") or [])}


def tidy(value: Json) -> Json:
    """Leaves out the empty `auditRuleInformation` that the service adds; one with a value stays. For no
    children the service answers null and accepts only an empty list (CIPP#2194).
    """
    if isinstance(value, list):
        return [tidy(item) for item in value]
    if isinstance(value, dict):
        return {
            key: [] if key == "children" and item is None else tidy(item)
            for key, item in value.items()
            if not (key == "auditRuleInformation" and item is None)
        }
    return value


LIMITS: Final = (
    "A secret setting cannot be restored: Graph returns a token instead of its value.",
    "A policy fails as a whole when one of its settings does not exist, or is not licensed, in the tenant.",
)
