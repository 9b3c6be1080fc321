"""How a request reaches the network. The only import of aiohttp in the product.

Everything above speaks `GraphRequest` and `GraphResponse`; a simulator in the same process takes the place of
the network by `install_transport`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ssl
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal, Protocol

import aiohttp
from yarl import URL

from tenantatlas.core import clock
from tenantatlas.core.errors import InputError

from .waiting import loop_thread

#: "unsent": no byte of the request can have reached the other side.
#: "unknown": it may have been received and acted upon.
Kind = Literal["unsent", "unknown"]

#: No answer, inflated, may be larger.
MAX_BODY = 64 * 1024 * 1024
#: However fast the clock runs, a request gets so many real seconds: a busy machine is not a hanging one.
_LEAST_REAL_SECONDS = 10.0

_NO_BODY = frozenset({204, 304})


_NOT_TRUSTED = "the certificate is not trusted"


class TransportFailed(Exception):
    """There is no whole answer. `reason` is a short sentence for people, without addresses or headers."""

    def __init__(self, reason: str, *, kind: Kind) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind: Kind = kind


def hint_for(reason: str) -> str:
    """What a person can do about a request that had no answer for that reason."""
    if reason.startswith(_NOT_TRUSTED):
        return (
            "Give the tenant the CA file that this certificate was issued by: correct the tenant, or "
            "`tenantatlas tenants set SLUG --ca-file F`; for every tenant, set ATLAS_CA_FILE."
        )
    return "Check the network, the proxy and the Graph and sign-in addresses of the tenant's cloud."


class Headers(Mapping[str, str]):
    """Headers of an answer; names are looked up without regard to case."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = {name.lower(): str(value) for name, value in (values or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, kw_only=True)
