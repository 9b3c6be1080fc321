"""Administrative templates (ADMX).

Traps: the values are two levels below the policy, and `$expand` goes one deep, so presentation values take
one read per configured definition; the endpoints throttle well below the documented numbers
(IntuneBackupAndRestore#95); values are written by `updateDefinitionValues` with absolute URLs, deletions
and additions in calls of their own (POST to definitionValues answers 404 in some tenants,
IntuneManagement#377); built-in definitions have the same ids everywhere, those of an uploaded ADMX file new
ones at each upload (IntuneManagement#84); the list says the ingestion type, the item "unknown". Since March
2025 Microsoft moves built-in templates to the settings catalog.
"""

from tenantatlas.core.json import Json
from tenantatlas.policies import writes
from tenantatlas.policies.model import Part, PolicyType, Reference, RestoreRule, Risk
from tenantatlas.policies.types import _intune

_VALUES = "definitionValues"
_PRESENTATIONS = "presentationValues"
_SELECT = "id,classType,displayName,policyType,groupPolicyCategoryId,categoryPath"


def _is_uploaded(definition: Json) -> bool:
    return bool(definition.get("policyType") == "admxIngested")


def _compose(body: Json) -> Json:
    return {**body, _VALUES: [_with_named_presentations(row) for row in body.get(_VALUES) or ()]}


def _with_named_presentations(row: Json) -> Json:
    return {
        "configurationType": "policy",
        **row,
        _PRESENTATIONS: [
            {**value, "presentation": _identity(value.get("presentation") or {})}
            for value in row.get(_PRESENTATIONS) or ()
        ],
    }


def _identity(presentation: Json) -> Json:
    return {name: presentation[name] for name in ("id", "label") if name in presentation}


POLICY_TYPE = PolicyType(
    key="groupPolicyConfigurations",
    label="Administrative templates",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-grouppolicy-grouppolicyconfiguration?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/groupPolicyConfigurations",
    family="gpAnalytics",
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_type="#microsoft.graph.groupPolicyConfiguration",
    odata_types=_intune.full_names("groupPolicyConfiguration"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "policyConfigurationIngestionType",
            "roleScopeTagIds",
            "createdDateTime",
            "lastModifiedDateTime",
            "assignments",
            _VALUES,
        }
    ),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=(
        _intune.ASSIGNMENTS_IF_NOT_LISTED,
        Part(
            name=_VALUES,
            path=f"{{item}}/{_VALUES}?$expand=definition($select={_SELECT})",
            into=_VALUES,
        ),
        Part(
            name=_PRESENTATIONS,
            path=f"{{item}}/{_VALUES}/{{id}}/{_PRESENTATIONS}?$expand=presentation",
            into=_PRESENTATIONS,
            for_each=_VALUES,
        ),
    ),
    assignments=_intune.assigned_as("groupPolicyConfigurationAssignment"),
    volatile=(
        "policyConfigurationIngestionType",
        f"{_VALUES}[].id",
        f"{_VALUES}[].createdDateTime",
        f"{_VALUES}[].lastModifiedDateTime",
        f"{_VALUES}[].definition.groupPolicyCategoryId",
        f"{_VALUES}[].{_PRESENTATIONS}[].id",
        f"{_VALUES}[].{_PRESENTATIONS}[].createdDateTime",
        f"{_VALUES}[].{_PRESENTATIONS}[].lastModifiedDateTime",
    ),
    unordered={
        **_intune.TAGS_ARE_A_SET,
        _VALUES: ("definition.id",),
        f"{_VALUES}[].{_PRESENTATIONS}": ("presentation.id",),
    },
    references=(
        *_intune.ASSIGNED,
        Reference(
            path=f"{_VALUES}[].definition.id",
            kind="groupPolicyDefinitions",
            check="/beta/deviceManagement/groupPolicyDefinitions/{id}",
            when=_is_uploaded,
        ),
    ),
    compose=_compose,
    restore=RestoreRule(
        order=240,
        risk=Risk.MEDIUM,
        reason="Its settings reach devices as soon as it is assigned.",
        create=writes.create_group_policy,
        update=writes.update_group_policy,
        strip_create=(_VALUES,),
        strip_update=(_VALUES,),
    ),
    limits=(
        "Settings of an uploaded ADMX file are restored only where that same upload still exists: its "
        "definitions get new ids each time, and the file is not given back by Graph.",
        "Some tenants no longer accept new administrative templates, since Microsoft moves them to the "
        "settings catalog.",
    ),
)
