"""Authentication strengths and contexts, which conditional access names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import bad_request, not_found
from tenantatlas.simulator.facts import (
    Action,
    Call,
    Child,
    Collection,
    ExpandSupport,
    FilterSupport,
    Reply,
)

if TYPE_CHECKING:
    from tenantatlas.simulator.tenants import SimTenant

POLICIES = "/identity/conditionalAccess/policies"
STRENGTHS = "/policies/authenticationStrengthPolicies"
CONTEXTS = "/identity/conditionalAccess/authenticationContextClassReferences"
READ = ("Policy.Read.All",)
WRITE = ("Policy.ReadWrite.ConditionalAccess",)
_MFA = re.compile(r"fido2|windowsHello|x509CertificateMultiFactor|deviceBasedPush|temporaryAccessPass|,")


def part_of(body: Json, *path: str) -> dict[str, Json]:
    """The object at this place of a policy; empty where there is none."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body if isinstance(body, dict) else {}


def names_in(place: dict[str, Json], *keys: str) -> list[str]:
    """What the lists of these names hold."""
    return [str(name) for key in keys for name in place.get(key) or ()]


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
        if part_of(found.latest.body, "grantControls", "authenticationStrength").get("id") == strength
    ]


def _refuse_used_strength(call: Call) -> None:
    if _used_by(call, call.state.body["id"]):
        raise bad_request("The authentication strength is used by a conditional access policy.", intune=False)


def _usage(call: Call, body: Json) -> Reply:
    del body
    policies = _used_by(call, call.state.body["id"])
    mfa = [
        policy
        for policy in policies
        if "mfa" in names_in(part_of(policy, "grantControls"), "builtInControls")
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


# contexts


def _context_id(call: Call, body: dict[str, Json]) -> str:
    wanted = str(body.get("id") or "")
    if not re.fullmatch(r"c([1-9]|[1-9]\d)", wanted):
        raise bad_request("The id of an authentication context is c1 to c99.", intune=False)
    if call.tenant.knows(CONTEXTS, wanted):
        raise bad_request(f"An authentication context '{wanted}' exists already.", intune=False)
    return wanted


def _refuse_published_context(call: Call) -> None:
    if call.state.body.get("isAvailable"):
        raise bad_request("An authentication context that is published cannot be deleted.", intune=False)


COLLECTIONS = (
    Collection(
        path=STRENGTHS,
        entity="authenticationStrengthPolicy",
        family="conditionalAccess",
        read=("Policy.Read.All", "Policy.Read.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess"),
        write=(*WRITE, "Policy.ReadWrite.AuthenticationMethod"),
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
    ),
    Collection(
        path=CONTEXTS,
        entity="authenticationContextClassReference",
        family="conditionalAccess",
        read=(
            "AuthenticationContext.Read.All",
            "Policy.Read.ConditionalAccess",
            "Policy.ReadWrite.ConditionalAccess",
        ),
        write=("AuthenticationContext.ReadWrite.All", *WRITE),
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
)