class GraphRequest:
    """One request. `deadline` is for all of it, in seconds.

    `on_sent` is called once all of it has been handed to the socket, and never where the request failed
    "unsent". `ca_pem` are certificate authorities to trust besides the system's.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    deadline: float = 60.0
    on_sent: Callable[[], None] | None = field(default=None, repr=False)
    ca_pem: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class GraphResponse:
    """One whole answer: the body is complete and inflated."""

    status: int
    headers: Mapping[str, str] = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.headers, Headers):
            object.__setattr__(self, "headers", Headers(self.headers))


class Transport(Protocol):
    """Sends one request once. Follows no redirect, tries nothing again."""

    async def send(self, request: GraphRequest) -> GraphResponse:
        """The whole answer, or `TransportFailed`."""
        ...


class _Progress:
    """How far one request got; decides between "unsent" and "unknown", and when `on_sent` is called."""

    def __init__(self, request: GraphRequest) -> None:
        self.started = False
        self._left = len(request.body or b"")
        self._on_sent = request.on_sent

    @property
    def kind(self) -> Kind:
        return "unknown" if self.started else "unsent"

    def connect(self) -> None:
        """A connection is about to be made or taken.

        A second one means that the first was lost: to send twice is not for the network layer to decide.
        """
        if self.started:
            raise aiohttp.ClientConnectionError("the connection was lost")

    def head(self) -> None:
        """The request line and headers are about to be written."""
        self.started = True
        self._tell_when_all()

    def chunk(self, size: int) -> None:
        """Some of the body is about to be written."""
        self._left -= size
        self._tell_when_all()

    def _tell_when_all(self) -> None:
        if self._left <= 0 and self._on_sent is not None:
            # The bytes go out within this turn of the loop; the next turn comes after.
            asyncio.get_running_loop().call_soon(self._on_sent)
            self._on_sent = None


class AiohttpTransport:
    """The network: one session on the loop thread.

    Certificates are always checked; proxies are the environment's.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}

    async def send(self, request: GraphRequest) -> GraphResponse:
        """See `Transport`. Only https."""
        if not request.url.startswith("https://"):
            raise TransportFailed("only https is spoken", kind="unsent")
        progress = _Progress(request)
        seconds = max(request.deadline / clock.scale(), min(request.deadline, _LEAST_REAL_SECONDS))
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(request, progress)
        except TransportFailed:
            raise
        except TimeoutError:
            raise TransportFailed("no whole answer in time", kind=progress.kind) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The cause is left out: it can hold the request with its headers.
            raise TransportFailed(_reason(error), kind=progress.kind) from None

    async def _exchange(self, request: GraphRequest, progress: _Progress) -> GraphResponse:
        url = URL(request.url, encoded=True)
        proxy, proxy_headers = _proxy_for(url)
        async with self._session_here().request(
            request.method,
            url,
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            ssl=self._context(request.ca_pem),
            proxy=proxy,
            proxy_headers=proxy_headers,
            trace_request_ctx=progress,
        ) as answer:
            if answer.status not in _NO_BODY and not _has_length(answer):
                raise TransportFailed("the answer does not say how long it is", kind="unknown")
            body = await _read_body(answer)
            return GraphResponse(status=answer.status, headers=_headers(answer), body=body)

    def _session_here(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=128, limit_per_host=64, ttl_dns_cache=60),
                timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                trace_configs=[_tracing()],
                headers={"Accept-Encoding": "gzip, deflate"},
                skip_auto_headers=("User-Agent",),
            )
        return self._session

    def _context(self, ca_pem: str) -> ssl.SSLContext:
        context = self._contexts.get(ca_pem)
        if context is None:
            context = ssl.create_default_context()
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if ca_pem:
                try:
                    context.load_verify_locations(cadata=ca_pem)
                except (ssl.SSLError, ValueError):
                    raise InputError(
                        "The certificate authority given for this tenant is not a PEM certificate.",
                        hint="Give another CA file.",
                    ) from None
            self._contexts[ca_pem] = context
        return context

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _tracing() -> aiohttp.TraceConfig:
    config = aiohttp.TraceConfig()

    async def connect(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.connect()

    async def head(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.head()

    async def chunk(
        _: aiohttp.ClientSession, context: SimpleNamespace, sent: aiohttp.TraceRequestChunkSentParams
    ) -> None:
        context.trace_request_ctx.chunk(len(sent.chunk))

    config.on_connection_create_start.append(connect)
    config.on_connection_reuseconn.append(connect)
    config.on_request_headers_sent.append(head)
    config.on_request_chunk_sent.append(chunk)
    return config


def _has_length(answer: aiohttp.ClientResponse) -> bool:
    """Is the end of the body marked? If only closing marks it, a cut answer looks like a whole one."""
    return "Content-Length" in answer.headers or "chunked" in answer.headers.get("Transfer-Encoding", "")


async def _read_body(answer: aiohttp.ClientResponse) -> bytes:
    """All of the body; aiohttp raises where it is shorter than announced."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in answer.content.iter_any():
        size += len(chunk)
        if size > MAX_BODY:
            answer.close()
            raise TransportFailed("the answer is larger than is read", kind="unknown")
        chunks.append(chunk)
    return b"".join(chunks)


def _headers(answer: aiohttp.ClientResponse) -> Headers:
    names = dict.fromkeys(answer.headers)
    return Headers({name: ", ".join(answer.headers.getall(name)) for name in names})


def _proxy_for(url: URL) -> tuple[URL | None, dict[str, str] | None]:
    """The environment's proxy for this address (netrc files are not read)."""
    address = urllib.request.getproxies().get("https")
    if not address or not url.host or urllib.request.proxy_bypass(url.host):
        return None, None
    proxy = URL(address if "://" in address else f"http://{address}")
    if proxy.user is None:
        return proxy, None
    name = aiohttp.encode_basic_auth(proxy.user, proxy.password or "", encoding="utf-8")
    return proxy.with_user(None), {"Proxy-Authorization": name}


def _reason(error: Exception) -> str:
    """What happened, in words that hold nothing of the request."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return f"{_NOT_TRUSTED}: {_verify_message(error)}"
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (aiohttp.ClientHttpProxyError, "the proxy refused"),
        (aiohttp.ClientProxyConnectionError, "the proxy could not be reached"),
        (aiohttp.ClientConnectorDNSError, "the name could not be resolved"),
        (aiohttp.ClientSSLError, "no secure connection could be made"),
        (aiohttp.ClientConnectorError, "no connection could be made"),
        (aiohttp.ClientPayloadError, "the answer was cut short"),
        (aiohttp.ServerDisconnectedError, "the connection was closed without an answer"),
        (aiohttp.ClientResponseError, "the answer is not HTTP"),
    )
    for kind, words in kinds:
        if isinstance(error, kind):
            return words
    return "the connection was lost"


def _verify_message(error: Exception) -> str:
    cause = getattr(error, "certificate_error", error)
    return str(getattr(cause, "verify_message", "") or "verification failed")


_installed: Transport | None = None
_network = AiohttpTransport()


def install_transport(transport: Transport | None) -> Transport | None:
    """Make this the process's transport (None: the network again) and return the one it replaces."""
    global _installed
    previous, _installed = _installed, transport
    return previous


def current_transport() -> Transport:
    """What requests go through now."""
    return _installed or _network


@atexit.register
def _close_network() -> None:
    if _network._session is not None and _network._loop is not None and _network._loop.is_running():
        with contextlib.suppress(Exception):
            loop_thread().run(_network.close())
