"""Served over TLS: kept connections, late and broken answers, the control port."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tenantatlas.core import clock
from tenantatlas.core.clock import SystemClock
from tenantatlas.simulator.serve import Served, describe, serving

from .client import APP, CATALOG, CONFIGURATIONS, GUID, SECRET, catalog_body, custom_body

Heard = tuple[int, dict[str, str], bytes]


@dataclass
class Wire:
    """One connection, spoken by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Host": self.host, "Content-Length": str(len(raw)), "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + raw)
        return await self.answer()

    async def answer(self) -> Heard:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(head[0].split()[1]), headers, body

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


async def over_tls(served: Served, folder: Path) -> Wire:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", served.port, ssl=context, server_hostname="localhost"
    )
    return Wire(reader, writer, f"localhost:{served.port}")


async def plainly(served: Served) -> Wire:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.control_port)
    return Wire(reader, writer, f"127.0.0.1:{served.control_port}")


async def sign_in(wire: Wire) -> dict[str, str]:
    form = {
        "grant_type": "client_credentials",
        "client_id": APP,
        "client_secret": SECRET,
        "scope": f"https://{wire.host}/.default",
    }
    kind = "application/x-www-form-urlencoded"
    status, _, body = await wire.ask(
        "POST", f"/{GUID}/oauth2/v2.0/token", urlencode(form).encode(), Content_Type=kind
    )
    assert status == 200, body
    return {"Authorization": f"Bearer {json.loads(body)['access_token']}"}


def run(story, folder: Path) -> None:
    async def play() -> None:
        async with serving(port=0, control_port=0, folder=folder) as served:
            tls, control = await over_tls(served, folder), await plainly(served)
            try:
                await story(served, tls, control)
            finally:
                await tls.close()
                await control.close()

    asyncio.run(play())


@pytest.fixture(autouse=True)
def _fast_clock():
    with clock.use_clock(SystemClock(1000)):
        yield


async def add_tenant(control: Wire) -> None:
    assert (await control.ask("POST", "/tenants", {"guid": GUID}))[0] == 200
    app = {"client_id": APP, "secret": SECRET}
    assert (await control.ask("POST", f"/tenants/{GUID}/apps", app))[0] == 200


def test_graph_is_served_over_tls_on_kept_connections(tmp_path: Path):
    async def story(served: Served, tls: Wire, control: Wire) -> None:
        await add_tenant(control)
        bodies = [catalog_body(f"P{n}", settings=5) for n in range(30)]
        await control.ask("POST", f"/tenants/{GUID}/put", {"collection": CATALOG, "bodies": bodies})
        token = await sign_in(tls)
        status, headers, body = await tls.ask("GET", f"/beta{CATALOG}", **token, Accept_Encoding="gzip")
        assert status == 200
        assert headers["content-encoding"] == "gzip"
        page = json.loads(gzip.decompress(body))
        assert page["@odata.nextLink"].startswith(f"https://localhost:{served.port}/beta/")
        link = page["@odata.nextLink"].removeprefix(f"https://localhost:{served.port}")
        assert len(json.loads((await tls.ask("GET", link, **token))[2])["value"]) == 5
        item = f"/beta{CATALOG}/{page['value'][0]['id']}"
        assert (await tls.ask("PATCH", item, {"name": "New"}, **token))[0] == 204
        assert (await tls.ask("GET", "/beta/x", **token))[0] == 400

    run(story, tmp_path)


def test_answers_may_come_late_or_break_off(tmp_path: Path):
    async def story(served: Served, tls: Wire, control: Wire) -> None:
        await add_tenant(control)
        token = await sign_in(tls)
        await control.ask(
            "POST", "/settings", {"latency": 5.5, "page_size": 10, "token_life": [60, 61], "link_life": 9}
        )
        path = f"/beta{CONFIGURATIONS}"
        wanted = [tls.ask("GET", path, **token)]
        assert [answer[0] for answer in await asyncio.gather(*wanted)] == [200]
        await control.ask("POST", "/faults", {"path": "deviceConf", "fault": "Reset"})
        with pytest.raises(asyncio.IncompleteReadError):
            await tls.ask("GET", path, **token)
        await control.ask("POST", "/faults", {"path": "deviceConf", "fault": "LoseReply"})
        await control.ask(
            "POST", "/faults", {"path": "deviceConf", "fault": "Status", "with": {"status": 599}, "nth": 2}
        )
        again = await over_tls(served, tmp_path)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await again.ask("POST", path, custom_body(), **token)
        third = await over_tls(served, tmp_path)
        assert (await third.ask("GET", path, **token))[0] == 599
        assert (await third.ask("GET", path, **token, Connection="close"))[0] == 200
        assert await third.reader.read() == b""
        assert len(served.simulator.tenants[GUID].objects(CONFIGURATIONS)) == 1
        await again.close()
        await third.close()

    run(story, tmp_path)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, b"431"),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", b"100"),
    ],
)
def test_what_is_not_http_is_refused(tmp_path: Path, sent: bytes, status: bytes):
    async def story(served: Served, tls: Wire, control: Wire) -> None:
        del served, control
        tls.writer.write(sent)
        assert (await tls.reader.readline()).split()[1] == status

    run(story, tmp_path)


