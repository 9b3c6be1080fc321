"""The network itself: TLS on loopback, answers cut and dripped and blown up, proxies, certificates."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import ssl
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tenantatlas
from tenantatlas.core import clock, errors
from tenantatlas.graph.budget import MemoryBudgets
from tenantatlas.graph.client import GraphClient, GraphTarget, Secret
from tenantatlas.graph.clouds import custom_cloud
from tenantatlas.graph.transport import (
    AiohttpTransport,
    GraphRequest,
    GraphResponse,
    TransportFailed,
    hint_for,
    install_transport,
)
from tenantatlas.graph.waiting import loop_thread

from .fake import CLIENT, SECRET, TENANT, make_token
from .tls import Authority, Connection, always, http, make_authority, once, server_context, serving


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority()


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return server_context(authority)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "NO_PROXY",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


class Caller:
    """Sends through one transport on the loop thread."""

    def __init__(self, authority: Authority) -> None:
        self.transport = AiohttpTransport()
        self._pem = authority.pem

    def send(self, url: str, method: str = "GET", **changes: object) -> GraphResponse:
        settings: dict[str, object] = {"deadline": 20.0, "ca_pem": self._pem, **changes}
        request = GraphRequest(method=method, url=url, **settings)  # type: ignore[arg-type] - named fields
        return loop_thread().run(self.transport.send(request))

    def fails(self, url: str, method: str = "GET", **changes: object) -> TransportFailed:
        with pytest.raises(TransportFailed) as caught:
            self.send(url, method, **changes)
        return caught.value


@pytest.fixture
def caller(authority: Authority) -> Iterator[Caller]:
    made = Caller(authority)
    yield made
    loop_thread().run(made.transport.close())


def test_a_whole_answer_comes_as_it_was_sent(caller: Caller, tls: ssl.SSLContext):
    answer = http(b'{"n": 1.10}', headers=("Request-Id: abc", "Link: <a>", "Link: <b>"))
    with serving(always(answer), tls) as server:
        got = caller.send(f"{server.url}/beta/x", headers={"Authorization": "Bearer t"})
        assert (got.status, got.body) == (200, b'{"n": 1.10}')
        assert got.headers["REQUEST-ID"] == "abc"
        assert got.headers["link"] == "<a>, <b>"
        assert len(got.headers) == len(list(got.headers)) == 4
        assert b"Authorization: Bearer t" in server.requests[0]


def test_an_address_goes_out_verbatim(caller: Caller, tls: ssl.SSLContext):
    path = "/beta/x?$skiptoken=%255Bcosmosdb%255D%2520'a'%2B&$select=id,name&x=%7e%41"
    with serving(always(http()), tls) as server:
        caller.send(server.url + path)
        assert server.requests[0].split(b"\r\n")[0] == f"GET {path} HTTP/1.1".encode()


def test_one_connection_serves_many(caller: Caller, tls: ssl.SSLContext):
    with serving(always(http()), tls) as server:
        for _ in range(5):
            caller.send(f"{server.url}/beta/x")
        assert (len(server.requests), server.connections) == (5, 1)


@pytest.mark.parametrize("body", [None, b"{}", b"x" * 300_000])
def test_on_sent_is_called_when_all_is_sent_before_any_answer(
    caller: Caller, tls: ssl.SSLContext, body: bytes | None
):
    sent = threading.Event()
    calls: list[int] = []

    def handle(connection: Connection) -> None:
        request = connection.request()
        assert sent.wait(10)
        assert len(request.partition(b"\r\n\r\n")[2]) == len(body or b"")
        connection.send(http())

    def on_sent() -> None:
        calls.append(1)
        sent.set()

    with serving(handle, tls) as server:
        assert caller.send(f"{server.url}/beta/x", "POST", body=body, on_sent=on_sent).status == 200
    assert calls == [1]


def chunked(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = (body[: len(body) // 2], body[len(body) // 2 :])
    return head + b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts) + b"0\r\n\r\n"


BODY = b'{"value":[{"id":"1"}]}'
ANSWERS = {
    "length": http(BODY),
    "chunked": chunked(BODY),
    "gzip": http(gzip.compress(BODY, mtime=0), headers=("Content-Encoding: gzip",)),
    "deflate": http(zlib.compress(BODY), headers=("Content-Encoding: deflate",)),
    "refusal": http(BODY, status="403 Forbidden"),
}


@pytest.mark.parametrize("kind", list(ANSWERS))
def test_an_answer_cut_at_any_byte_is_none(caller: Caller, tls: ssl.SSLContext, kind: str):
    answer = ANSWERS[kind]
    cuts = iter(range(len(answer)))

    def handle(connection: Connection) -> None:
        connection.request()
        connection.send(answer[: next(cuts)])

    with serving(handle, tls) as server:
        for _ in range(len(answer)):
            assert caller.fails(f"{server.url}/beta/x").kind == "unknown"
    with serving(once(answer), tls) as server:
        assert caller.send(f"{server.url}/beta/x").body == BODY


@pytest.mark.parametrize(
    "answer",
    [
        http(b'{"a":1}', length=100),
        http(b'{"a":1}', length=-1),
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        http(b"not gzip", headers=("Content-Encoding: gzip",)),
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_is_not_sound_is_none(caller: Caller, tls: ssl.SSLContext, answer: bytes):
    with serving(once(answer), tls) as server:
        assert caller.fails(f"{server.url}/beta/x").kind == "unknown"


def test_nothing_is_a_whole_answer_to_a_write(caller: Caller, tls: ssl.SSLContext):
    with serving(always(b"HTTP/1.1 204 No Content\r\n\r\n"), tls) as server:
        assert caller.send(f"{server.url}/beta/x", "PATCH", body=b"{}").status == 204


def test_a_dripping_answer_ends_with_the_deadline(caller: Caller, tls: ssl.SSLContext):
    stop = threading.Event()

    def handle(connection: Connection) -> None:
        connection.request()
        connection.send(http(b"", length=10_000))
        while not stop.wait(0.05):
            connection.send(b"x")

    started = clock.SystemClock().monotonic()
    with serving(handle, tls) as server:
        failed = caller.fails(f"{server.url}/beta/x", deadline=0.5)
        stop.set()
    assert failed.kind == "unknown"
    assert "in time" in failed.reason
    assert clock.SystemClock().monotonic() - started < 1.5


def test_a_handshake_that_hangs_was_not_sent(caller: Caller):
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        failed = caller.fails(f"https://127.0.0.1:{listener.getsockname()[1]}/beta/x", deadline=0.3)
    finally:
        listener.close()
    assert failed.kind == "unsent"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_does_not_go_off(caller: Caller, tls: ssl.SSLContext, coding: str):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    bomb = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(200)) + packer.flush()
    with serving(once(http(bomb, headers=(f"Content-Encoding: {coding}",))), tls) as server:
        tracemalloc.start()
        failed = caller.fails(f"{server.url}/beta/x")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert "larger" in failed.reason
    assert peak < 100 * 1024 * 1024


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_no_redirect_is_followed(caller: Caller, tls: ssl.SSLContext, status: str):
    with serving(always(http()), tls) as other:
        answer = http(status=status, headers=(f"Location: {other.url}/stolen",))
        with serving(always(answer), tls) as server:
            got = caller.send(f"{server.url}/beta/x", headers={"Authorization": "Bearer t"})
        assert got.status == int(status[:3])
        assert other.connections == 0


def test_a_stranger_is_not_trusted(caller: Caller, authority: Authority):
    contexts = {
        "another authority": server_context(make_authority()),
        "another host": server_context(authority, host="graph.microsoft.com"),
        "expired": server_context(authority, expired=True),
    }
    for context in contexts.values():
        with serving(always(http()), context) as server:
            failed = caller.fails(f"{server.url}/beta/x", headers={"Authorization": "Bearer t"})
        assert failed.kind == "unsent"
        assert "certificate is not trusted" in failed.reason
        assert "CA file" in hint_for(failed.reason)
        assert server.requests == []


def test_the_system_alone_does_not_trust_our_authority(caller: Caller, tls: ssl.SSLContext):
    with serving(always(http()), tls) as server:
        assert caller.fails(f"{server.url}/beta/x", ca_pem="").kind == "unsent"
        assert server.requests == []


def test_an_authority_that_is_none_is_the_admins_mistake(caller: Caller):
    with pytest.raises(errors.InputError, match="certificate authority"):
        caller.send("https://127.0.0.1:1/beta/x", ca_pem="-----BEGIN CERTIFICATE-----\nno\n")


def test_plain_http_is_never_spoken(caller: Caller):
    with serving(always(http()), None) as server:
        assert caller.fails(f"http://127.0.0.1:{server.port}/beta/x").kind == "unsent"
        failed = caller.fails(f"https://127.0.0.1:{server.port}/beta/x", deadline=0.5)
    assert failed.kind == "unsent"
    assert server.requests == []


def test_nobody_there_is_unsent(caller: Caller):
    spare = socket.create_server(("127.0.0.1", 0))
    port = spare.getsockname()[1]
    spare.close()
    assert caller.fails(f"https://127.0.0.1:{port}/beta/x").kind == "unsent"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "PATCH"])
def test_a_kept_connection_that_dies_is_not_a_second_request(
    caller: Caller, tls: ssl.SSLContext, method: str
):
    def handle(connection: Connection) -> None:
        connection.request()
        connection.send(http())
        connection.request()

    with serving(handle, tls) as server:
        caller.send(f"{server.url}/beta/first")
        failed = caller.fails(f"{server.url}/beta/x", method)
        assert failed.kind == "unknown"
        assert len(server.requests) == 2


class Proxy:
    """A proxy that joins what it is asked to, or refuses."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.refuse = refuse

    def __call__(self, connection: Connection) -> None:
        request = connection.request()
        if self.refuse:
            connection.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = request.split(b" ")[1].decode().partition(":")
        with socket.create_connection((host, int(port))) as there:
            connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self._pass, args=(there, connection.socket), daemon=True)
            back.start()
            self._pass(connection.socket, there)
            back.join(5)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return


