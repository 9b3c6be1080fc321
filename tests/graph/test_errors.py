"""Graph's answers become sentences: unwrapped, short, without secrets, with the facts that support needs."""

from __future__ import annotations

import json
import logging
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantatlas.core import errors
from tenantatlas.core.errors import AtlasError
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.errors import error_for, path_template, read_fault

from .fake import SECRET, FakeGraph, make_token, refusal, reply

PATH = "/beta/deviceManagement/configurationPolicies"
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def error(status: int, body: bytes, *, path: str = PATH, **headers: str) -> AtlasError:
    return error_for(read_fault(status, headers, body), path=path)


def intune(text: str, *, phrase: str = "", http_headers: str = "{}") -> bytes:
    message = json.dumps(
        {
            "_version": 3,
            "Message": f"{text} - Operation ID (for customer support): {GUID} - Activity ID: {GUID} - Url: "
            "https://fef.amsub0102.manage.microsoft.com/DeviceConfigV2_2408/x?api-version=5024",
            "CustomApiErrorPhrase": phrase,
            "RetryAfter": None,
            "ErrorSourceService": "",
            "HttpHeaders": http_headers,
        }
    )
    inner = {"request-id": "inner-request", "client-request-id": "inner-client"}
    return json.dumps({"error": {"code": "BadRequest", "message": message, "innerError": inner}}).encode()


def test_intunes_message_inside_the_message_is_unwrapped():
    found = error(400, intune("Property settings in payload does not match schema.", phrase="SchemaMismatch"))
    assert isinstance(found, errors.Rejected)
    assert found.message == "Microsoft Graph refused: Property settings in payload does not match schema."
    assert found.details == {
        "status": 400,
        "graph_code": "BadRequest",
        "request_id": "inner-request",
        "client_request_id": "inner-client",
    }


def test_an_approval_code_is_found_in_the_nested_headers():
    found = error(412, intune("Approval Required", http_headers=json.dumps({"x-msft-approval-code": GUID})))
    assert found.details["approval_code"] == GUID
    assert "Multi Admin Approval" in found.hint


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, b"", "Microsoft Graph refused (400)."),
        (502, b"<html><body>Bad Gateway</body></html>", "Microsoft Graph answered 502."),
        (400, b'{"code":"X","message":"Bare."}', "Microsoft Graph refused: Bare."),
        (400, b'{"error":"just text"}', "Microsoft Graph refused: just text"),
        (400, b'{"error":{"code":"OnlyCode"}}', "Microsoft Graph refused: OnlyCode"),
        (400, b'{"error":{"message":null,"innerError":null}}', "Microsoft Graph refused (400)."),
        (400, b"\xff\xfe", "Microsoft Graph refused (400)."),
        (400, b"[1]", "Microsoft Graph refused (400)."),
        (
            400,
            b'{"error":{"code":"Bad","message":"Malformed.","innerError":{"message":"1040: not yet"}}}',
            "Microsoft Graph refused: Malformed. (1040: not yet)",
        ),
    ],
)
def test_every_shape_of_refusal_has_a_sentence(status: int, body: bytes, words: str):
    assert error(status, body).message == words


SCOPES = (
    "Application is not authorized to perform this operation. Application must have one of the following "
    "scopes: DeviceManagementConfiguration.Read.All, DeviceManagementConfiguration.ReadWrite.All"
)


def test_a_missing_permission_is_named():
    found = error(403, intune(SCOPES))
    assert isinstance(found, errors.ConsentMissing)
    assert found.details["permissions"] == [
        "DeviceManagementConfiguration.Read.All",
        "DeviceManagementConfiguration.ReadWrite.All",
    ]
    assert "DeviceManagementConfiguration.Read.All or" in found.message
    assert found.hint


@pytest.mark.parametrize(
    ("status", "text", "path"),
    [
        (400, "Request not applicable to target tenant.", PATH),
        (
            400,
            "API is not supported for this environment.",
            "/beta/deviceManagement/windowsFeatureUpdateProfiles",
        ),
        (403, "API is not supported for this environment.", PATH),
        (403, "Tenant does not have a premium license.", "/v1.0/identity/conditionalAccess/policies"),
        (403, "An error has occurred", "/beta/deviceManagement/windowsDriverUpdateProfiles"),
        (403, "", "/beta/deviceManagement/windowsQualityUpdateProfiles/1"),
        (501, "Not implemented.", PATH),
    ],
)
def test_what_a_cloud_or_licence_lacks_is_not_a_failure(status: int, text: str, path: str):
    assert isinstance(error(status, intune(text), path=path), errors.NotOffered)


