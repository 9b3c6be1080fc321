"""What a JSON file of somebody's export is. Pure: bytes in, policies or a reason out.

    our own archives                the manifest names the type of each file and its hash
    IntuneManagement, Graph         @odata.context or @odata.type names the collection
    IntuneCD                        the folder does; ids are left out there, so one is made up
    whatever else                   the properties that only one type has

Only JSON is read. What a file says of itself is a candidate: the type's own rule has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tenantatlas.core import json
from tenantatlas.core.ids import sha256_hex, stable_id
from tenantatlas.core.json import Json
from tenantatlas.policies.bodies import is_noise
from tenantatlas.policies.model import MASKS, PolicyType
from tenantatlas.policies.redact import REDACTED
from tenantatlas.policies.registry import all_types, collections, type_of_row

MANIFEST = "manifest.json"
_NAMES = ("displayName", "name")
_CONTEXT = re.compile(r"\$metadata#([^#]+)$")
_SAFE_ID = re.compile(r"^[A-Za-z0-9_.-]{1,200}$")
_DOTNET_DATE = re.compile(rb"\\?/Date\(\d+\)\\?/")
_MASK = min(MASKS)

#: Folders of IntuneCD and IntuneManagement, as they spell them without case, spaces and signs.
_FOLDERS: Mapping[str, str] = {
    "settingscatalog": "deviceManagement/configurationPolicies",
    "endpointsecurity": "deviceManagement/configurationPolicies",
    "deviceconfigurations": "deviceManagement/deviceConfigurations",
    "deviceconfiguration": "deviceManagement/deviceConfigurations",
    "updatepolicies": "deviceManagement/deviceConfigurations",
    "compliancepolicies": "deviceManagement/deviceCompliancePolicies",
    "administrativetemplates": "deviceManagement/groupPolicyConfigurations",
    "grouppolicyconfigurations": "deviceManagement/groupPolicyConfigurations",
    "powershellscripts": "deviceManagement/deviceManagementScripts",
    "powershell": "deviceManagement/deviceManagementScripts",
    "macscripts": "deviceManagement/deviceShellScripts",
    "shell": "deviceManagement/deviceShellScripts",
    "customattributes": "deviceManagement/deviceCustomAttributeShellScripts",
    "devicehealthscripts": "deviceManagement/deviceHealthScripts",
    "proactiveremediations": "deviceManagement/deviceHealthScripts",
    "compliancescripts": "deviceManagement/deviceComplianceScripts",
    "messagetemplates": "deviceManagement/notificationMessageTemplates",
    "notifications": "deviceManagement/notificationMessageTemplates",
    "filters": "deviceManagement/assignmentFilters",
    "assignmentfilters": "deviceManagement/assignmentFilters",
    "scopetags": "deviceManagement/roleScopeTags",
    "roledefinitions": "deviceManagement/roleDefinitions",
    "autopilot": "deviceManagement/windowsAutopilotDeploymentProfiles",
    "windowsautopilot": "deviceManagement/windowsAutopilotDeploymentProfiles",
    "enrollmentstatuspage": "deviceManagement/deviceEnrollmentConfigurations",
    "enrollmentrestrictions": "deviceManagement/deviceEnrollmentConfigurations",
    "enrollmentconfigurations": "deviceManagement/deviceEnrollmentConfigurations",
    "featureupdates": "deviceManagement/windowsFeatureUpdateProfiles",
    "windowsfeatureupdates": "deviceManagement/windowsFeatureUpdateProfiles",
    "qualityupdates": "deviceManagement/windowsQualityUpdateProfiles",
    "windowsqualityupdates": "deviceManagement/windowsQualityUpdateProfiles",
    "driverupdateprofiles": "deviceManagement/windowsDriverUpdateProfiles",
    "windowsdriverupdates": "deviceManagement/windowsDriverUpdateProfiles",
    "termsandconditions": "deviceManagement/termsAndConditions",
    "conditionalaccess": "identity/conditionalAccess/policies",
    "namedlocations": "identity/conditionalAccess/namedLocations",
    "authenticationstrengths": "policies/authenticationStrengthPolicies",
}

#: Properties that together occur in one collection only.
_SHAPES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"settings", "technologies"}), "deviceManagement/configurationPolicies"),
    (frozenset({"settings", "platforms"}), "deviceManagement/configurationPolicies"),
    (frozenset({"conditions", "grantControls"}), "identity/conditionalAccess/policies"),
    (frozenset({"conditions", "sessionControls"}), "identity/conditionalAccess/policies"),
    (frozenset({"definitionValues"}), "deviceManagement/groupPolicyConfigurations"),
    (frozenset({"rule", "platform"}), "deviceManagement/assignmentFilters"),
    (
        frozenset({"detectionScriptContent", "remediationScriptContent"}),
        "deviceManagement/deviceHealthScripts",
    ),
    (frozenset({"customAttributeType"}), "deviceManagement/deviceCustomAttributeShellScripts"),
    (frozenset({"scriptContent", "executionFrequency"}), "deviceManagement/deviceShellScripts"),
    (frozenset({"scriptContent", "enforceSignatureCheck"}), "deviceManagement/deviceManagementScripts"),
    (frozenset({"rolePermissions"}), "deviceManagement/roleDefinitions"),
    (frozenset({"brandingOptions"}), "deviceManagement/notificationMessageTemplates"),
    (frozenset({"allowedCombinations"}), "policies/authenticationStrengthPolicies"),
)


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """One policy in a file. `notes` say what the file leaves out or says in another way."""

    policy_type: PolicyType
    graph_id: str
    name: str
    body: Json = field(repr=False)
    notes: tuple[str, ...] = ()


class NotRecognised(Exception):
    """This file is passed over, for the reason given."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What a manifest of ours says of one file."""

    sha256: str
    type_key: str


