"""One body per policy type, made from what the type declares about itself.

It holds every reference, every secret and every allowed kind of assignment that the type names, so that a
new type is tested the moment its file exists.
"""

from __future__ import annotations

import itertools
from typing import Any

from tenantatlas.policies import paths
from tenantatlas.policies.assignments import FILTER_ID, FILTER_TYPE
from tenantatlas.policies.model import AssignWrite, PolicyType, Reference, Secret

CANARY = "canary-7f3a"

#: Objects around a property in which a type's `when` may find a secret or a reference. A predicate that none
#: of these satisfies needs one more here.
SURROUNDINGS: tuple[dict[str, Any], ...] = (
    {},
    {"wiFiSecurityType": "wpaPersonal"},
    {"authenticationMethod": "sharedSecret"},
    {"policyType": "admxIngested"},
    {"isEncrypted": True, "@odata.type": "#microsoft.graph.omaSettingString", "omaUri": "./Device/A"},
    {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationSecretSettingValue",
        "valueState": "notEncrypted",
    },
    {"@odata.type": "#microsoft.graph.deviceManagementConfigurationReferenceSettingValue"},
)


def a_body(policy_type: PolicyType) -> dict[str, Any]:
    """A body with one of everything. Ids read `<kind>#<number>`; secrets begin with the canary."""
    body = a_plain_body(policy_type)
    for number, secret in enumerate(policy_type.secrets):
        _plant_in(body, secret, f"{CANARY}-{number}")
    for number, reference in enumerate(policy_type.references):
        if not reference.path.startswith("assignments"):
            _plant_in(body, reference, _value_naming(reference, f"{reference.kind}#{number}"))
    return body


def a_plain_body(policy_type: PolicyType) -> dict[str, Any]:
    """The least that a policy of this type has, not made by Microsoft."""
    kinds = sorted(policy_type.odata_types) or [policy_type.odata_type]
    for kind in kinds:
        body = {
            "id": "11111111-1111-1111-1111-111111111111",
            "@odata.type": kind,
            policy_type.name_field: "Widget",
            "assignments": _assignments(policy_type),
        }
        if policy_type.built_in is None or not policy_type.built_in(body):
            return body
    raise AssertionError(f"{policy_type.key}: every kind is built in")


def plant(body: Any, path: str, value: Any, around: dict[str, Any]) -> None:
    """Put a value where the path leads, in new rows of lists, into an object with the properties `around`."""
    steps = [step.replace("*", "some") for step in paths.parse(path) if step != paths.ANY_DEPTH]
    holder: Any = body
    for step, following in itertools.pairwise([*steps, None]):
        if following is None:
            _put(holder, step, value, around)
        else:
            holder = _put(holder, step, [] if following == paths.EVERY else {}, {})


def _put(holder: Any, step: str, inner: Any, around: dict[str, Any]) -> Any:
    if step == paths.EVERY:
        holder.append(inner)
        return inner
    holder.update(around)
    if not isinstance(inner, dict | list) or not isinstance(holder.get(step), type(inner)):
        holder[step] = inner
    return holder[step]


def _plant_in(body: dict[str, Any], declared: Secret | Reference, value: str) -> None:
    for around in SURROUNDINGS:
        trial: dict[str, Any] = {}
        plant(trial, declared.path, value, around)
        places = paths.find(trial, declared.path)
        if places and (declared.when is None or declared.when(places[0].owner)):
            plant(body, declared.path, value, around)
            return
    raise AssertionError(f"{declared.path}: nothing in SURROUNDINGS satisfies `when`")


def _value_naming(reference: Reference, identity: str) -> str:
    return f"https://graph.microsoft.com/beta/things('{identity}')" if reference.pick else identity


def _assignments(policy_type: PolicyType) -> list[dict[str, Any]]:
    rule = policy_type.assignments
    if rule is None or rule.write is AssignWrite.NONE:
        return []
    rows = []
    for number, kind in enumerate(sorted(rule.targets)):
        if kind.startswith("exclusion") and rule.exclusions_stored_as_inclusions:
            continue
        target: dict[str, Any] = {"@odata.type": f"#microsoft.graph.{kind}"}
        if kind.endswith("roupAssignmentTarget"):
            target["groupId"] = f"groups#a{number}"
        if rule.filters and not kind.startswith("exclusion"):
            target |= {FILTER_ID: f"assignmentFilters#a{number}", FILTER_TYPE: "include"}
        rows.append({"id": f"row-{number}", "source": "direct", "sourceId": "s", "target": target})
    return rows
