"""Lists to their last page: links verbatim, only to our origin, no loops, nothing lost in silence."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantatlas.core import errors
from tenantatlas.graph.client import GraphClient, Read
from tenantatlas.graph.origins import path_within
from tenantatlas.graph.transport import GraphRequest, GraphResponse, TransportFailed

from .fake import GRAPH, FakeGraph, refusal, reply, rows

PATH = "/beta/deviceManagement/configurationPolicies"
FAMILY = "deviceConfigV2"
TOKEN = "%255Bcosmosdb%255D%2525257B'x'%257D&$select=id,name%20"

#: Links that must not be followed: the token stays here.
FOREIGN = [
    f"http://graph.microsoft.com{PATH}?$skiptoken=2",
    f"HTTP://graph.microsoft.com{PATH}?$skiptoken=2",
    f"https://evil.example{PATH}?$skiptoken=2",
    f"https://graph.microsoft.com.evil.example{PATH}",
    f"https://graph.microsoft.comevil.example{PATH}",
    f"https://evilgraph.microsoft.com{PATH}",
    f"https://sub.graph.microsoft.com{PATH}",
    f"https://graph.microsoft.us{PATH}",
    f"https://user@graph.microsoft.com{PATH}",
    f"https://user:pass@graph.microsoft.com{PATH}",
    f"https://graph.microsoft.com@evil.example{PATH}",
    f"https://graph.microsoft.com:secret@evil.example{PATH}",
    f"https://graph.microsoft.com:444{PATH}",
    f"https://graph.microsoft.com:80{PATH}",
    f"https://graph.microsoft.com:notaport{PATH}",
    f"https://graph.microsoft.com:999999{PATH}",
    f"https://gr\u0430ph.microsoft.com{PATH}",
    f"https://xn--grph-53d.microsoft.com{PATH}",
    f"https://graph.microsoft.com\u2024evil.example{PATH}",
    f"https://graph.microsoft.com\uff0fevil.example{PATH}",
    f"https://graph.microsoft.com.{PATH}",
    f"https://graph%2emicrosoft.com{PATH}",
    f"https://20.190.128.1{PATH}",
    f"https://[::1]{PATH}",
    f"https://evil.example\\@graph.microsoft.com{PATH}",
    f"https://evil.example#@graph.microsoft.com{PATH}",
    f"https://evil.example?@graph.microsoft.com{PATH}",
    f"https:/graph.microsoft.com{PATH}",
    f"https:graph.microsoft.com{PATH}",
    f"https:///graph.microsoft.com{PATH}",
    f"//graph.microsoft.com{PATH}",
    f"///evil.example{PATH}",
    f"/\\evil.example{PATH}",
    f"{PATH}?$skiptoken=2",
    "configurationPolicies?$skiptoken=2",
    "?$skiptoken=2",
    "",
    "https://graph.microsoft.com",
    "https://graph.microsoft.com?x=1",
    f"file://graph.microsoft.com{PATH}",
    f"javascript:alert(1)//graph.microsoft.com{PATH}",
    f" https://graph.microsoft.com{PATH}",
    f"https://graph.microsoft.com{PATH}\r\nHost: evil.example",
    f"https://graph.microsoft.com\t.evil.example{PATH}",
    f"https://graph.microsoft.com{PATH}#" + "x",
    f"https://graph.microsoft.com{PATH}?" + "x" * 20_000,
]


def read_all(client: GraphClient) -> list[str]:
    return [json.loads(row)["id"] for page in client.pages(PATH, family=FAMILY) for row in page.rows]


@pytest.mark.parametrize("link", FOREIGN)
def test_the_token_goes_nowhere_else(graph: FakeGraph, client: GraphClient, link: str):
    graph.on("GET", PATH, reply(200, rows("a", link=link)))
    with pytest.raises(errors.Untrusted):
        read_all(client)
    assert graph.paths() == [PATH]
    assert {seen.origin for seen in graph.journal} == {GRAPH}


@pytest.mark.parametrize("link", FOREIGN)
def test_the_token_goes_nowhere_else_from_inside_a_batch(graph: FakeGraph, client: GraphClient, link: str):
    graph.on("GET", f"{PATH}/1/settings", reply(200, rows("a", link=link)))
    graph.on("GET", f"{PATH}/2/settings", reply(200, rows("b")))
    outcomes = client.read_many(
        Read(key=key, path=f"{PATH}/{key}/settings", family=FAMILY, collection=True) for key in "12"
    )
    assert isinstance(outcomes["1"].error, errors.Untrusted)
    assert outcomes["1"].rows is None
    assert outcomes["2"].rows == (b'{"id": "b"}',)
    assert len(graph.journal) == 1


@pytest.mark.parametrize(
    "origin", [GRAPH, "HTTPS://graph.microsoft.com", "https://Graph.Microsoft.COM", f"{GRAPH}:443"]
)
def test_the_same_origin_spelled_otherwise_is_asked_at_our_own_address(
    graph: FakeGraph, client: GraphClient, origin: str
):
    graph.on("GET", PATH, reply(200, rows("a", link=f"{origin}{PATH}?$skiptoken=2")))
    graph.on("GET", f"{PATH}?$skiptoken=2", reply(200, rows("b")))
    assert read_all(client) == ["a", "b"]
    assert {seen.origin for seen in graph.journal} == {GRAPH}


def test_a_link_is_followed_verbatim(graph: FakeGraph, client: GraphClient):
    link = f"{PATH}?$skiptoken={TOKEN.rstrip()}"
    graph.on("GET", PATH, reply(200, rows("a", link=GRAPH + link)))
    graph.on("GET", link, reply(200, rows("b")))
    assert read_all(client) == ["a", "b"]
    assert graph.paths() == [PATH, link]


def test_an_empty_page_is_not_the_last_one(graph: FakeGraph, client: GraphClient):
    graph.on("GET", PATH, reply(200, rows(link=f"{GRAPH}{PATH}?p=2")))
    graph.on("GET", f"{PATH}?p=2", reply(200, rows(link=f"{GRAPH}{PATH}?p=3")))
    graph.on("GET", f"{PATH}?p=3", reply(200, {**rows("z"), "@odata.nextLink": None}))
    assert read_all(client) == ["z"]


def test_rows_keep_their_bytes_and_their_twins(graph: FakeGraph, client: GraphClient):
    odd = b'{ "id":"a" , "n":1.10,"t":"\\u00e9" }'
    graph.on("GET", PATH, reply(200, b'{"@odata.context":"x","value":[' + odd + b"," + odd + b"]}"))
    (page,) = client.pages(PATH, family=FAMILY)
    assert page.rows == (odd, odd)
    assert page.request_id == "req-1"


@pytest.mark.parametrize(
    "links",
    [
        [PATH],
        [f"{PATH}?p=2", f"{PATH}?p=2"],
        [f"{PATH}?p=2", PATH],
        [f"{PATH}?p=2", f"{PATH}?p=3", f"{PATH}?p=2"],
    ],
)
def test_a_loop_is_stopped_at_the_first_repeat(graph: FakeGraph, client: GraphClient, links: list[str]):
    place = PATH
    for link in links:
        graph.on("GET", place, reply(200, rows("a", link=GRAPH + link)))
        place = link
    with pytest.raises(errors.Untrusted, match="no end"):
        read_all(client)
    assert len(graph.journal) == len({PATH, *links})


def endless(graph: FakeGraph, *names: str) -> None:
    def answer(request: GraphRequest) -> GraphResponse:
        number = int(request.url.rpartition("=")[2] or 0) if "=" in request.url else 0
        return reply(200, rows(*names, link=f"{GRAPH}{PATH}?p={number + 1}"))

    graph.fallback = answer


def test_a_list_that_only_grows_has_an_end(graph: FakeGraph, client: GraphClient):
    endless(graph)
    with pytest.raises(errors.Untrusted, match="does not end"):
        read_all(client)
    assert len(graph.journal) <= 202


@pytest.mark.parametrize("last", [1_000, pytest.param(10_000, marks=pytest.mark.deep)])
def test_many_honest_pages_take_little_memory(graph: FakeGraph, client: GraphClient, last: int):
    def answer(request: GraphRequest) -> GraphResponse:
        number = int(request.url.rpartition("=")[2]) if "=" in request.url else 1
        graph.journal.clear()
        link = f"{GRAPH}{PATH}?p={number + 1}" if number < last else None
        return reply(200, rows("x" * 200, link=link))

    graph.fallback = answer
    tracemalloc.start()
    seen = sum(len(page.rows) for page in client.pages(PATH, family=FAMILY))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == last
    assert peak < 50 * 1024 * 1024


@pytest.mark.parametrize(
    "trouble",
    [refusal(400), refusal(403), refusal(404), refusal(500), TransportFailed("lost", kind="unknown")],
)
def test_a_lost_page_is_never_the_end(
    graph: FakeGraph, client: GraphClient, trouble: GraphResponse | TransportFailed
):
    graph.on("GET", PATH, reply(200, rows("a", link=f"{GRAPH}{PATH}?p=2")))
    graph.on("GET", f"{PATH}?p=2", trouble)
    with pytest.raises(errors.UpstreamError):
        read_all(client)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"value":{}}',
        b'{"value":[{]}',
        b'{"value":[{"id":"a"}],"value":[]}',
        b'{"value":[{"id":"a"}],"@odata.nextLink":"x","@odata.nextLink":null}',
        b'{"value":[],"@odata.nextLink":7}',
        b'{"value":[]',
        b"\xef\xbb\xbf{}",
        b"null",
        b'{"value":[7]}',
        b'{"value":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_a_page_that_makes_no_sense_is_a_lost_page(graph: FakeGraph, client: GraphClient, body: bytes):
    graph.on("GET", PATH, reply(200, body))
    with pytest.raises(errors.AtlasError):
        read_all(client)


def test_a_page_cut_in_its_body_is_asked_for_again(graph: FakeGraph, client: GraphClient):
    graph.on("GET", PATH, reply(200, b'{"value":[{"id":"a"'), reply(200, rows("a")))
    assert read_all(client) == ["a"]


@given(st.text(max_size=60))
def test_no_text_leads_elsewhere(text: str):
    for link in (text, f"https://{text}", f"{GRAPH}{text}", f"https://{text}graph.microsoft.com/beta/x"):
        try:
            rest = path_within(GRAPH, link)
        except errors.Untrusted:
            continue
        assert rest.startswith("/")
        assert link.lower().startswith(("https://graph.microsoft.com/", "https://graph.microsoft.com:"))
