"""As much of HTTP/1.1 as the simulator needs: kept connections, answers that come late or break off."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from http import HTTPStatus

from tenantatlas.core import clock

from .messages import Break, SimRequest, SimResponse

Handler = Callable[[SimRequest], SimResponse]

_LONGEST_HEAD = 64 * 1024
_WORTH_COMPRESSING = 8 * 1024
_LONGEST_BODY = 64 * 1024 * 1024


class Connection(asyncio.Protocol):
    """One connection. Requests are answered in the order in which they came."""

    def __init__(self, handler: Handler, *, scheme: str, open_connections: set[Connection]) -> None:
        self._handler = handler
        self._scheme = scheme
        self._open = open_connections
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        del exc
        self._open.discard(self)
        if self._waiting is not None:
            self._waiting.cancel()
        self._transport = None

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes arrive; whole requests are answered."""
        self._buffer += data
        self._answer_next()

    def _answer_next(self) -> None:
        while self._waiting is None and self._transport is not None:
            request = self._take_request()
            if request is None:
                return
            response = self._handler(request)
            if response.delay <= 0:
                self._send(request, response)
                continue
            loop = asyncio.get_running_loop()
            real = response.delay / clock.scale()
            self._waiting = loop.call_later(real, self._send_late, request, response)

    def _send_late(self, request: SimRequest, response: SimResponse) -> None:
        self._waiting = None
        self._send(request, response)
        self._answer_next()

    def _take_request(self) -> SimRequest | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return None
        head = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:])
        }
        length = headers.get("content-length", "0")
        words = head[0].split(" ")
        if "transfer-encoding" in headers or not length.isdigit() or len(words) != 3:  # noqa: PLR2004 - method, path, version
            self._refuse(HTTPStatus.BAD_REQUEST)
            return None
        if int(length) > _LONGEST_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return None
        start, stop = end + 4, end + 4 + int(length)
        if len(self._buffer) < stop:
            self._ask_for_body(headers, begun=len(self._buffer) > start)
            return None
        body = bytes(self._buffer[start:stop])
        del self._buffer[:stop]
        url = f"{self._scheme}://{headers.get('host', 'localhost')}{words[1]}"
        return SimRequest(method=words[0], url=url, headers=headers, body=body)

    def _ask_for_body(self, headers: dict[str, str], *, begun: bool) -> None:
        if headers.get("expect", "").lower() == "100-continue" and not begun and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, status: HTTPStatus) -> None:
        if self._transport is not None:
            self._transport.write(
                f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: 0\r\n\r\n".encode()
            )
            self._transport.close()
        self._buffer.clear()

    def _send(self, request: SimRequest, response: SimResponse) -> None:
        transport = self._transport
        if transport is None:
            return
        if response.broken in {Break.REFUSED, Break.DROPPED}:
            transport.abort()
            return
        head, body = self._render(request, response)
        if response.broken is Break.CUT:
            transport.write(head + body[: len(body) // 2])
            transport.close()
            return
        transport.write(head + body)
        if request.header("connection").lower() == "close":
            transport.close()

    @staticmethod
    def _render(request: SimRequest, response: SimResponse) -> tuple[bytes, bytes]:
        body = response.body
        headers = dict(response.headers)
        if len(body) > _WORTH_COMPRESSING and "gzip" in request.header("accept-encoding"):
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if response.status != HTTPStatus.NO_CONTENT:
            headers["Content-Length"] = str(len(body))
        try:
            phrase = HTTPStatus(response.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [
            f"HTTP/1.1 {response.status} {phrase}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body