def test_where_it_is_served_and_who_is_there_is_told(tmp_path: Path):
    async def story(served: Served, tls: Wire, control: Wire) -> None:  # noqa: ARG001 - as every story
        assert "No tenant yet" in "\n".join(describe(served, tmp_path))
        await add_tenant(control)

        told = "\n".join(describe(served, tmp_path))

        assert f"https://localhost:{served.port}" in told
        assert f"http://127.0.0.1:{served.control_port}" in told
        assert str(tmp_path / "ca.pem") in told
        (line,) = [line for line in told.splitlines() if GUID in line]
        assert APP in line
        status, _, body = await control.ask("GET", "/tenants")
        assert (status, json.loads(body)["tenants"][0]["client_ids"]) == (200, [APP])
        assert (await control.ask("GET", f"/tenants/{GUID}"))[0] == 404

    run(story, tmp_path)


def test_the_control_port_does_what_is_done_behind_the_clients_back(tmp_path: Path):
    async def story(served: Served, tls: Wire, control: Wire) -> None:
        await add_tenant(control)

        async def post(path: str, body: Any) -> Any:
            status, _, answer = await control.ask("POST", path, body)
            assert status == 200, answer
            return json.loads(answer)

        made = await post(f"/tenants/{GUID}/put", {"collection": CATALOG, "bodies": [catalog_body()]})
        policy = made["ids"][0]
        change = {"id": policy, "collection": CATALOG, "properties": {"name": "Changed"}}
        await post(f"/tenants/{GUID}/change", change)
        shown = json.loads((await control.ask("GET", f"/tenants/{GUID}/objects{CATALOG}"))[2])["objects"]
        assert shown[0]["name"] == "Changed"
        await post(f"/tenants/{GUID}/profile", {"autopatch": False})
        await post(f"/tenants/{GUID}/lag", {"item": 1.5})
        await post(f"/tenants/{GUID}/revoke", {"permissions": ["Policy.Read.All"]})
        await post(f"/tenants/{GUID}/grant", {"permissions": ["Policy.Read.All"]})
        await post(f"/tenants/{GUID}/expire-tokens", {})
        assert (await post("/advance", {"seconds": 3.5}))["elapsed"] >= 3.5
        await post(f"/tenants/{GUID}/remove", {"collection": CATALOG, "id": policy})
        assert (await post(f"/tenants/{GUID}/clear", {"collection": CATALOG}))["removed"] == 0
        await post("/faults/clear", {})
        facts = await post("/demo", {})
        assert len((await post("/accident", {}))["happened"]) > 5
        summary = json.loads((await control.ask("GET", "/"))[2])
        assert set(summary["tenants"]) == {GUID, facts["tenant"]}
        await sign_in(tls)
        journal = json.loads((await control.ask("GET", "/journal?since=0"))[2])["entries"]
        assert journal[-1]["path"] == f"/{GUID}/oauth2/v2.0/token"
        await post("/save", {})
        assert (tmp_path / "simulator.json").is_file()
        tenant = served.simulator.tenants[GUID]
        assert (tenant.profile.autopatch, tenant.lag.item) == (False, 1.5)

    run(story, tmp_path)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/", None, {"Host": "evil.example"}, 403),
        ("POST", "/nothing", {}, {}, 404),
        ("POST", "/tenants/missing/put", {}, {}, 404),
        ("POST", "/save", {}, {"Content_Type": "text/plain"}, 400),
        ("POST", "/advance", b"{", {}, 400),
        ("DELETE", "/", None, {}, 400),
        ("POST", "/faults", {"path": "(", "fault": "Drop"}, {}, 400),
    ],
)
def test_the_control_port_says_what_is_wrong(tmp_path: Path, method, path, body, headers, status):
    async def story(served: Served, tls: Wire, control: Wire) -> None:
        del served, tls
        answer = await control.ask(method, path, body, **headers)
        assert answer[0] == status
        assert json.loads(answer[2])["error"]

    run(story, tmp_path)


def test_unknown_fields_of_a_profile_are_refused(tmp_path: Path):
    async def story(served: Served, tls: Wire, control: Wire) -> None:
        del served, tls
        await add_tenant(control)
        assert (await control.ask("POST", f"/tenants/{GUID}/profile", {"moon": True}))[0] == 404

    run(story, tmp_path)


def test_state_and_authority_are_there_again(tmp_path: Path):
    async def first(served: Served, tls: Wire, control: Wire) -> None:
        del served, tls
        await add_tenant(control)

    async def second(served: Served, tls: Wire, control: Wire) -> None:
        del control
        assert list(served.simulator.tenants) == [GUID]
        await sign_in(tls)

    run(first, tmp_path)
    authority = (tmp_path / "ca.pem").read_bytes()
    run(second, tmp_path)
    assert (tmp_path / "ca.pem").read_bytes() == authority
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0


def test_a_signal_ends_it_and_the_state_is_saved(tmp_path: Path):
    program = f"""
import os, signal, threading, time
from pathlib import Path
from tenantatlas.simulator.serve import serve

folder = Path({str(tmp_path)!r})

def stop():
    while not (folder / "server.pem").exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=stop).start()
serve(port=0, control_port=0, state=folder)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "simulator.json").is_file()