def read_manifest(data: bytes) -> dict[str, Listed]:
    """What our own manifest says of each file; empty where it is none of ours."""
    try:
        manifest = json.loads(data)
    except json.BadJson:
        return {}
    if not isinstance(manifest, dict) or not str(manifest.get("format", "")).startswith(
        "tenantatlas-export-"
    ):
        return {}
    rows = [row for row in manifest.get("policies") or () if isinstance(row, dict)]
    return {
        str(row.get("file")): Listed(sha256=str(row.get("sha256")), type_key=str(row.get("type")))
        for row in rows
    }


def recognise(path: str, data: bytes, *, listed: Listed | None = None) -> list[Recognised]:
    """The policies in one file; raises `NotRecognised` with the reason where there is none."""
    if listed is not None and sha256_hex(data) != listed.sha256:
        raise NotRecognised("It is not the file that was exported: its hash differs from the manifest's.")
    if _DOTNET_DATE.search(data):
        raise NotRecognised("The exporting tool rewrote its dates (/Date(…)/).")
    document = _decoded(data)
    context = document.get("@odata.context") if isinstance(document, dict) else None
    found = [
        _recognised(path, row, context=str(context or ""), number=number)
        for number, row in enumerate(_rows(document))
    ]
    if listed is not None and any(one.policy_type.key != listed.type_key for one in found):
        raise NotRecognised("It is of another type than the manifest says.")
    return found


def _decoded(data: bytes) -> Json:
    for encoding in ("utf-8-sig", "utf-16"):
        try:
            text = data.decode(encoding)
        except UnicodeError:
            continue
        try:
            return json.loads(text)
        except json.BadJson as error:
            raise NotRecognised(f"It is not strict JSON. {error.message}") from error
    raise NotRecognised("It is neither UTF-8 nor UTF-16.")


def _rows(document: Json) -> Iterator[dict[str, Json]]:
    candidates = document if isinstance(document, list) else [document]
    if isinstance(document, dict) and isinstance(document.get("value"), list):
        candidates = document["value"]
    if not candidates:
        raise NotRecognised("There is no policy in it.")
    for row in candidates:
        if not isinstance(row, dict) or not any(isinstance(row.get(name), str) for name in _NAMES):
            raise NotRecognised("There is no object with a name in it.")
        yield row


