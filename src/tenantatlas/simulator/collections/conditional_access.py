"""Conditional access: one request a second, soft deletes, refusals by code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import AnswerError, Style, bad_request, not_found
from tenantatlas.simulator.facts import (
    Action,
    Call,
    Child,
    Collection,
    ExpandSupport,
    FilterSupport,
    Reply,
)
from tenantatlas.simulator.objects import State

if TYPE_CHECKING:
    from tenantatlas.simulator.tenants import SimTenant

POLICIES = "/identity/conditionalAccess/policies"
LOCATIONS = "/identity/conditionalAccess/namedLocations"
STRENGTHS = "/policies/authenticationStrengthPolicies"
_CONTEXTS = "/identity/conditionalAccess/authenticationContextClassReferences"
_BIN = "/identity/conditionalAccess/deletedItems"
_AGREEMENTS = "/identityGovernance/termsOfUse/agreements"
_READ = ("Policy.Read.All",)
_WRITE = ("Policy.ReadWrite.ConditionalAccess",)
_STATES = {"enabled", "disabled", "enabledForReportingButNotEnforced"}
_ANY_USER = {"All", "None", "GuestsOrExternalUsers"}
_ANY_APP = {"All", "None", "Office365", "MicrosoftAdminPortals"}
_ANY_PLACE = {"All", "AllTrusted", "00000000-0000-0000-0000-000000000000"}
_MFA = re.compile(r"fido2|windowsHello|x509CertificateMultiFactor|deviceBasedPush|temporaryAccessPass|,")


def refuse(code: int, text: str) -> AnswerError:
    """A refusal as conditional access words it: the outer message never says why."""
    return AnswerError(
        400,
        "BadRequest",
        "The server could not process the request because it is malformed or incorrect.",
        style=Style.INNER,
        inner=f"{code}: {text}",
    )


def _part(body: Json, *path: str) -> dict[str, Json]:
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body if isinstance(body, dict) else {}


def _names(part: dict[str, Json], *keys: str) -> list[str]:
    return [str(name) for key in keys for name in part.get(key) or ()]


def _check_policy(call: Call, body: dict[str, Json]) -> None:
    merged = body if call.object is None else {**call.state.body, **body}
    if not merged.get("displayName") or merged.get("state") not in _STATES:
        raise refuse(1015, "ConditionalAccessPolicy validation failed due to InvalidState.")
    if call.object is None and not isinstance(body.get("conditions"), dict):
        raise refuse(1003, "ConditionalAccessPolicy validation failed due to MissingConditions.")
    _check_sent_forms(body)
    if "conditions" in body:
        _check_applications(call, body)
        _check_users(call, body)
        _check_locations(call, body)
    if "grantControls" in body:
        _check_grant(call, body)
    _check_session(merged)
    _check_state(call, merged)


def _check_sent_forms(body: dict[str, Json]) -> None:
    """What a read shows but a write must not carry."""
    if "deviceStates" in _part(body, "conditions"):
        raise refuse(1015, "The property 'deviceStates' is deprecated and cannot be set.")
    strength = _part(body, "grantControls").get("authenticationStrength")
    if isinstance(strength, dict) and set(strength) - {"id", "@odata.type"}:
        raise refuse(1015, "authenticationStrength must be a reference by id only.")
    if any(key.endswith("@odata.context") for key in _part(body, "grantControls")):
        raise refuse(1015, "Annotation 'authenticationStrength@odata.context' is not allowed in a request.")
    if _part(body, "sessionControls").get("disableResilienceDefaults") is False:
        raise refuse(1015, "disableResilienceDefaults must be true or null.")


def _check_applications(call: Call, body: dict[str, Json]) -> None:
    part = _part(body, "conditions", "applications")
    actions = _names(part, "includeUserActions", "includeAuthenticationContextClassReferences")
    included = _names(part, "includeApplications")
    if not included and not actions and not part.get("applicationFilter"):
        raise refuse(1011, "'includeApplications' must not be empty.")
    if included and included != ["None"] and actions:
        raise refuse(
            1012,
            "'applications' condition cannot include both 'includeApplications' and 'includeUserActions'.",
        )
    known = {str(found.latest.body.get("appId")).lower() for found in call.tenant.live("/servicePrincipals")}
    for name in _names(part, "includeApplications", "excludeApplications"):
        if name not in _ANY_APP and name.lower() not in known:
            raise refuse(1007, f"Application '{name}' was not found in the directory.")
    for name in _names(part, "includeAuthenticationContextClassReferences"):
        if not call.tenant.knows(_CONTEXTS, name):
            raise refuse(1007, f"Authentication context '{name}' was not found.")


def _check_users(call: Call, body: dict[str, Json]) -> None:
    part = _part(body, "conditions", "users")
    workload = _names(_part(body, "conditions", "clientApplications"), "includeServicePrincipals")
    included = _names(part, "includeUsers", "includeGroups", "includeRoles")
    if not included and not workload and not part.get("includeGuestsOrExternalUsers"):
        raise refuse(1009, "'users' condition must include somebody.")
    for name in _names(part, "includeUsers", "excludeUsers"):
        if name not in _ANY_USER and not call.tenant.knows("/users", name):
            raise refuse(1007, f"User '{name}' was not found in the directory.")
    for name in _names(part, "includeGroups", "excludeGroups"):
        if not call.tenant.knows("/groups", name):
            raise refuse(1007, f"Group '{name}' was not found in the directory.")


def _check_locations(call: Call, body: dict[str, Json]) -> None:
    part = _part(body, "conditions", "locations")
    for name in _names(part, "includeLocations", "excludeLocations"):
        if name not in _ANY_PLACE and not call.tenant.knows(LOCATIONS, name):
            raise refuse(1040, f"NetworkNames in the policy are not valid: '{name}'.")


def _check_grant(call: Call, body: dict[str, Json]) -> None:
    part = _part(body, "grantControls")
    controls = _names(part, "builtInControls")
    strength = part.get("authenticationStrength")
    if isinstance(strength, dict) and not call.tenant.knows(STRENGTHS, str(strength.get("id"))):
        raise refuse(1052, f"Authentication strength '{strength.get('id')}' was not found.")
    if isinstance(strength, dict) and "mfa" in controls:
        raise refuse(1051, "mfa and an authentication strength cannot be required together.")
    for name in _names(part, "termsOfUse"):
        if not call.tenant.knows(_AGREEMENTS, name):
            raise refuse(1007, f"Terms of use '{name}' was not found.")
    if "passwordChange" in controls:
        _check_password_change(body, part)


def _check_password_change(body: dict[str, Json], grant: dict[str, Json]) -> None:
    everything = _names(_part(body, "conditions", "applications"), "includeApplications") == ["All"]
    if grant.get("operator") != "AND" or not everything:
        raise refuse(1032, "ConditionalActionPolicy validation failed due to InvalidPasswordResetControl.")


def _check_session(merged: dict[str, Json]) -> None:
    flows = _part(merged, "conditions").get("authenticationFlows")
    if isinstance(flows, dict) and flows.get("transferMethods") and merged.get("sessionControls"):
        raise refuse(1235, "Session controls cannot be combined with the authentication flows condition.")
    if not merged.get("grantControls") and not merged.get("sessionControls"):
        raise refuse(1015, "A policy needs grant or session controls.")


def _check_state(call: Call, merged: dict[str, Json]) -> None:
    if merged["state"] == "enabled" and call.tenant.profile.security_defaults:
        raise bad_request(
            "Security Defaults is enabled in the tenant. You must disable Security defaults before enabling "
            "a Conditional Access policy.",
            intune=False,
        )
    if _locks_everybody_out(merged):
        call.tenant.lockouts.append(str(merged["displayName"]))


def _locks_everybody_out(merged: dict[str, Json]) -> bool:
    """Would nobody be able to sign in to anything? The service allows it; the simulator remembers it."""
    users, apps = _part(merged, "conditions", "users"), _part(merged, "conditions", "applications")
    excluded = _names(users, "excludeUsers", "excludeGroups", "excludeRoles")
    narrowed = any(_part(merged, "conditions").get(name) for name in ("locations", "platforms", "devices"))
    return (
        merged["state"] == "enabled"
        and _names(users, "includeUsers") == ["All"]
        and _names(apps, "includeApplications") == ["All"]
        and not excluded
        and not narrowed
        and "block" in _names(_part(merged, "grantControls"), "builtInControls")
    )


def _complete_policy(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    """A strength named by id is shown whole."""
    document = {"templateId": None, "grantControls": None, "sessionControls": None, **document}
    grant = document["grantControls"]
    if not isinstance(grant, dict):
        return document
    strength = grant.get("authenticationStrength")
    shown: dict[str, Json] = {
        "authenticationStrength": None,
        "customAuthenticationFactors": [],
        "termsOfUse": [],
        **grant,
    }
    shown["authenticationStrength@odata.context"] = (
        f"https://graph.microsoft.com/beta/$metadata#identity/conditionalAccess/policies('{document['id']}')"
        "/grantControls/authenticationStrength/$entity"
    )
    if isinstance(strength, dict):
        found = tenant.find(STRENGTHS, str(strength["id"]))
        if found is not None and found.newest is not None:
            shown["authenticationStrength"] = dict(found.latest.body)
    return {**document, "grantControls": shown}


def _is_managed(body: dict[str, Json]) -> bool:
    return str(body.get("displayName", "")).startswith("Microsoft-managed:")


# places


def _check_location(call: Call, body: dict[str, Json]) -> None:
    kind = str(body.get("@odata.type"))
    if call.object is None and kind.endswith("compliantNetworkNamedLocation"):
        raise refuse(1015, "The compliant network location cannot be created.")
    merged = body if call.object is None else {**call.state.body, **body}
    if not merged.get("displayName"):
        raise refuse(1015, "'displayName' must not be empty.")
    if kind.endswith("ipNamedLocation") and not merged.get("ipRanges"):
        raise refuse(1015, "'ipRanges' must not be empty.")
    if kind.endswith("countryNamedLocation") and not merged.get("countriesAndRegions"):
        raise refuse(1015, "'countriesAndRegions' must not be empty.")


def _refuse_used_location(call: Call) -> None:
    body = call.state.body
    if body.get("isTrusted"):
        raise refuse(1041, "A trusted location cannot be deleted.")
    for found in call.tenant.live(POLICIES):
        part = _part(found.latest.body, "conditions", "locations")
        if body["id"] in _names(part, "includeLocations", "excludeLocations"):
            raise refuse(1042, "The location is used by a policy.")


def _complete_location(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    del tenant
    if str(document.get("@odata.type")).endswith("countryNamedLocation"):
        return {
            "countryLookupMethod": "clientIpAddress",
            "includeUnknownCountriesAndRegions": False,
            **document,
        }
    return {"isTrusted": False, **document}


# strengths


def _check_strength(call: Call, body: dict[str, Json]) -> None:
    name = body.get("displayName")
    if not name or not isinstance(body.get("allowedCombinations"), list) or not body["allowedCombinations"]:
        raise bad_request("displayName and allowedCombinations are required.", intune=False)
    _check_strength_name(call, body)


def _check_strength_name(call: Call, body: dict[str, Json]) -> None:
    for found in call.tenant.live(STRENGTHS):
        if found is not call.object and found.latest.body.get("displayName") == body.get("displayName"):
            raise bad_request(
                "An authentication strength with this display name exists already.", intune=False
            )
    rows = body.get("combinationConfigurations") or ()
    if any("id" in row for row in rows):
        raise bad_request("Invalid property name: combinationConfigurations/id.", intune=False)


def _satisfied(combinations: Json) -> str:
    return "mfa" if all(_MFA.search(str(each)) for each in combinations) else "none"


def _complete_strength(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    del tenant
    return {
        "policyType": "custom",
        **document,
        "requirementsSatisfied": _satisfied(document.get("allowedCombinations") or ()),
    }


def _used_by(call: Call, strength: str) -> list[dict[str, Json]]:
    return [
        found.latest.body
        for found in call.tenant.live(POLICIES)
        if _part(found.latest.body, "grantControls", "authenticationStrength").get("id") == strength
    ]


def _refuse_used_strength(call: Call) -> None:
    if _used_by(call, call.state.body["id"]):
        raise bad_request("The authentication strength is used by a conditional access policy.", intune=False)


def _usage(call: Call, body: Json) -> Reply:
    del body
    policies = _used_by(call, call.state.body["id"])
    mfa = [
        policy for policy in policies if "mfa" in _names(_part(policy, "grantControls"), "builtInControls")
    ]
    return Reply(status=200, body={"mfa": mfa, "none": [policy for policy in policies if policy not in mfa]})


def _update_combinations(call: Call, body: Json) -> Reply:
    wanted = body.get("allowedCombinations") if isinstance(body, dict) else None
    before = call.state
    if not isinstance(wanted, list) or not wanted or call.object is None:
        raise bad_request("allowedCombinations must not be empty.", intune=False)
    if before.body.get("policyType") == "builtIn":
        raise bad_request("A built-in authentication strength cannot be changed.", intune=False)
    changed = before.with_properties(
        allowedCombinations=wanted,
        requirementsSatisfied=_satisfied(wanted),
        modifiedDateTime=call.world.date(),
    )
    call.tenant.commit(call.object, changed)
    call.applied = True
    return Reply(
        status=200,
        body={
            "previousCombinations": before.body.get("allowedCombinations", []),
            "currentCombinations": wanted,
            "additionalInformation": "",
        },
    )


def _change_combination(call: Call, method: str, row_id: str, body: Json) -> Json:
    """POST, PATCH and DELETE of a combination configuration."""
    rows = list(call.state.rows("combinationConfigurations"))
    if method == "POST":
        made = {"id": call.world.new_guid(), **body}
        _store_combinations(call, [*rows, made])
        return made
    row = next((each for each in rows if each["id"].lower() == row_id.lower()), None)
    if row is None:
        raise not_found(row_id, intune=False)
    if method == "DELETE":
        _store_combinations(call, [each for each in rows if each is not row])
        return None
    changed = {**row, **{key: value for key, value in body.items() if key != "id"}}
    _store_combinations(call, [changed if each is row else each for each in rows])
    return changed


def _store_combinations(call: Call, rows: list[Json]) -> None:
    if call.object is not None:
        call.tenant.commit(call.object, call.state.with_rows("combinationConfigurations", rows))


# contexts and the bin


def _context_id(call: Call, body: dict[str, Json]) -> str:
    wanted = str(body.get("id") or "")
    if not re.fullmatch(r"c([1-9]|[1-9]\d)", wanted):
        raise bad_request("The id of an authentication context is c1 to c99.", intune=False)
    if call.tenant.knows(_CONTEXTS, wanted):
        raise bad_request(f"An authentication context '{wanted}' exists already.", intune=False)
    return wanted


def _refuse_published_context(call: Call) -> None:
    if call.state.body.get("isAvailable"):
        raise bad_request("An authentication context that is published cannot be deleted.", intune=False)


def _restore(call: Call, body: Json) -> Reply:
    """Out of the bin, with the id it had."""
    del body
    leaf = call.collection.path.rpartition("/")[2]
    home = call.world.collection(POLICIES if leaf == "policies" else LOCATIONS)
    if home is None or call.object is None:
        raise not_found(leaf, intune=False)
    state = call.state
    kept = {key: value for key, value in state.body.items() if key != "deletedDateTime"}
    call.tenant.add(home, call.object.id, State(body=kept, children=state.children, hidden=state.hidden))
    call.tenant.commit(call.object, None)
    call.applied = True
    return Reply(status=200, body=kept)


def _bin(leaf: str, entity: str, types: frozenset[str] = frozenset()) -> Collection:
    return Collection(
        path=f"{_BIN}/{leaf}",
        entity=entity,
        family="conditionalAccess",
        read=_READ,
        write=_WRITE,
        write_also=_READ,
        intune=False,
        types=types,
        create=False,
        patch=False,
        top_ignored=True,
        feature="premium",
        actions={"restore": Action(_restore)},
    )


_LOCATION_TYPES = frozenset({"ipNamedLocation", "countryNamedLocation", "compliantNetworkNamedLocation"})


def _strengths(path: str) -> Collection:
    return Collection(
        path=path,
        entity="authenticationStrengthPolicy",
        family="conditionalAccess",
        read=("Policy.Read.All", "Policy.Read.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess"),
        write=(*_WRITE, "Policy.ReadWrite.AuthenticationMethod"),
        intune=False,
        filter=FilterSupport.EVALUATED,
        top_ignored=True,
        children=(
            Child(
                name="combinationConfigurations",
                on_list=ExpandSupport.WORKS,
                on_item=ExpandSupport.WORKS,
                inline=True,
                change=_change_combination,
            ),
        ),
        patch_status=200,
        delete_status=204,
        modified="modifiedDateTime",
        defaults={"description": ""},
        read_only=("policyType", "requirementsSatisfied"),
        immutable={"allowedCombinations": "The property 'allowedCombinations' cannot be patched"},
        check_create=_check_strength,
        check_update=_check_strength_name,
        complete=_complete_strength,
        check_delete=_refuse_used_strength,
        built_in=lambda body: body.get("policyType") == "builtIn",
        feature="premium",
        actions={"usage": Action(_usage, "GET"), "updateAllowedCombinations": Action(_update_combinations)},
    )


COLLECTIONS = (
    Collection(
        path=POLICIES,
        entity="conditionalAccessPolicy",
        family="conditionalAccess",
        read=_READ,
        write=_WRITE,
        write_also=("Policy.Read.All", "Application.Read.All"),
        intune=False,
        filter=FilterSupport.EVALUATED,
        top_ignored=True,
        delete_status=204,
        modified="modifiedDateTime",
        modified_at_create=False,
        read_only=("templateId", "partialEnablementStrategy", "deletedDateTime"),
        check_create=_check_policy,
        check_update=_check_policy,
        complete=_complete_policy,
        built_in=_is_managed,
        built_in_patch=("displayName", "grantControls", "sessionControls"),
        soft_delete=True,
        feature="premium",
    ),
    Collection(
        path=LOCATIONS,
        entity="namedLocation",
        family="conditionalAccess",
        read=_READ,
        write=_WRITE,
        write_also=("Policy.Read.All",),
        intune=False,
        filter=FilterSupport.EVALUATED,
        top_ignored=True,
        types=_LOCATION_TYPES,
        delete_status=204,
        modified="modifiedDateTime",
        check_create=_check_location,
        check_update=_check_location,
        complete=_complete_location,
        check_delete=_refuse_used_location,
        built_in=lambda body: str(body.get("@odata.type")).endswith("compliantNetworkNamedLocation"),
        soft_delete=True,
        feature="premium",
    ),
    _strengths(STRENGTHS),
    Collection(
        path=_CONTEXTS,
        entity="authenticationContextClassReference",
        family="conditionalAccess",
        read=(
            "AuthenticationContext.Read.All",
            "Policy.Read.ConditionalAccess",
            "Policy.ReadWrite.ConditionalAccess",
        ),
        write=("AuthenticationContext.ReadWrite.All", *_WRITE),
        intune=False,
        select_refused=True,
        filter=FilterSupport.REFUSED,
        keeps_id=True,
        created="",
        modified="",
        delete_status=204,
        new_id=_context_id,
        check_delete=_refuse_published_context,
        feature="premium",
    ),
    _bin("policies", "conditionalAccessPolicy"),
    _bin("namedLocations", "namedLocation", _LOCATION_TYPES),
)
