"""The sign-in service: OIDC discovery, keys, and tokens for apps by secret or certificate assertion.

People sign in through `authorize`.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tenantatlas.core import json

from . import authorize, tokens
from .messages import SimRequest, SimResponse
from .refusing import SignInError, as_json
from .routes import Target
from .tenants import App, SimTenant

if TYPE_CHECKING:
    from .world import World

#: login host -> cloud
LOGIN_HOSTS = {
    "login.microsoftonline.com": "global",
    "login.microsoftonline.us": "usgov",
    "login.chinacloudapi.cn": "china",
    "login.partner.microsoftonline.cn": "china",
}
#: cloud -> Graph hosts
GRAPH_HOSTS = {
    "global": {"graph.microsoft.com"},
    "usgov": {"graph.microsoft.us", "dod-graph.microsoft.us"},
    "china": {"microsoftgraph.chinacloudapi.cn"},
}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def answer(world: World, request: SimRequest, target: Target) -> SimResponse:
    """Answer a request to the sign-in service."""
    names = [segment.text for segment in target.segments]
    try:
        return _route(world, request, target, names)
    except SignInError as error:
        return as_json(world, error)


def _route(world: World, request: SimRequest, target: Target, names: list[str]) -> SimResponse:
    path = "/".join(names[1:]).lower()
    if names[:1] == ["common"] and path == "discovery/instance":
        return _json(200, _instance(target, request))
    if path in {"v2.0/.well-known/openid-configuration", ".well-known/openid-configuration"}:
        return _json(200, _configuration(target, _tenant(world, target, names[0])))
    if path == "discovery/v2.0/keys":
        return _json(200, {"keys": [tokens.public_jwk(world.signing_key)]})
    if path == "oauth2/v2.0/authorize" and request.method == "GET":
        return authorize.authorize(world, request, target, _tenant(world, target, names[0]))
    if path == "oauth2/v2.0/token" and request.method == "POST":
        return _json(200, _token(world, request, target, _tenant(world, target, names[0])))
    return SimResponse(status=404, headers={"Content-Type": "text/html"}, body=b"<html>404</html>")


def _json(status: int, body: Any) -> SimResponse:
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store, no-cache"}
    return SimResponse(status=status, headers=headers, body=json.dumps(body))


def _instance(target: Target, request: SimRequest) -> Any:
    authority = parse_qs(target.query).get("authorization_endpoint", [""])[0]
    root = authority.split("/oauth2/")[0] if authority else f"{target.root}/common"
    del request
    return {
        "tenant_discovery_endpoint": f"{root}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [
            {"preferred_network": target.host, "preferred_cache": target.host, "aliases": [target.host]}
        ],
    }


def _configuration(target: Target, tenant: SimTenant) -> Any:
    root = f"{target.root}/{tenant.guid}"
    return {
        "issuer": f"{root}/v2.0",
        "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
        "token_endpoint": f"{root}/oauth2/v2.0/token",
        "jwks_uri": f"{root}/discovery/v2.0/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["code", "token"],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "tenant_region_scope": "EU",
    }


def _tenant(world: World, target: Target, name: str) -> SimTenant:
    tenant = world.tenants.get(name.lower())
    if tenant is None:
        tenant = next((each for each in world.tenants.values() if each.domain == name.lower()), None)
    cloud = LOGIN_HOSTS.get(target.host)
    if tenant is None or (cloud is not None and tenant.profile.cloud != cloud):
        raise SignInError(
            400,
            "invalid_request",
            90002,
            f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing "
            "into the correct cloud.",
        )
    return tenant


def _token(world: World, request: SimRequest, target: Target, tenant: SimTenant) -> Any:
    form = {key: values[-1] for key, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") == "authorization_code":
        app = _app(tenant, form.get("client_id", ""))
        _check_credential(world, app, form, target, tenant)
        return authorize.redeem(world, target, tenant, app, form)
    if form.get("grant_type") != "client_credentials":
        raise SignInError(
            400,
            "unsupported_grant_type",
            70003,
            f"The app requested an unsupported grant type '{form.get('grant_type')}'.",
        )
    app = _app(tenant, form.get("client_id", ""))
    _check_credential(world, app, form, target, tenant)
    audience = _audience(target, form.get("scope", ""))
    lifetime = int(world.random.uniform(*world.token_life) * 60)
    issued = int(world.times.now().timestamp())
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{tenant.guid}/",
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime,
        "appid": app.client_id,
        "appidacr": "1" if "client_secret" in form else "2",
        "idtyp": "app",
        "oid": world.new_guid(),
        "roles": sorted(app.permissions),
        "tid": tenant.guid,
        "uti": f"{app.generation}.{world.new_guid()[:8]}",
        "ver": "1.0",
    }
    return {
        "token_type": "Bearer",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": tokens.sign(claims, world.signing_key),
    }


def _app(tenant: SimTenant, client_id: str) -> App:
    app = tenant.apps.get(client_id.lower())
    if app is None:
        raise SignInError(
            400,
            "unauthorized_client",
            700016,
            f"Application with identifier '{client_id}' was not found in the directory '{tenant.name}'. "
            "This can happen if the application has not been installed by the administrator of the tenant or "
            "consented to by any user in the tenant. You may have sent your authentication request to the "
            "wrong tenant.",
        )
    return app


def _check_credential(
    world: World, app: App, form: dict[str, str], target: Target, tenant: SimTenant
) -> None:
    if "client_secret" in form:
        given = form["client_secret"].encode()
        if not app.secret or not hmac.compare_digest(given, app.secret.encode()):
            raise SignInError(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client "
                f"secret value, not the client secret ID, for a secret added to app '{app.client_id}'.",
            )
        return
    if form.get("client_assertion_type") != _ASSERTION or not form.get("client_assertion"):
        raise SignInError(
            401,
            "invalid_client",
            7000218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )
    _check_assertion(world, app, form["client_assertion"], target, tenant)


def _check_assertion(world: World, app: App, assertion: str, target: Target, tenant: SimTenant) -> None:
    try:
        claims = tokens.verify(assertion, tokens.public_key_of(app.certificate))
    except (ValueError, TypeError) as error:
        raise SignInError(
            401,
            "invalid_client",
            700027,
            "The certificate with identifier used to sign the client assertion is not "
            f"registered on application. [Reason - {error}]",
        ) from error
    audiences = {f"{target.root}/{tenant.guid}/oauth2/v2.0/token", f"{target.root}/{tenant.guid}/v2.0"}
    now = world.times.now().timestamp()
    subject = str(claims.get("sub", "")).lower()
    if subject != app.client_id or str(claims.get("iss", "")).lower() != app.client_id:
        raise SignInError(
            401, "invalid_client", 700021, "Client assertion application identifier doesn't match."
        )
    if str(claims.get("aud", "")).lower() not in audiences:
        raise SignInError(
            401, "invalid_client", 700023, "Client assertion audience claim does not match Realm issuer."
        )
    if not float(claims.get("exp", 0)) > now - 300:
        raise SignInError(
            401, "invalid_client", 700024, "Client assertion is not within its valid time range."
        )


def _audience(target: Target, scope: str) -> str:
    resource = scope.removesuffix("/.default").rstrip("/").lower()
    if not scope.endswith("/.default") or " " in scope:
        raise SignInError(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {scope} is not valid. Client credential flows "
            "must have a scope value with /.default suffixed to the resource identifier.",
        )
    cloud = LOGIN_HOSTS.get(target.host)
    host = resource.removeprefix("https://")
    if cloud is not None and host not in GRAPH_HOSTS[cloud]:
        raise SignInError(
            400,
            "invalid_resource",
            500011,
            f"The resource principal named {resource} was not found in the tenant.",
        )
    return resource
