"""Real exports, brought back to what Graph held when they were taken.

The files come from public repositories in the formats of several tools. Each tool adds something of its own
(annotations of full metadata, names beside ids, hints for its import); the normaliser takes exactly that
away and nothing else. What it cannot use it refuses, each refusal with one cause.
"""

from __future__ import annotations

import json as stdjson
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenantatlas.core import json
from tenantatlas.core.ids import stable_id

Json = Any

#: manifest kind -> the collection it lives in. What is not here belongs to a type of a later issue.
COLLECTIONS = {
    "deviceManagement/configurationPolicies": "/deviceManagement/configurationPolicies",
    "deviceManagement/deviceConfigurations": "/deviceManagement/deviceConfigurations",
    "deviceManagement/deviceCompliancePolicies": "/deviceManagement/deviceCompliancePolicies",
    "deviceManagement/groupPolicyConfigurations": "/deviceManagement/groupPolicyConfigurations",
    "deviceManagement/deviceManagementScripts": "/deviceManagement/deviceManagementScripts",
    "deviceManagement/deviceShellScripts": "/deviceManagement/deviceShellScripts",
    "deviceManagement/deviceHealthScripts": "/deviceManagement/deviceHealthScripts",
    "deviceManagement/deviceCustomAttributeShellScripts": (
        "/deviceManagement/deviceCustomAttributeShellScripts"
    ),
    "deviceManagement/deviceComplianceScripts": "/deviceManagement/deviceComplianceScripts",
    "deviceManagement/notificationMessageTemplates": "/deviceManagement/notificationMessageTemplates",
    "deviceManagement/assignmentFilters": "/deviceManagement/assignmentFilters",
    "deviceManagement/roleScopeTags": "/deviceManagement/roleScopeTags",
    "deviceManagement/roleDefinitions": "/deviceManagement/roleDefinitions",
    "deviceManagement/windowsAutopilotDeploymentProfiles": (
        "/deviceManagement/windowsAutopilotDeploymentProfiles"
    ),
    "deviceManagement/deviceEnrollmentConfigurations": "/deviceManagement/deviceEnrollmentConfigurations",
    "deviceManagement/windowsFeatureUpdateProfiles": "/deviceManagement/windowsFeatureUpdateProfiles",
    "deviceManagement/windowsQualityUpdateProfiles": "/deviceManagement/windowsQualityUpdateProfiles",
    "deviceManagement/windowsQualityUpdatePolicies": "/deviceManagement/windowsQualityUpdatePolicies",
    "deviceManagement/windowsDriverUpdateProfiles": "/deviceManagement/windowsDriverUpdateProfiles",
    "deviceAppManagement/iosManagedAppProtections": "/deviceAppManagement/iosManagedAppProtections",
    "deviceAppManagement/androidManagedAppProtections": "/deviceAppManagement/androidManagedAppProtections",
    "deviceAppManagement/mobileAppConfigurations": "/deviceAppManagement/mobileAppConfigurations",
    "deviceManagement/termsAndConditions": "/deviceManagement/termsAndConditions",
    "identity/conditionalAccess/policies": "/identity/conditionalAccess/policies",
    "identity/conditionalAccess/namedLocations": "/identity/conditionalAccess/namedLocations",
    "identity/conditionalAccess/authenticationStrength/policies": "/policies/authenticationStrengthPolicies",
    "wrapper/filters": "/deviceManagement/assignmentFilters",
}
NAME_FIELDS = ("displayName", "name")
DOTNET_DATE = re.compile(r"/Date\(\d+\)/")


@dataclass(frozen=True)
class Export:
    """One policy as Graph held it. `body` carries its navigation properties inline (assignments, settings
    …).
    """

    path: str
    collection: str
    body: dict[str, Json]
    mock: bool


@dataclass
class Normalised:
    """What came of a folder of exports."""

    exports: list[Export] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    definitions: dict[str, dict[str, Json]] = field(default_factory=dict)  # groupPolicyDefinitions by id
    presentations: dict[str, dict[str, dict[str, Json]]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)  # id -> name

    @property
    def real(self) -> list[Export]:
        return [export for export in self.exports if not export.mock]


class Refused(Exception):
    """This file is not used, for the one cause named."""


def decode(raw: bytes) -> Json:
    """The file's JSON; half of the exports are UTF-16."""
    for encoding in ("utf-8-sig", "utf-16"):
        try:
            text = raw.decode(encoding)
        except UnicodeError:
            continue
        try:
            return json.loads(text)
        except json.BadJson as error:
            raise Refused(f"not strict JSON: {error.message[:60]}") from error
    raise Refused("neither UTF-8 nor UTF-16")


def rows_of(document: Json) -> Iterator[dict[str, Json]]:
    """The objects in a file: itself, or the rows it wraps."""
    if isinstance(document, list):
        candidates = document
    elif isinstance(document, dict):
        wrapped = document.get("value", document.get("filters"))
        candidates = wrapped if isinstance(wrapped, list) else [document]
    else:
        candidates = []
    for row in candidates:
        if not isinstance(row, dict) or not any(isinstance(row.get(name), str) for name in NAME_FIELDS):
            raise Refused("no object with a name in the file")
        yield row


