"""An admin's own sign-in, for one question: which security groups are there?

The only place where a person's token exists. It answers `search_groups` and `find_group`, and nothing else
takes it: every other client is made from an app's credential. Authorization code with PKCE, through MSAL.

    begin ──► the address at the tenant's login ──► the person signs in ──► code ──► finish ──► Delegated

MSAL makes state, nonce and verifier and compares state and nonce; what it leaves to applications is done
here: issuer, audience, lifetime and tenant of the id token, tenant and permission of the access token. The
id token comes from the token endpoint itself over TLS, so its signature is not looked at.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, InputError, SignInFailed, Unavailable, UpstreamError
from tenantatlas.core.json import BadJson, Json, loads
from tenantatlas.core.log import remember_secret

from .auth import Token, msal_app, read_claims, sign_in_failed
from .errors import error_for
from .msal_http import MsalHttp
from .origins import path_within
from .sending import Call, Sender
from .transport import TransportFailed, hint_for
from .values import GROUP_SEARCH_PERMISSION, GraphTarget
from .waiting import loop_thread

_LONGEST = 600.0
_SKEW = 300.0
_MOST = 25
_DEADLINE = 15.0
_SELECT = "$select=id,displayName,groupTypes,securityEnabled,mailEnabled"
_AGAIN = "Sign in again."


@dataclass(frozen=True, kw_only=True)
class Delegated:
    """A person's token, and who they are at Microsoft. Ends ten minutes after it was given, at most."""

    token: str = field(repr=False)
    account: str
    account_id: str
    ends_at: float
    """A moment of `clock.now()`, in seconds."""


@dataclass(frozen=True, kw_only=True)
class FoundGroup:
    """A group as the directory has it now."""

    id: str
    name: str
    dynamic: bool
    mail_enabled: bool


def begin_sign_in(target: GraphTarget, *, redirect_uri: str) -> dict[str, Json]:
    """The flow to keep until the person is back; `auth_uri` in it is where they sign in."""
    http = MsalHttp(target, loop_thread())

    def begin() -> Any:
        with warnings.catch_warnings():
            # MSAL prefers a POST from Microsoft's site; our session's cookie does not come with one.
            warnings.simplefilter("ignore", UserWarning)
            return msal_app(target, http, without=("offline_access",)).initiate_auth_code_flow(
                [f"{target.cloud.graph_url}/{GROUP_SEARCH_PERMISSION}"],
                redirect_uri=redirect_uri,
                prompt="select_account",
                response_mode="query",
            )

    flow: dict[str, Json] = _msal(http, begin)
    _require_own_login(target, str(flow["auth_uri"]))
    return flow


def _require_own_login(target: GraphTarget, address: str) -> None:
    """The address comes from what the login says of itself: people are led to its own origin only."""
    cloud = target.cloud
    for origin in (cloud.login_url, *cloud.login_aliases):
        with contextlib.suppress(UpstreamError):
            path_within(origin, address)
            return
    raise SignInFailed(
        "The sign-in service leads people to another place; nobody was sent there.",
        hint="Check the login address of the tenant's cloud.",
    )


def finish_sign_in(target: GraphTarget, flow: Mapping[str, Json], answer: Mapping[str, str]) -> Delegated:
    """Exchange the code that the person came back with. `answer` is the query of the reply address."""
    if not answer.get("state") or answer["state"] != flow.get("state"):
        raise SignInFailed("This is not the sign-in that was begun here.", hint=_AGAIN)
    if "error" in answer:
        raise sign_in_failed(answer.get("error_description", ""), answer["error"])
    http = MsalHttp(target, loop_thread())
    app = msal_app(target, http, without=("offline_access",))
    given = _msal(http, lambda: app.acquire_token_by_auth_code_flow(dict(flow), dict(answer)))
    token = given.get("access_token")
    if not isinstance(token, str) or not token:
        raise sign_in_failed(str(given.get("error_description") or ""), str(given.get("error") or ""))
    remember_secret(token)
    who = _checked_identity(target, given.get("id_token_claims") or {})
    _check_token(target, read_claims(token))
    return Delegated(
        token=token,
        account=str(who.get("preferred_username") or who.get("name") or who["oid"])[:200],
        account_id=str(who["oid"]),
        ends_at=clock.now().timestamp() + min(float(given.get("expires_in") or 0), _LONGEST),
    )


