"""Conditional access policies.

Read and written through beta: a policy with preview conditions loses them in v1.0, and writing that back
would weaken it.

Traps: a policy that was enabled comes back in report-only mode; of an authentication strength only the id
is sent; null members in a PATCH are unreliable, so whole sub-objects are sent (msgraph-metadata#93);
`disableResilienceDefaults` false must go out as null (M365DSC#5940); security defaults must be off before a
policy is enabled; the generic 400 hides many causes (1011 no application, 1040 location not visible yet,
1235 session controls with protocol flows). The service answers a few members that its schema does not
declare (`times`, `signInRiskDetections` …): empty ones are left out, others hold the policy. Shared facts:
`_conditional_access`.
"""

from typing import Final

from tenantatlas.core.json import Json
from tenantatlas.policies import writes
from tenantatlas.policies.model import PolicyType, Reference, RestoreRule, Risk
from tenantatlas.policies.types import _conditional_access, _intune

_EVERYBODY: Final = frozenset({"All", "None", "GuestsOrExternalUsers"})
_EVERYWHERE: Final = frozenset({"All", "AllTrusted", "00000000-0000-0000-0000-000000000000"})
_OWN_PRINCIPALS: Final = frozenset({"ServicePrincipalsInMyTenant"})
#: Seen in real answers and absent from the published schema, so a write of them is refused.
_UNDECLARED: Final = {
    "conditions": ("times", "clients", "signInRiskDetections"),
    "sessionControls": ("blockSensitiveActions", "networkAccessSecurity"),
}
_USERS = "conditions.users"
_APPLICATIONS = "conditions.applications"
_LOCATIONS = "conditions.locations"
_CLIENTS = "conditions.clientApplications"
_SETS = (
    f"{_USERS}.includeUsers",
    f"{_USERS}.excludeUsers",
    f"{_USERS}.includeGroups",
    f"{_USERS}.excludeGroups",
    f"{_USERS}.includeRoles",
    f"{_USERS}.excludeRoles",
    f"{_APPLICATIONS}.includeApplications",
    f"{_APPLICATIONS}.excludeApplications",
    f"{_APPLICATIONS}.includeUserActions",
    f"{_APPLICATIONS}.includeAuthenticationContextClassReferences",
    f"{_LOCATIONS}.includeLocations",
    f"{_LOCATIONS}.excludeLocations",
    f"{_CLIENTS}.includeServicePrincipals",
    f"{_CLIENTS}.excludeServicePrincipals",
    "conditions.platforms.includePlatforms",
    "conditions.platforms.excludePlatforms",
    "conditions.clientAppTypes",
    "conditions.userRiskLevels",
    "conditions.signInRiskLevels",
    "conditions.servicePrincipalRiskLevels",
    "grantControls.builtInControls",
    "grantControls.customAuthenticationFactors",
    "grantControls.termsOfUse",
)


def _is_microsoft_managed(body: Json) -> bool:
    return str(body.get("displayName") or "").startswith("Microsoft-managed")


def _compose(body: Json) -> Json:
    result = {**body}
    for section, names in _UNDECLARED.items():
        if isinstance(body.get(section), dict):
            result[section] = {
                key: value for key, value in body[section].items() if value is not None or key not in names
            }
    sessions = result.get("sessionControls")
    if isinstance(sessions, dict) and sessions.get("disableResilienceDefaults") is False:
        result["sessionControls"] = {**sessions, "disableResilienceDefaults": None}
    grant = body.get("grantControls")
    strength = grant.get("authenticationStrength") if isinstance(grant, dict) else None
    if isinstance(strength, dict):
        result["grantControls"] = {**grant, "authenticationStrength": {"id": strength.get("id")}}
    return result


def _refuse(body: Json) -> tuple[str, ...]:
    return tuple(
        f"It uses {section}.{name}, which Graph's published schema does not know."
        for section, names in _UNDECLARED.items()
        for name in names
        if (body.get(section) or {}).get(name) is not None
    )


POLICY_TYPE = PolicyType(
    key="conditionalAccess.policies",
    label="Conditional access",
    platforms=("all",),
    docs="https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy?view=graph-rest-beta",
    path="/beta/identity/conditionalAccess/policies",
    family=_conditional_access.FAMILY,
    reads=("Policy.Read.All",),
    writes=_conditional_access.WRITE,
    writes_also=("Policy.Read.All", "Application.Read.All"),
    scope_tags="",
    odata_type="#microsoft.graph.conditionalAccessPolicy",
    odata_types=_intune.full_names("conditionalAccessPolicy"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "state",
            "conditions",
            "grantControls",
            "sessionControls",
            "createdDateTime",
            "modifiedDateTime",
            "deletedDateTime",
            "templateId",
            "partialEnablementStrategy",
        }
    ),
    volatile=("templateId", "partialEnablementStrategy", "deletedDateTime", "conditions.deviceStates"),
    unordered=dict.fromkeys(_SETS, ("",)),
    references=(
        Reference(path=f"{_USERS}.includeUsers[]", kind="users", portable=_EVERYBODY),
        Reference(path=f"{_USERS}.excludeUsers[]", kind="users", portable=_EVERYBODY),
        Reference(path=f"{_USERS}.includeGroups[]", kind="groups"),
        Reference(path=f"{_USERS}.excludeGroups[]", kind="groups"),
        Reference(
            path=f"{_LOCATIONS}.includeLocations[]",
            kind="conditionalAccess.namedLocations",
            portable=_EVERYWHERE,
        ),
        Reference(
            path=f"{_LOCATIONS}.excludeLocations[]",
            kind="conditionalAccess.namedLocations",
            portable=_EVERYWHERE,
        ),
        Reference(
            path="grantControls.authenticationStrength.id",
            kind="conditionalAccess.authenticationStrengths",
            portable=_conditional_access.STRENGTH_IDS,
        ),
        Reference(
            path="grantControls.termsOfUse[]",
            kind="termsOfUse.agreements",
            check="/v1.0/identityGovernance/termsOfUse/agreements/{id}",
        ),
        Reference(
            path=f"{_APPLICATIONS}.includeAuthenticationContextClassReferences[]",
            kind="conditionalAccess.authenticationContexts",
            check="/v1.0/identity/conditionalAccess/authenticationContextClassReferences/{id}",
        ),
        Reference(
            path=f"{_CLIENTS}.includeServicePrincipals[]",
            kind="servicePrincipals",
            check="/v1.0/servicePrincipals/{id}",
            portable=_OWN_PRINCIPALS,
        ),
        Reference(
            path=f"{_CLIENTS}.excludeServicePrincipals[]",
            kind="servicePrincipals",
            check="/v1.0/servicePrincipals/{id}",
            portable=_OWN_PRINCIPALS,
        ),
    ),
    compose=_compose,
    built_in=_is_microsoft_managed,
    batchable=False,
    restore=RestoreRule(
        order=500,
        risk=Risk.HIGH,
        reason="A wrong policy locks people out of the tenant.",
        match_by=("displayName",),
        create=writes.create_conditional_access,
        update=writes.update_conditional_access,
        serial=True,
        rewrites=("state",),
        refuse=_refuse,
    ),
    limits=(
        "A policy that was enabled comes back in report-only mode; enabling it is a step of its own.",
        "Policies that Microsoft manages are kept and never written.",
        "Applications are named by their application id; Graph refuses a policy that names one the tenant "
        "does not have.",
        "Whether a terms-of-use agreement exists cannot be read without a signed-in person; a policy that "
        "names one is held.",
        "A deleted policy can be brought back with its old id in the Entra portal within 30 days; a restore "
        "makes a new one.",
    ),
)