def _recognised(path: str, row: dict[str, Json], *, context: str, number: int) -> Recognised:
    body = _without_notes_of_tools(row)
    collection = _collection(path, row, body, context=context)
    policy_type = type_of_row(collection, body) if collection else None
    if policy_type is None:
        raise NotRecognised("It is of no policy type that we know.")
    notes = list(_mended(policy_type, body))
    if body.get("settingCount") and not body.get("settings"):
        raise NotRecognised("Its settings are counted, and are not in the file.")
    name = json.storable_text(str(body.get(policy_type.name_field) or path))
    given = body.get("id")
    if not isinstance(given, str) or not _SAFE_ID.match(given):
        body["id"] = stable_id("imported", policy_type.key, name, number)
        notes.append("The file has no id.")
    return Recognised(policy_type=policy_type, graph_id=body["id"], name=name, body=body, notes=tuple(notes))


def _without_notes_of_tools(value: Json) -> Json:
    """A copy without annotations, and with what stands for a secret said in the way that is never written."""
    if isinstance(value, list):
        return [_without_notes_of_tools(one) for one in value]
    if isinstance(value, dict):
        return {
            name: _without_notes_of_tools(one)
            for name, one in value.items()
            if not name.startswith("#") and not is_noise(name)
        }
    return _MASK if value == REDACTED else value


# ── Which collection ──────────────────────────────────────────────────────────────────────────────────────


def _collection(path: str, row: dict[str, Json], body: dict[str, Json], *, context: str) -> str:
    """The path of the collection that the row would be read from; empty where nothing tells it."""
    named = _named_in(str(row.get("@odata.context") or context))
    if named and not _known(named):
        return ""  # Graph said what it is, and it is none of ours: no likeness counts against that
    return (
        _known(named)
        or _of_odata_type(str(body.get("@odata.type") or ""))
        or _of_shape(body)
        or _of_folder(path)
    )


def _named_in(context: str) -> str:
    """The collection that an `@odata.context` names, without what was expanded in it."""
    found = _CONTEXT.search(context)
    if not found:
        return ""
    plain = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", found[1]))
    return re.sub(r"\(.*", "", plain).removesuffix("/$entity").strip("/")


def _of_odata_type(odata_type: str) -> str:
    wanted = f"#{odata_type.lstrip('#')}"
    for policy_type in all_types():
        known = {f"#{one.lstrip('#')}" for one in (*policy_type.odata_types, policy_type.odata_type) if one}
        if wanted in known:
            return policy_type.path
    return ""


def _of_shape(body: dict[str, Json]) -> str:
    for properties, collection in _SHAPES:
        if properties <= body.keys():
            return _known(collection)
    return ""


def _of_folder(path: str) -> str:
    for folder in reversed(path.replace("\\", "/").split("/")[:-1]):
        collection = _FOLDERS.get(re.sub(r"[^a-z]", "", folder.lower()))
        if collection:
            return _known(collection)
    return ""


def _known(collection: str) -> str:
    """Our path of a collection that is named without the version."""
    wanted = collection.lower()
    return next((path for path in collections() if path.split("/", 2)[-1].lower() == wanted), "")


# ── What tools write otherwise ────────────────────────────────────────────────────────────────────────────


def _mended(policy_type: PolicyType, body: dict[str, Json]) -> Iterator[str]:
    """Say in Graph's way what a tool says in its own; yields what an admin must know of it."""
    for name in ("assignments", "settings", "definitionValues"):
        if isinstance(body.get(name), dict):  # PowerShell makes a list of one into the one
            body[name] = [body[name]]
    if policy_type.key == "conditionalAccessPolicies" and "state" not in body:
        body["state"] = "disabled"
        yield "The file has no state: taken for disabled."
    rows = body.get("assignments")
    if isinstance(rows, list):
        yield from _named_groups(rows)
    elif policy_type.assignments is not None:
        yield "The file has no assignments."


def _named_groups(rows: list[Json]) -> Iterator[str]:
    """IntuneCD writes a group's name where Graph has its id."""
    for row in rows:
        target = row.get("target") if isinstance(row, dict) else None
        if not isinstance(target, dict) or "groupName" not in target:
            continue
        name = str(target.pop("groupName"))
        for note in ("groupType", "membershipRule"):
            target.pop(note, None)
        if not target.get("groupId"):
            target["groupId"] = stable_id("group", name)
            yield f"It names the group “{name[:80]}” without an id: choose it when mapping."