def test_the_environments_proxy_is_used_and_sees_no_token(
    caller: Caller, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
):
    with serving(always(http()), tls) as server, serving(Proxy(), None) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://us%20er:pass@127.0.0.1:{proxy.port}")
        got = caller.send(f"{server.url}/beta/x", headers={"Authorization": "Bearer t"})
        assert got.status == 200
        (asked,) = proxy.requests
        assert asked.startswith(f"CONNECT 127.0.0.1:{server.port} ".encode())
        assert b"Proxy-Authorization: Basic" in asked
        assert b"Bearer" not in asked
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        loop_thread().run(caller.transport.close())
        caller.send(f"{server.url}/beta/x")
        assert len(proxy.requests) == 1


def test_a_proxy_that_refuses_or_is_away_means_unsent(
    caller: Caller, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
):
    with serving(always(http()), tls) as server, serving(Proxy(refuse=True), None) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        failed = caller.fails(f"{server.url}/beta/x")
        assert (failed.kind, failed.reason) == ("unsent", "the proxy refused")
        proxy.close()
        failed = caller.fails(f"{server.url}/beta/x")
        assert (failed.kind, failed.reason) == ("unsent", "the proxy could not be reached")
        assert server.requests == []


def test_no_password_file_is_read(
    caller: Caller, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password somewhat\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(always(http(headers=("Set-Cookie: a=b",))), tls) as server:
        caller.send(f"{server.url}/beta/x")
        caller.send(f"{server.url}/beta/x")
        assert not [
            request for request in server.requests if b"Authorization" in request or b"Cookie" in request
        ]


def test_a_failure_tells_nothing_of_the_request(caller: Caller, tls: ssl.SSLContext):
    with serving(once(b""), tls) as server:
        failed = caller.fails(f"{server.url}/beta/secret-path", headers={"Authorization": "Bearer canary"})
    assert failed.__cause__ is None
    assert failed.__suppress_context__
    for text in (str(failed), repr(failed), failed.reason):
        assert "canary" not in text
        assert "secret-path" not in text
    request = GraphRequest(method="GET", url="https://x", headers={"Authorization": "Bearer canary"})
    assert "canary" not in repr(request)


def serve_tenant(connection: Connection) -> None:
    """Sign-in and Graph on one origin."""
    while request := connection.request():
        path = request.split(b" ")[1].decode()
        host = re.search(rb"Host: (\S+)", request)
        origin = f"https://{host[1].decode()}" if host else ""
        if path.endswith("/.well-known/openid-configuration"):
            answer = {
                "issuer": f"{origin}/{TENANT}/v2.0",
                "authorization_endpoint": f"{origin}/{TENANT}/oauth2/v2.0/authorize",
                "token_endpoint": f"{origin}/{TENANT}/oauth2/v2.0/token",
            }
        elif path.endswith("/token"):
            token = make_token({"tid": TENANT, "roles": []})
            answer = {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}
        else:
            answer = {"id": path.rpartition("/")[2]}
        connection.send(http(json.dumps(answer).encode()))


def test_a_custom_cloud_with_its_own_authority_from_sign_in_to_write(
    authority: Authority, tls: ssl.SSLContext
):
    previous = install_transport(None)
    try:
        with serving(serve_tenant, tls) as server:
            target = GraphTarget(
                cloud=custom_cloud(server.url, server.url),
                tenant_guid=TENANT,
                client_id=CLIENT,
                credential=Secret(value=SECRET),
                ca_pem=authority.pem,
            )
            with clock.use_clock(clock.SystemClock(scale=40)):
                client = GraphClient(target, budgets=MemoryBudgets())
                assert client.get("/beta/x/7", family="apps").body == b'{"id": "7"}'
                sent: list[int] = []
                result = client.write(
                    "PUT", "/beta/x/7", b"{}", family="apps", request_id="w", on_sent=lambda: sent.append(1)
                )
                assert (result.known, result.status, sent) == (True, 200, [1])
    finally:
        install_transport(previous)


def test_a_forked_child_has_a_loop_of_its_own():
    here = loop_thread()
    here.run(asyncio.sleep(0))
    from tenantatlas.graph import waiting  # noqa: PLC0415 - its fork hook is called by hand

    kept = waiting._current
    waiting._forget()
    try:
        child = loop_thread()
        assert child is not here
        child.run(asyncio.sleep(0))
        child.stop()
    finally:
        waiting._current = kept
    assert loop_thread() is here


def test_certificates_are_checked_everywhere_and_one_module_sends():
    source = Path(tenantatlas.__file__).parent
    unchecked = re.compile(
        r"verify\s*=\s*False|ssl\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False|_create_unverified"
    )
    clients = re.compile(r"^\s*(?:import|from)\s+(?:aiohttp|httpx|requests|urllib3)\b", re.MULTILINE)
    for path in sorted(source.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert not unchecked.search(text), path
        if path.name != "transport.py" or path.parent.name != "graph":
            assert not clients.search(text), path
