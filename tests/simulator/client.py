"""A bare client: builds requests, reads JSON, knows nothing of our Graph package."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tenantatlas.simulator.messages import SimRequest, SimResponse
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.simulator.tenants import SimTenant

GUID = "c0ffee00-0000-4000-8000-000000000001"
APP = "aaaaaaaa-0000-4000-8000-000000000001"
SECRET = "a-simulated-secret"
GRAPH = "https://graph.microsoft.com"
LOGIN = "https://login.microsoftonline.com"

CATALOG = "/deviceManagement/configurationPolicies"
CONFIGURATIONS = "/deviceManagement/deviceConfigurations"
COMPLIANCE = "/deviceManagement/deviceCompliancePolicies"
SCRIPTS = "/deviceManagement/deviceManagementScripts"
FILTERS = "/deviceManagement/assignmentFilters"
TAGS = "/deviceManagement/roleScopeTags"
ENROLLMENT = "/deviceManagement/deviceEnrollmentConfigurations"
TEMPLATES = "/deviceManagement/notificationMessageTemplates"
POLICIES = "/identity/conditionalAccess/policies"
LOCATIONS = "/identity/conditionalAccess/namedLocations"


@dataclass
class Answer:
    """One answer, its JSON read."""

    response: SimResponse
    body: Any = field(default=None)

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def rows(self) -> list[Any]:
        return self.body["value"]

    @property
    def said(self) -> str:
        """What an error says, Intune's nesting opened."""
        message = self.body["error"]["message"]
        try:
            return json.loads(message)["Message"].split(" - Operation ID")[0]
        except (ValueError, TypeError, KeyError):
            return message

    @property
    def code(self) -> str:
        return self.body["error"]["code"]

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.response.headers.items() if k.lower() == name.lower()), None)


class Client:
    """Signs in by secret and sends what it is told."""

    def __init__(
        self,
        simulator: Simulator,
        *,
        guid: str = GUID,
        app: str = APP,
        secret: str = SECRET,
        graph: str = GRAPH,
    ) -> None:
        self.simulator = simulator
        self.guid, self.app, self.secret, self.graph = guid, app, secret, graph
        self.token = ""

    def sign_in(self, **form: str) -> Answer:
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.app,
            "client_secret": self.secret,
            "scope": f"{self.graph}/.default",
            **form,
        }
        wanted = urlencode({key: value for key, value in fields.items() if value})
        response = self.simulator.handle(
            SimRequest(method="POST", url=f"{LOGIN}/{self.guid}/oauth2/v2.0/token", body=wanted.encode())
        )
        answer = Answer(response, json.loads(response.body))
        self.token = answer.body.get("access_token", "")
        return answer

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        if not self.token:
            self.sign_in()
        url = (
            path
            if path.startswith("https://")
            else f"{self.graph}{'' if path[:2] in {'/b', '/v'} else '/beta'}{path}"
        )
        sent = {
            "Authorization": f"Bearer {self.token}",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        raw = b""
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self.simulator.handle(SimRequest(method=method, url=url, headers=sent, body=raw))
        text = response.body
        readable = response.broken is None and text[:1] in {b"{", b"["}
        return Answer(response, _read(text) if readable else None)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any) -> Answer:
        return self.send("POST", path, body)

    def patch(self, path: str, body: Any) -> Answer:
        return self.send("PATCH", path, body)

    def all(self, path: str) -> list[Any]:
        rows: list[Any] = []
        while path:
            answer = self.get(path)
            assert answer.status == 200, answer.body
            rows += answer.rows
            path = answer.body.get("@odata.nextLink", "")
        return rows

    def batch(self, *requests: dict[str, Any]) -> Answer:
        return self.post("/$batch", {"requests": list(requests)})


def _read(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def catalog_body(name: str = "Baseline", *, settings: int = 2, **more: Any) -> dict[str, Any]:
    """A settings catalog policy."""
    return {
        "name": name,
        "description": "",
        "platforms": "windows10",
        "technologies": "mdm",
        "roleScopeTagIds": ["0"],
        "settings": [
            {
                "settingInstance": {
                    "@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
                    "settingDefinitionId": f"device_vendor_{number}",
                    "simpleSettingValue": {
                        "@odata.type": "#microsoft.graph.deviceManagementConfigurationIntegerSettingValue",
                        "value": number,
                    },
                }
            }
            for number in range(settings)
        ],
        **more,
    }


def custom_body(name: str = "Custom", *values: str) -> dict[str, Any]:
    """A custom configuration with string settings."""
    return {
        "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
        "displayName": name,
        "omaSettings": [
            {
                "@odata.type": "#microsoft.graph.omaSettingString",
                "displayName": f"Setting {index}",
                "omaUri": f"./Device/Vendor/{index}",
                "value": value,
            }
            for index, value in enumerate(values)
        ],
    }


def compliance_body(name: str = "Compliant", **more: Any) -> dict[str, Any]:
    """A Windows compliance policy that blocks at once."""
    return {
        "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
        "displayName": name,
        "passwordRequired": True,
        "scheduledActionsForRule": [
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
        ],
        **more,
    }


def policy_body(name: str = "CA001", **more: Any) -> dict[str, Any]:
    """A conditional access policy in report-only mode."""
    return {
        "displayName": name,
        "state": "enabledForReportingButNotEnforced",
        "conditions": {
            "clientAppTypes": ["all"],
            "applications": {
                "includeApplications": ["All"],
                "excludeApplications": [],
                "includeUserActions": [],
            },
            "users": {"includeUsers": ["All"], "excludeUsers": [], "includeGroups": [], "excludeGroups": []},
        },
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
        **more,
    }


def to_group(group: str, *, excluded: bool = False, **more: Any) -> dict[str, Any]:
    """An assignment to a group, or its exclusion."""
    kind = "exclusionGroupAssignmentTarget" if excluded else "groupAssignmentTarget"
    return {"target": {"@odata.type": f"#microsoft.graph.{kind}", "groupId": group, **more}}


def add_group(tenant: SimTenant, name: str) -> str:
    """A group of that name; its id."""
    return tenant.put("/groups", {"displayName": name, "securityEnabled": True})