def search_groups(target: GraphTarget, signed_in: Delegated, *, begins: str) -> tuple[FoundGroup, ...]:
    """Security groups whose name begins with the text, at most 25, by name. Asked now, kept nowhere."""
    text = begins.strip().replace("'", "''")
    if not text:
        raise InputError("Type the beginning of the group's name.")
    wanted = quote(f"securityEnabled eq true and startswith(displayName,'{text}')", safe="")
    rows = (
        _read(target, signed_in, f"/v1.0/groups?$filter={wanted}&{_SELECT}&$top={_MOST}").get("value") or []
    )
    found = [_group(row) for row in rows if row.get("securityEnabled")]
    return tuple(sorted(found, key=lambda group: (group.name.casefold(), group.id)))


def find_group(target: GraphTarget, signed_in: Delegated, *, group_id: str) -> FoundGroup:
    """One group by its id, as the directory has it now."""
    return _group(_read(target, signed_in, f"/v1.0/groups/{quote(group_id, safe='')}?{_SELECT}"))


def _group(row: Json) -> FoundGroup:
    return FoundGroup(
        id=str(row["id"]),
        name=str(row.get("displayName") or row["id"]),
        dynamic="DynamicMembership" in (row.get("groupTypes") or ()),
        mail_enabled=bool(row.get("mailEnabled")),
    )


def _read(target: GraphTarget, signed_in: Delegated, path: str) -> Json:
    sender = Sender(target, _OneToken(signed_in))
    try:
        answer = loop_thread().run(sender.read(Call(method="GET", path=path, deadline=_DEADLINE)))
        if not answer.ok:
            raise error_for(answer.fault(), path=path)
        return loads(answer.body)
    except TransportFailed as error:
        raise Unavailable(
            f"Microsoft Graph could not be reached: {error.reason}.", hint=hint_for(error.reason)
        ) from None
    except BadJson as error:
        raise Unavailable(f"Microsoft Graph's answer cannot be read: {error.message}") from error


class _OneToken:
    """A token that cannot be renewed: the person would have to sign in again."""

    def __init__(self, signed_in: Delegated) -> None:
        self._signed_in = signed_in

    async def token(self) -> Token:
        """The token, while it lasts."""
        if clock.now().timestamp() >= self._signed_in.ends_at:
            raise _over()
        return Token(value=self._signed_in.token, claims={}, ends_at=0.0, renew_at=0.0)

    async def renew(self, refused: Token, *, claims: str | None) -> Token:  # noqa: ARG002 - whatever was refused
        """Never."""
        raise _over()

    def give_up(self, error: AtlasError) -> None:
        """There is nothing to remember."""


def _over() -> SignInFailed:
    return SignInFailed("The sign-in for searching groups has ended.", hint=_AGAIN)


def _checked_identity(target: GraphTarget, claims: Mapping[str, Any]) -> Mapping[str, Any]:
    cloud = target.cloud
    tenant = target.tenant_guid.lower()
    issuers = {f"{login}/{tenant}/v2.0" for login in (cloud.login_url, *cloud.login_aliases)}
    now = clock.now().timestamp()
    wrong = [
        what
        for what, right in (
            ("iss", str(claims.get("iss", "")).lower() in issuers),
            ("aud", str(claims.get("aud", "")).lower() == target.client_id.lower()),
            ("tid", str(claims.get("tid", "")).lower() == tenant),
            ("exp", _number(claims.get("exp")) > now - _SKEW),
            ("nbf", _number(claims.get("nbf")) < now + _SKEW),
            ("nonce", bool(claims.get("nonce"))),
            ("oid", bool(claims.get("oid"))),
        )
        if not right
    ]
    if wrong:
        raise SignInFailed(
            f"The sign-in service's answer is not for this app in this tenant ({', '.join(wrong)}).",
            hint="Sign in with an account of this very tenant. Check the tenant id and the cloud.",
            details={"claims": ", ".join(wrong)},
        )
    return claims


def _check_token(target: GraphTarget, claims: Mapping[str, Any]) -> None:
    if str(claims.get("tid", "")).lower() != target.tenant_guid.lower():
        raise SignInFailed(
            "The token is for another tenant than this one; nothing was sent with it.", hint=_AGAIN
        )
    if GROUP_SEARCH_PERMISSION not in str(claims.get("scp", "")).split():
        raise SignInFailed(
            f"The sign-in did not give the delegated permission {GROUP_SEARCH_PERMISSION}.",
            hint="Add it to the app registration and grant admin consent.",
        )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _msal(http: MsalHttp, call: Callable[[], Any]) -> Any:
    """Ask MSAL, which raises what it likes; causes are left out, since they can hold secrets."""
    http.last_refusal = ""
    try:
        return call()
    except AtlasError:
        raise
    except Exception as error:  # noqa: BLE001 - MSAL raises what it likes
        said = http.last_refusal or "the answer does not belong to the sign-in that was begun"
        raise sign_in_failed(said, type(error).__name__) from None
