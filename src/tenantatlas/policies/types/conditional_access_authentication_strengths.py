"""Authentication strengths: which combinations of methods satisfy conditional access.

Traps: built-in strengths have the same ids everywhere (…0002, …0003, …0004) and cannot be written; names
are unique; a PATCH changes name and description only, the combinations go through
`updateAllowedCombinations`, the restrictions (keys, certificate issuers) are children; one in use cannot be
deleted. Shared facts: `_conditional_access`.
"""

from tenantatlas.core.json import Json
from tenantatlas.policies import writes
from tenantatlas.policies.model import Part, PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _conditional_access, _intune

_DETAILS = "combinationConfigurations"


def _is_built_in(body: Json) -> bool:
    return body.get("policyType") == "builtIn" or body.get("id") in _conditional_access.STRENGTH_IDS


def _details_not_listed(row: Json) -> bool:
    return not _is_built_in(row) and (_DETAILS not in row or f"{_DETAILS}@odata.nextLink" in row)


POLICY_TYPE = PolicyType(
    key="conditionalAccess.authenticationStrengths",
    label="Authentication strengths",
    platforms=("all",),
    docs="https://learn.microsoft.com/graph/api/resources/authenticationstrengthpolicy?view=graph-rest-1.0",
    path="/v1.0/policies/authenticationStrengthPolicies",
    family=_conditional_access.FAMILY,
    reads=(
        "Policy.Read.AuthenticationMethod",
        "Policy.Read.All",
        "Policy.ReadWrite.AuthenticationMethod",
        *_conditional_access.WRITE,
    ),
    writes=(*_conditional_access.WRITE, "Policy.ReadWrite.AuthenticationMethod"),
    scope_tags="",
    odata_type="#microsoft.graph.authenticationStrengthPolicy",
    odata_types=_intune.full_names("authenticationStrengthPolicy"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "policyType",
            "requirementsSatisfied",
            "allowedCombinations",
            "createdDateTime",
            "modifiedDateTime",
            "deletedDateTime",
            _DETAILS,
        }
    ),
    list_query=f"$expand={_DETAILS}",
    parts=(
        Part(
            name=_DETAILS,
            path=f"{{item}}/{_DETAILS}",
            into=_DETAILS,
            when=_details_not_listed,
            batchable=False,
        ),
    ),
    volatile=("policyType", "requirementsSatisfied", "deletedDateTime", f"{_DETAILS}[].id"),
    unordered={
        "allowedCombinations": ("",),
        _DETAILS: ("@odata.type", "appliesToCombinations"),
        f"{_DETAILS}[].appliesToCombinations": ("",),
        f"{_DETAILS}[].allowedAAGUIDs": ("",),
        f"{_DETAILS}[].allowedIssuerSkis": ("",),
        f"{_DETAILS}[].allowedPolicyOIDs": ("",),
    },
    built_in=_is_built_in,
    foundation=True,
    batchable=False,
    restore=RestoreRule(
        order=45,
        risk=Risk.HIGH,
        reason="Conditional access policies grant access by it.",
        match_by=("displayName",),
        update=writes.update_authentication_strength,
        strip_update=("allowedCombinations", _DETAILS),
        serial=True,
    ),
    limits=("Built-in strengths exist in every tenant and are never written.",),
)
