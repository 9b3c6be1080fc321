"""The clouds that Graph lives in: where to send requests and where to sign in."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tenantatlas.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Two origins (`https://host[:port]`, no path).

    `login_aliases` may serve the token endpoint of that login.
    """

    name: str
    graph_url: str
    login_url: str
    login_aliases: tuple[str, ...] = ()

    @property
    def scope(self) -> str:
        """What a token for this Graph is asked for."""
        return f"{self.graph_url}/.default"


CLOUDS: dict[str, Cloud] = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            name="global",
            graph_url="https://graph.microsoft.com",
            login_url="https://login.microsoftonline.com",
        ),
        Cloud(
            name="usgov",
            graph_url="https://graph.microsoft.us",
            login_url="https://login.microsoftonline.us",
        ),
        Cloud(
            name="usgov-dod",
            graph_url="https://dod-graph.microsoft.us",
            login_url="https://login.microsoftonline.us",
        ),
        Cloud(
            name="china",
            graph_url="https://microsoftgraph.chinacloudapi.cn",
            login_url="https://login.partner.microsoftonline.cn",
            login_aliases=("https://login.chinacloudapi.cn",),
        ),
    )
}

CUSTOM = "custom"


def cloud_named(name: str, *, graph_url: str = "", login_url: str = "") -> Cloud:
    """A known cloud, or the custom one with these addresses."""
    if name == CUSTOM:
        return custom_cloud(graph_url, login_url)
    if graph_url or login_url:
        raise InputError(
            f"The cloud {name!r} has its own addresses.", hint="Give addresses only with the cloud 'custom'."
        )
    try:
        return CLOUDS[name]
    except KeyError:
        raise InputError(
            f"There is no cloud {name!r}.", hint=f"Use one of {', '.join([*CLOUDS, CUSTOM])}."
        ) from None


def custom_cloud(graph_url: str, login_url: str) -> Cloud:
    """A cloud at these two addresses; only https, only origins."""
    return Cloud(
        name=CUSTOM,
        graph_url=graph_origin(graph_url),
        login_url=login_origin(login_url),
    )


def graph_origin(url: str) -> str:
    """A custom cloud's Graph address as it is kept; `InputError` says what is wrong with it."""
    return _origin_given(url, what="Graph address", hint="Such as https://graph.example.com.")


def login_origin(url: str) -> str:
    """A custom cloud's sign-in address as it is kept; `InputError` says what is wrong with it."""
    return _origin_given(url, what="sign-in address", hint="Such as https://login.example.com.")


def _origin_given(url: str, *, what: str, hint: str) -> str:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise InputError(f"The {what} is not an address.", hint=hint) from error
    if not url.strip():
        raise InputError(f"A custom cloud needs the {what}.", hint=hint)
    if parts.scheme != "https":
        raise InputError(f"The {what} must begin with https://.", hint=hint)
    if not parts.hostname or not parts.hostname.isascii() or parts.username is not None:
        raise InputError(f"The {what} must name a host, without a user.", hint=hint)
    if parts.path.rstrip("/") or parts.query or parts.fragment:
        raise InputError(f"The {what} must be a host and port only.", hint=hint)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}" if port in (None, 443) else f"https://{host}:{port}"
