"""People signing in: the authorization endpoint, its codes, and the tokens they are exchanged for.

    GET /{tenant}/oauth2/v2.0/authorize     with a login_hint that we know: consent is given at once;
                                            else a page on which one chooses who one is
    POST /{tenant}/oauth2/v2.0/token        grant_type=authorization_code

Strict where Entra is: the reply address must be registered to the letter, a code is redeemed once, by the
same app, for the same reply address, with the verifier of its S256 challenge. What cannot be sent back to a
registered address is told to the person instead.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode

from . import tokens
from .messages import SimRequest, SimResponse
from .refusing import SignInError, as_page, describe, page
from .routes import Target
from .tenants import App, Person, SimTenant

if TYPE_CHECKING:
    from .world import World

_CODE_LIFE = 600.0
_OPENID = frozenset({"openid", "profile", "email", "offline_access"})
_CHALLENGE_LENGTH = 43


@dataclass(kw_only=True)
class Grant:
    """A code that was given out, and what it is bound to."""

    client_id: str
    tenant: str
    redirect_uri: str
    challenge: str
    nonce: str
    resource: str
    scopes: tuple[str, ...]
    person: Person
    until: float
    redeemed: bool = field(default=False)


def authorize(world: World, request: SimRequest, target: Target, tenant: SimTenant) -> SimResponse:
    """Answer the authorization endpoint."""
    asked = {key: values[-1] for key, values in parse_qs(target.query, keep_blank_values=True).items()}
    try:
        app = _registered(tenant, asked)
    except SignInError as error:
        return as_page(world, error)
    try:
        resource, scopes = _scopes(target, app, asked)
        person = _person(tenant, asked)
    except SignInError as error:
        told = {"error": error.error, "error_description": describe(world, error)}
        return _send_back(asked, told)
    if person is None:
        return _who_are_you(request, tenant, app)
    code = f"1.{base64.urlsafe_b64encode(world.random.randbytes(48)).decode()}"
    world.grants[code] = Grant(
        client_id=app.client_id,
        tenant=tenant.guid,
        redirect_uri=asked["redirect_uri"],
        challenge=asked["code_challenge"],
        nonce=asked.get("nonce", ""),
        resource=resource,
        scopes=scopes,
        person=person,
        until=world.times.elapsed() + _CODE_LIFE,
    )
    return _send_back(asked, {"code": code, "session_state": world.new_guid()})


def _registered(tenant: SimTenant, asked: Mapping[str, str]) -> App:
    app = tenant.apps.get(asked.get("client_id", "").lower())
    if app is None:
        raise SignInError(
            400,
            "unauthorized_client",
            700016,
            f"Application with identifier '{asked.get('client_id', '')}' was not found in the directory "
            f"'{tenant.name}'.",
        )
    if asked.get("redirect_uri", "") not in app.redirect_uris:
        raise SignInError(
            400,
            "invalid_request",
            50011,
            f"The redirect URI '{asked.get('redirect_uri', '')}' specified in the request does not match the "
            f"redirect URIs configured for the application '{app.client_id}'.",
        )
    return app


def _scopes(target: Target, app: App, asked: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The resource that is asked for, and what of it."""
    if asked.get("response_type") != "code" or asked.get("response_mode", "query") != "query":
        raise SignInError(400, "unsupported_response_type", 70005, "The response type is not supported here.")
    challenge = asked.get("code_challenge", "")
    if asked.get("code_challenge_method") != "S256" or len(challenge) != _CHALLENGE_LENGTH:
        raise SignInError(
            400, "invalid_request", 9002325, "Proof Key for Code Exchange is required for this request."
        )
    wanted = asked.get("scope", "").split()
    if "openid" not in wanted or not asked.get("nonce"):
        raise SignInError(
            400, "invalid_request", 900144, "The request must contain the scope 'openid' and a 'nonce'."
        )
    resource = _resource(wanted) or target.root
    named = {scope.removeprefix(f"{resource}/") for scope in wanted} - _OPENID
    lacking = sorted(named - app.delegated)
    if lacking:
        raise SignInError(
            400,
            "consent_required",
            65001,
            f"The user or administrator has not consented to use the application with ID '{app.client_id}'. "
            f"Missing: {', '.join(lacking)}.",
        )
    return resource, tuple(sorted(named))