def test_a_missing_permission_for_updates_is_still_one():
    path = "/beta/deviceManagement/windowsDriverUpdateProfiles"
    assert isinstance(error(403, intune(SCOPES), path=path), errors.ConsentMissing)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.SignInFailed),
        (403, errors.ConsentMissing),
        (404, errors.Rejected),
        (408, errors.Unavailable),
        (409, errors.Rejected),
        (413, errors.Rejected),
        (429, errors.Throttled),
        (500, errors.Unavailable),
        (507, errors.Unavailable),
        (302, errors.Unavailable),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[AtlasError]):
    found = error(status, b"{}")
    assert type(found) is kind
    assert found.details["status"] == status


@given(status=st.integers(300, 599), body=st.binary(max_size=300))
def test_whatever_an_answer_is_made_of_there_is_an_error(status: int, body: bytes):
    found = error(status, body)
    assert isinstance(found, errors.UpstreamError)
    assert 0 < len(found.message) < 700
    assert "\n" not in found.message


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        (
            f"/beta/deviceManagement/configurationPolicies/{GUID}/settings?$top=3",
            "/beta/deviceManagement/configurationPolicies/{id}/settings",
        ),
        (f"/beta/x/T_{GUID}/assign", "/beta/x/{id}/assign"),
        ("/beta/deviceManagement/roleScopeTags/12", "/beta/deviceManagement/roleScopeTags/{id}"),
        (
            f"/beta/x/{GUID}/getOmaSettingPlainTextValue(secretReferenceValueId='{GUID}_1')",
            "/beta/x/{id}/getOmaSettingPlainTextValue(secretReferenceValueId='…')",
        ),
        ("/v1.0/$batch", "/v1.0/$batch"),
    ],
)
def test_a_logged_path_names_nobody(path: str, logged: str):
    assert path_template(path) == logged


def test_neither_token_nor_secret_nor_body_is_ever_told(
    graph: FakeGraph, client: GraphClient, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    token = make_token({"tid": graph.tid, "roles": graph.roles, "n": 1})
    echo = f"Bad header Authorization: Bearer {token} and client_secret={SECRET} with body canary-body"
    graph.on("GET", "/beta/a", refusal(400, "Echo", echo))
    graph.on("GET", "/beta/b", reply(200, {"id": "canary-body"}, x_ms_resource_unit="2", sunset="2027"))
    graph.on("POST", "/beta/c", refusal(500, token, token))
    graph.on("GET", "/beta/d", refusal(401, www_authenticate=f'Bearer claims="{token}"'))
    told: list[str] = []
    result = client.write("POST", "/beta/c", b"canary-body", family="rbac", request_id="w")
    client.get("/beta/b", family="rbac")
    for path in ("/beta/a", "/beta/d"):
        with pytest.raises(AtlasError) as caught:
            client.get(path, family="rbac")
        told += [repr(caught.value), str(caught.value.details), *traceback.format_exception(caught.value)]
    told += [repr(result), repr(result.error), str(result.error.details if result.error else "")]
    told += [str(vars(record)) for record in caplog.records]
    told.append(repr(client.target))
    for text in told:
        assert token not in text
        assert SECRET not in text
        assert "canary-body" not in text.replace("with body canary-body", "")


def test_each_request_leaves_one_line_with_its_facts(
    graph: FakeGraph, client: GraphClient, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG, logger="tenantatlas.graph")
    graph.on(
        "GET",
        f"{PATH}/{GUID}",
        refusal(429, retry_after="4"),
        reply(200, {}, x_ms_resource_unit="3", deprecation="true", sunset="2027-01-01"),
    )
    client.get(f"{PATH}/{GUID}", family="deviceConfigV2")
    lines = [record for record in caplog.records if record.name.startswith("tenantatlas.graph")]
    assert [line.getMessage() for line in lines] == ["graph_request", "graph_throttled", "graph_request"]
    last = vars(lines[2])
    assert (last["method"], last["path"], last["status"]) == ("GET", f"{PATH}/{{id}}", 200)
    assert (last["resource_unit"], last["deprecation"], last["sunset"]) == ("3", "true", "2027-01-01")
    assert vars(lines[1])["seconds"] == 4
