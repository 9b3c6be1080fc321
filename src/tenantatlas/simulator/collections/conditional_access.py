"""Conditional access: one request a second, soft deletes, refusals by code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import AnswerError, Style, bad_request, not_found
from tenantatlas.simulator.facts import (
    Action,
    Call,
    Collection,
    FilterSupport,
    Reply,
)
from tenantatlas.simulator.objects import State

from .authentication import CONTEXTS, POLICIES, READ, STRENGTHS, WRITE, names_in, part_of

if TYPE_CHECKING:
    from tenantatlas.simulator.tenants import SimTenant

LOCATIONS = "/identity/conditionalAccess/namedLocations"
_BIN = "/identity/conditionalAccess/deletedItems"
_AGREEMENTS = "/identityGovernance/termsOfUse/agreements"
_STATES = {"enabled", "disabled", "enabledForReportingButNotEnforced"}
_ANY_USER = {"All", "None", "GuestsOrExternalUsers"}
_ANY_APP = {"All", "None", "Office365", "MicrosoftAdminPortals"}
_ANY_PLACE = {"All", "AllTrusted", "00000000-0000-0000-0000-000000000000"}


def refuse(code: int, text: str) -> AnswerError:
    """A refusal as conditional access words it: the outer message never says why."""
    return AnswerError(
        400,
        "BadRequest",
        "The server could not process the request because it is malformed or incorrect.",
        style=Style.INNER,
        inner=f"{code}: {text}",
    )


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
    if "deviceStates" in part_of(body, "conditions"):
        raise refuse(1015, "The property 'deviceStates' is deprecated and cannot be set.")
    strength = part_of(body, "grantControls").get("authenticationStrength")
    if isinstance(strength, dict) and set(strength) - {"id", "@odata.type"}:
        raise refuse(1015, "authenticationStrength must be a reference by id only.")
    if any(key.endswith("@odata.context") for key in part_of(body, "grantControls")):
        raise refuse(1015, "Annotation 'authenticationStrength@odata.context' is not allowed in a request.")
    if part_of(body, "sessionControls").get("disableResilienceDefaults") is False:
        raise refuse(1015, "disableResilienceDefaults must be true or null.")


def _check_applications(call: Call, body: dict[str, Json]) -> None:
    part = part_of(body, "conditions", "applications")
    actions = names_in(part, "includeUserActions", "includeAuthenticationContextClassReferences")
    included = names_in(part, "includeApplications")
    if not included and not actions and not part.get("applicationFilter"):
        raise refuse(1011, "'includeApplications' must not be empty.")
    if included and included != ["None"] and actions:
        raise refuse(
            1012,
            "'applications' condition cannot include both 'includeApplications' and 'includeUserActions'.",
        )
    known = {str(found.latest.body.get("appId")).lower() for found in call.tenant.live("/servicePrincipals")}
    for name in names_in(part, "includeApplications", "excludeApplications"):
        if name not in _ANY_APP and name.lower() not in known:
            raise refuse(1007, f"Application '{name}' was not found in the directory.")
    for name in names_in(part, "includeAuthenticationContextClassReferences"):
        if not call.tenant.knows(CONTEXTS, name):
            raise refuse(1007, f"Authentication context '{name}' was not found.")


def _check_users(call: Call, body: dict[str, Json]) -> None:
    part = part_of(body, "conditions", "users")
    workload = names_in(part_of(body, "conditions", "clientApplications"), "includeServicePrincipals")
    included = names_in(part, "includeUsers", "includeGroups", "includeRoles")
    if not included and not workload and not part.get("includeGuestsOrExternalUsers"):
        raise refuse(1009, "'users' condition must include somebody.")
    for name in names_in(part, "includeUsers", "excludeUsers"):
        if name not in _ANY_USER and not call.tenant.knows("/users", name):
            raise refuse(1007, f"User '{name}' was not found in the directory.")
    for name in names_in(part, "includeGroups", "excludeGroups"):
        if not call.tenant.knows("/groups", name):
            raise refuse(1007, f"Group '{name}' was not found in the directory.")


def _check_locations(call: Call, body: dict[str, Json]) -> None:
    part = part_of(body, "conditions", "locations")
    for name in names_in(part, "includeLocations", "excludeLocations"):
        if name not in _ANY_PLACE and not call.tenant.knows(LOCATIONS, name):
            raise refuse(1040, f"NetworkNames in the policy are not valid: '{name}'.")


def _check_grant(call: Call, body: dict[str, Json]) -> None:
    part = part_of(body, "grantControls")
    controls = names_in(part, "builtInControls")
    strength = part.get("authenticationStrength")
    if isinstance(strength, dict) and not call.tenant.knows(STRENGTHS, str(strength.get("id"))):
        raise refuse(1052, f"Authentication strength '{strength.get('id')}' was not found.")
    if isinstance(strength, dict) and "mfa" in controls:
        raise refuse(1051, "mfa and an authentication strength cannot be required together.")
    for name in names_in(part, "termsOfUse"):
        if not call.tenant.knows(_AGREEMENTS, name):
            raise refuse(1007, f"Terms of use '{name}' was not found.")
    if "passwordChange" in controls:
        _check_password_change(body, part)


def _check_password_change(body: dict[str, Json], grant: dict[str, Json]) -> None:
    everything = names_in(part_of(body, "conditions", "applications"), "includeApplications") == ["All"]
    if grant.get("operator") != "AND" or not everything:
        raise refuse(1032, "ConditionalActionPolicy validation failed due to InvalidPasswordResetControl.")


def _check_session(merged: dict[str, Json]) -> None:
    flows = part_of(merged, "conditions").get("authenticationFlows")
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
    users, apps = part_of(merged, "conditions", "users"), part_of(merged, "conditions", "applications")
    excluded = names_in(users, "excludeUsers", "excludeGroups", "excludeRoles")
    narrowed = any(part_of(merged, "conditions").get(name) for name in ("locations", "platforms", "devices"))
    return (
        merged["state"] == "enabled"
        and names_in(users, "includeUsers") == ["All"]
        and names_in(apps, "includeApplications") == ["All"]
        and not excluded
        and not narrowed
        and "block" in names_in(part_of(merged, "grantControls"), "builtInControls")
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
        part = part_of(found.latest.body, "conditions", "locations")
        if body["id"] in names_in(part, "includeLocations", "excludeLocations"):
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
        read=READ,
        write=WRITE,
        write_also=READ,
        intune=False,
        types=types,
        create=False,
        patch=False,
        top_ignored=True,
        feature="premium",
        actions={"restore": Action(_restore)},
    )


_LOCATION_TYPES = frozenset({"ipNamedLocation", "countryNamedLocation", "compliantNetworkNamedLocation"})


COLLECTIONS = (
    Collection(
        path=POLICIES,
        entity="conditionalAccessPolicy",
        family="conditionalAccess",
        read=READ,
        write=WRITE,
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
        read=READ,
        write=WRITE,
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
    _bin("policies", "conditionalAccessPolicy"),
    _bin("namedLocations", "namedLocation", _LOCATION_TYPES),
)