def _resource(wanted: list[str]) -> str:
    """The resource in front of the scopes: `https://graph…`."""
    resources = {scope.rpartition("/")[0] for scope in wanted if "/" in scope}
    if len(resources) > 1:
        raise SignInError(400, "invalid_scope", 28000, "The scopes name more than one resource.")
    return next(iter(resources), "")


def _person(tenant: SimTenant, asked: Mapping[str, str]) -> Person | None:
    person = tenant.people.get(asked.get("login_hint", "").lower())
    if person is None and asked.get("prompt") == "none":
        raise SignInError(
            400, "login_required", 50058, "A silent sign-in request was sent but no user is signed in."
        )
    return person


def _who_are_you(request: SimRequest, tenant: SimTenant, app: App) -> SimResponse:
    links = [
        f'<p><a href="{html.escape(f"{request.url}&login_hint={quote(person.upn)}")}">'
        f"{html.escape(person.name)} ({html.escape(person.upn)})</a></p>"
        for person in tenant.people.values()
    ]
    return page(
        200,
        f"Sign in to {tenant.name}",
        [f"The app {app.client_id} asks who you are.", *(links or ["Nobody can sign in here."])],
    )


def _send_back(asked: Mapping[str, str], told: dict[str, str]) -> SimResponse:
    if "state" in asked:
        told["state"] = asked["state"]
    address = asked["redirect_uri"]
    where = f"{address}{'&' if '?' in address else '?'}{urlencode(told)}"
    return SimResponse(status=302, headers={"Location": where, "Cache-Control": "no-store, no-cache"})


def redeem(world: World, target: Target, tenant: SimTenant, app: App, form: Mapping[str, str]) -> Any:
    """The tokens for a code. The app has proved itself already."""
    grant = _grant(world, tenant, app, form)
    _check_verifier(grant, form.get("code_verifier", ""))
    grant.redeemed = True
    issued = int(world.times.now().timestamp())
    lifetime = int(world.random.uniform(*world.token_life) * 60)
    about = {"tid": tenant.guid, "oid": grant.person.oid, "iat": issued, "nbf": issued}
    scopes = " ".join(grant.scopes)
    return {
        "token_type": "Bearer",
        "scope": f"openid profile {scopes}",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": tokens.sign(
            {
                **about,
                "aud": grant.resource,
                "iss": f"https://sts.windows.net/{tenant.guid}/",
                "exp": issued + lifetime,
                "appid": app.client_id,
                "idtyp": "user",
                "scp": scopes,
                "upn": grant.person.upn,
                "name": grant.person.name,
                "uti": f"{app.generation}.{world.new_guid()[:8]}",
                "ver": "1.0",
            },
            world.signing_key,
        ),
        "id_token": tokens.sign(
            {
                **about,
                "aud": app.client_id,
                "iss": f"{target.root}/{tenant.guid}/v2.0",
                "exp": issued + 3600,
                "nonce": grant.nonce,
                "sub": base64.urlsafe_b64encode(grant.person.oid.encode()).decode(),
                "preferred_username": grant.person.upn,
                "name": grant.person.name,
                "ver": "2.0",
            },
            world.signing_key,
        ),
    }


def _grant(world: World, tenant: SimTenant, app: App, form: Mapping[str, str]) -> Grant:
    grant = world.grants.get(form.get("code", ""))
    if grant is None or (grant.tenant, grant.client_id) != (tenant.guid, app.client_id):
        raise SignInError(400, "invalid_grant", 70000, "The provided authorization code is malformed.")
    if grant.redeemed:
        raise SignInError(
            400,
            "invalid_grant",
            54005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code.",
        )
    if world.times.elapsed() > grant.until:
        raise SignInError(
            400, "invalid_grant", 70008, "The provided authorization code or refresh token has expired."
        )
    if form.get("redirect_uri") != grant.redirect_uri:
        raise SignInError(
            400,
            "invalid_grant",
            500112,
            f"The reply address '{form.get('redirect_uri', '')}' does not match the reply address "
            f"'{grant.redirect_uri}' provided when requesting Authorization code.",
        )
    return grant


def _check_verifier(grant: Grant, verifier: str) -> None:
    digest = hashlib.sha256(verifier.encode()).digest()
    given = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if not hmac.compare_digest(given, grant.challenge):
        raise SignInError(
            400,
            "invalid_grant",
            501481,
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        )
