"""One read: what is retried, how patiently, and what the reason is called in the end."""

from __future__ import annotations

import json

import pytest

from tenantatlas.core import errors
from tenantatlas.core.clock import VirtualClock
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.transport import GraphResponse, TransportFailed

from .fake import FakeGraph, refusal, reply

PATH = "/beta/deviceManagement/configurationPolicies/1"
FAMILY = "deviceConfigV2"


def test_a_read_gives_the_bytes_that_graph_sent(graph: FakeGraph, client: GraphClient):
    body = b'{ "id": "1", "n": 1.10 }'
    graph.on("GET", PATH, reply(200, body))
    answer = client.get(PATH, family=FAMILY)
    assert (answer.status, answer.body, answer.request_id) == (200, body, "req-1")


def test_every_request_names_itself_and_the_product(graph: FakeGraph, client: GraphClient):
    graph.on("GET", PATH, reply(200, {}))
    client.get(PATH, family=FAMILY)
    headers = graph.journal[0].headers
    assert headers["User-Agent"].startswith("TenantAtlas/")
    assert len(headers["client-request-id"]) == 36
    assert headers["Authorization"].startswith("Bearer ey")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 423])
def test_a_passing_trouble_is_tried_again(graph: FakeGraph, client: GraphClient, status: int):
    graph.on("GET", PATH, refusal(status), refusal(status), refusal(status), reply(200, {"id": "1"}))
    assert client.get(PATH, family=FAMILY).status == 200
    assert len(graph.journal) == 4


def test_a_lasting_trouble_ends_after_three_retries(
    graph: FakeGraph, client: GraphClient, virtual_clock: VirtualClock
):
    graph.on("GET", PATH, refusal(500, "UnknownError", "Something broke."))
    with pytest.raises(errors.Unavailable) as caught:
        client.get(PATH, family=FAMILY)
    assert len(graph.journal) == 4
    assert caught.value.details["status"] == 500
    assert caught.value.details["request_id"] == "req-1"
    assert "Something broke." in caught.value.message
    assert virtual_clock.monotonic() < 2 + 4 + 8


@pytest.mark.parametrize("kind", ["unsent", "unknown"])
def test_a_lost_answer_is_asked_for_again(graph: FakeGraph, client: GraphClient, kind: str):
    lost = TransportFailed("the connection was lost", kind=kind)  # type: ignore[arg-type] - both kinds
    graph.on("GET", PATH, lost, lost, lost, reply(200, {}))
    assert client.get(PATH, family=FAMILY).status == 200


def test_an_unreachable_graph_is_named(graph: FakeGraph, client: GraphClient):
    graph.on("GET", PATH, TransportFailed("the name could not be resolved", kind="unsent"))
    with pytest.raises(errors.Unavailable, match="the name could not be resolved") as caught:
        client.get(PATH, family=FAMILY)
    assert caught.value.hint
    assert len(graph.journal) == 4


@pytest.mark.parametrize("status", [400, 404, 405, 409, 412, 413])
def test_a_refusal_is_final(graph: FakeGraph, client: GraphClient, status: int):
    graph.on("GET", PATH, refusal(status, "Nope", "Because."))
    with pytest.raises(errors.Rejected) as caught:
        client.get(PATH, family=FAMILY)
    assert len(graph.journal) == 1
    assert caught.value.details == {
        "status": status,
        "graph_code": "Nope",
        "request_id": "req-1",
        "client_request_id": "cli-9",
    }


def html(status: int) -> GraphResponse:
    return GraphResponse(
        status=status, headers={"content-type": "text/html"}, body=b"<html>Please sign in</html>"
    )


def test_a_web_page_is_never_an_answer(graph: FakeGraph, client: GraphClient):
    graph.on("GET", PATH, html(200))
    with pytest.raises(errors.Unavailable, match="web page"):
        client.get(PATH, family=FAMILY)
    assert len(graph.journal) == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(graph: FakeGraph, client: GraphClient, status: int):
    graph.on("GET", PATH, reply(status, None, location="https://graph.microsoft.com.evil.example/"))
    with pytest.raises(errors.Unavailable, match="never followed"):
        client.get(PATH, family=FAMILY)
    assert {seen.origin for seen in graph.journal} == {"https://graph.microsoft.com"}


def test_a_body_shorter_than_announced_is_no_answer(graph: FakeGraph, client: GraphClient):
    graph.on(
        "GET", PATH, reply(200, b'{"id":', content_length="9"), reply(200, b'{"id":1}', content_length="8")
    )
    assert json.loads(client.get(PATH, family=FAMILY).body) == {"id": 1}


def test_an_empty_good_answer_is_one(graph: FakeGraph, client: GraphClient):
    graph.on("GET", PATH, reply(204))
    assert client.get(PATH, family=FAMILY).body == b""


@pytest.mark.parametrize("path", ["https://evil.example/beta/x", "//evil.example/beta/x", "beta/x", "/x", ""])
def test_only_absolute_paths_with_a_version_are_taken(graph: FakeGraph, client: GraphClient, path: str):
    with pytest.raises(errors.InputError):
        client.get(path, family=FAMILY)
    assert graph.journal == []


def test_what_an_address_cannot_hold_is_encoded_once(graph: FakeGraph, client: GraphClient):
    graph.fallback = lambda _: reply(200, {})
    client.get("/beta/x?$filter=displayName eq 'Zoë %26 co'&$top=5", family=FAMILY)
    assert graph.paths() == ["/beta/x?$filter=displayName%20eq%20'Zo%C3%AB%20%26%20co'&$top=5"]


def test_an_unknown_family_is_named(client: GraphClient):
    with pytest.raises(errors.InputError, match="nonsense"):
        client.get(PATH, family="nonsense")