def without_annotations(value: Json) -> Json:
    """Full metadata's notes taken out: every `x@odata.y` but `@odata.type` and `@odata.bind`, action links,
    tool hints.
    """
    if isinstance(value, list):
        return [without_annotations(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        if key.startswith("#") or ("@odata." in key and key != "@odata.type" and not key.endswith(".bind")):
            continue
        kept[key] = without_annotations(item)
    return kept


class Normaliser:
    """Reads the folder that holds `manifest.json` and `exports/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.result = Normalised()
        self._seen: set[bytes] = set()
        self._ids: set[str] = set()

    def run(self) -> Normalised:
        """Every file of the manifest, used or refused by cause."""
        manifest = stdjson.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        for entry in manifest["files"]:
            try:
                self._take(entry)
            except Refused as refusal:
                self.result.refused[str(refusal)] += 1
        return self.result

    def _take(self, entry: dict[str, Json]) -> None:
        kind = entry["kind"]
        if kind == "graph-error":
            raise Refused("an error answer, not a policy")
        document = decode((self.folder / entry["path"]).read_bytes())
        if kind in {"groups", "wrapper/groups"}:
            raise Refused("a group: groups are read for names only")
        if kind not in COLLECTIONS:
            raise Refused("a type of a later issue, or part of another object")
        for row in rows_of(document):
            self._add(entry, COLLECTIONS[kind], row)

    def _add(self, entry: dict[str, Json], collection: str, row: dict[str, Json]) -> None:
        if DOTNET_DATE.search(stdjson.dumps(row, default=str)):
            raise Refused("dates rewritten by the exporting tool (/Date(…)/)")
        self._learn_definitions(row)
        body = without_annotations(row)
        self._repair(collection, body)
        if body.get("settingCount") and not body.get("settings"):
            raise Refused("settings are counted, but are not in the file")
        identity = {
            k: v for k, v in body.items() if k not in {"id", "createdDateTime", "lastModifiedDateTime"}
        }
        fingerprint = collection.encode() + json.dumps_sorted(identity)
        if fingerprint in self._seen:
            raise Refused("the same policy again")
        self._seen.add(fingerprint)
        given = body.get("id")
        if not isinstance(given, str) or not given or given in self._ids:
            given = stable_id(entry["path"], len(self.result.exports))
        self._ids.add(given)
        body["id"] = given
        self.result.exports.append(Export(entry["path"], collection, body, entry["class"] == "mock"))

    def _learn_definitions(self, row: dict[str, Json]) -> None:
        """IntuneManagement keeps the definition's words beside the bind; the service needs the definition
        itself.
        """
        values = row.get("definitionValues")
        for value in values if isinstance(values, list) else [values] if isinstance(values, dict) else []:
            bind = value.get("definition@odata.bind", "")
            found = re.search(r"groupPolicyDefinitions\('([^']+)'\)", bind)
            if not found:
                continue
            known = self.result.definitions.setdefault(found[1], {"id": found[1]})
            known |= {
                "classType": value.get("#Definition_classType", "machine"),
                "displayName": value.get("#Definition_displayName", found[1]),
                "categoryPath": value.get("#Definition_categoryPath", "\\"),
                "policyType": "admxBacked",
            }
            for presented in value.get("presentationValues") or []:
                at = re.search(r"presentations\('([^']+)'\)", presented.get("presentation@odata.bind", ""))
                if at:
                    label = presented.get("#Presentation_Label", "")
                    self.result.presentations.setdefault(found[1], {})[at[1]] = {"id": at[1], "label": label}

    def _repair(self, collection: str, body: dict[str, Json]) -> None:
        if "localizedMessages" in body:  # the author's name for it
            body["localizedNotificationMessages"] = body.pop("localizedMessages")
        for text in body.get("localizedNotificationMessages") or []:
            text["locale"] = text["locale"].lower()  # as Graph answers it, however it was given
        if collection.endswith("/conditionalAccess/policies"):
            body.setdefault(
                "state", "disabled"
            )  # templates leave the choice; no policy of a tenant is without
        values = body.get("definitionValues")
        if isinstance(values, dict):  # PowerShell turned a list of one into the object
            body["definitionValues"] = [values]
        for name in ("assignments", "settings", "apps"):
            if isinstance(body.get(name), dict):
                body[name] = [body[name]]
        self._complete(collection, body)

    def _complete(self, collection: str, body: dict[str, Json]) -> None:
        """What the service always has, and a tool or an author left out."""
        if collection.endswith("/conditionalAccess/policies"):
            body.setdefault(
                "state", "disabled"
            )  # templates leave the choice; no policy of a tenant is without
        for row in body.get("assignments") or []:
            self._name_group(row.get("target") or {})
            row.setdefault("source", "direct")
        if collection.endswith("/deviceCompliancePolicies") and not body.get("scheduledActionsForRule"):
            # Graph refuses a compliance policy without it; the tool left the navigation property out.
            body["scheduledActionsForRule"] = [
                {
                    "ruleName": "PasswordRequired",
                    "scheduledActionConfigurations": [
                        {
                            "actionType": "block",
                            "gracePeriodHours": 0,
                            "notificationTemplateId": "",
                            "notificationMessageCCList": [],
                        }
                    ],
                }
            ]

    def _name_group(self, target: dict[str, Json]) -> None:
        """IntuneCD writes a group's name where Graph has its id."""
        if "groupName" not in target:
            return
        name = target.pop("groupName")
        target.setdefault("groupId", stable_id("group", name))
        self.result.groups[target["groupId"]] = name
        for note in ("groupType", "membershipRule"):
            target.pop(note, None)
