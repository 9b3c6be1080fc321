"""Tokens: one app in one tenant, by secret or certificate, through MSAL and through our own transport.

A token is renewed five minutes before it ends, by one request whoever asks. It is never logged and never
part of an error. Its `tid` must be the tenant we mean, each time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msal
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, SignInFailed, Unavailable
from tenantatlas.core.log import remember_secret

from .errors import clean
from .msal_http import MsalHttp, NoCache
from .values import Certificate, GraphTarget
from .waiting import LoopThread

_EARLY = 300.0
_TRIES = 4
_ASK_AGAIN = 60.0
_LONGEST_WAIT = 30.0
_REMEMBER_REFUSAL = 60.0
_AADSTS = re.compile(r"AADSTS(\d+)")

_GIVE_CURRENT = (
    "Give the current one on the Connection page or with `tenantatlas tenants update`: "
    "the secret's value, not its id."
)
_NO_TENANT = "This cloud knows no tenant with that id."
_CHECK_TENANT = "Check the tenant id, and that the tenant is in the cloud chosen for it."
_WRONG_CLOUD = "This app registration belongs to another cloud."
_CHECK_CLOUD = "Choose the cloud that the tenant is in (global, usgov, usgov-dod, china or custom)."

#: What the codes of the sign-in service mean to an admin: sentence and hint.
_MEANINGS: dict[str, tuple[str, str]] = {
    "7000215": ("The client secret is wrong.", _GIVE_CURRENT),
    "7000216": ("A client secret or certificate is needed.", _GIVE_CURRENT),
    "7000222": ("The client secret has expired.", "Make a new one in Entra and give it to `tenants update`."),
    "700027": (
        "The certificate is not one of this app registration's.",
        "Upload its public part to the app registration, or give the right one to `tenants update`.",
    ),
    "700024": ("The certificate's signature is out of its time.", "Check this machine's clock."),
    "700016": (
        "The tenant does not know this app registration.",
        "Check the client id, and that an admin of the tenant has consented to it.",
    ),
    "700023": ("The sign-in was addressed to another service.", _CHECK_CLOUD),
    "7000112": ("The app registration is disabled.", "Enable it in Entra, under Enterprise applications."),
    "7000229": (
        "The app registration has no service principal in this tenant.",
        "Let an admin of the tenant consent to it.",
    ),
    "90002": (_NO_TENANT, _CHECK_TENANT),
    "900021": (_NO_TENANT, _CHECK_TENANT),
    "900023": (_NO_TENANT, _CHECK_TENANT),
    "900382": (_WRONG_CLOUD, _CHECK_CLOUD),
    "900439": (_WRONG_CLOUD, _CHECK_CLOUD),
    "500011": ("This Graph is not known in the tenant's cloud.", _CHECK_CLOUD),
    "500014": ("Microsoft Graph is disabled in this tenant.", "Enable its service principal in Entra."),
    "50011": (
        "The reply address is not registered for this app.",
        "Add it to the app registration, under Authentication, as a Web redirect URI, to the letter.",
    ),
    "65001": (
        "The app may not do this for the person who signs in.",
        "Grant admin consent to its delegated permission GroupMember.Read.All.",
    ),
    "70008": ("The sign-in took too long.", "Sign in again."),
    "70000": ("The answer of the sign-in was not accepted.", "Sign in again."),
    "54005": ("This sign-in was used already.", "Sign in again."),
    "53003": (
        "Conditional access for workload identities blocks this sign-in.",
        "Exclude the app registration, or sign in from an allowed place.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Token:
    """An access token and what it says. `ends_at` is a moment of `core.clock.monotonic`."""

    value: str = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    ends_at: float
    renew_at: float


class Tokens:
    """The current token of one target. Lives on the loop thread."""

    def __init__(self, target: GraphTarget, *, loop: LoopThread, rng: random.Random) -> None:
        self._target = target
        self._loop = loop
        self._rng = rng
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._app: msal.ConfidentialClientApplication | None = None
        self._http = MsalHttp(target, loop)
        self._refused: tuple[float, AtlasError] | None = None
        if isinstance(target.credential, Certificate):
            remember_secret(target.credential.passphrase)
        else:
            remember_secret(target.credential.value)

    async def token(self) -> Token:
        """A token that lasts a while yet."""
        token = self._token
        if token is not None and clock.monotonic() < token.renew_at and self._refused is None:
            return token
        async with self._lock:
            return await self._current_or_new()

    async def _current_or_new(self) -> Token:
        token = self._token
        self._raise_refusal()
        if token is not None and clock.monotonic() < token.renew_at:
            return token
        try:
            return await self._new(None)
        except Unavailable:
            now = clock.monotonic()
            if token is None or now >= token.ends_at:
                raise
            self._token = replace(token, renew_at=now + _ASK_AGAIN)
            return self._token

    async def renew(self, refused: Token, *, claims: str | None) -> Token:
        """A newer token than the one that Graph refused, with the claims it asked for.

        One request, whoever asks.
        """
        async with self._lock:
            self._raise_refusal()
            if self._token is not None and self._token.value != refused.value:
                return self._token
            return await self._new(claims)

    def give_up(self, error: AtlasError) -> None:
        """Graph refuses new tokens too: say so at once for a while instead of asking on."""
        self._refused = (clock.monotonic() + _REMEMBER_REFUSAL, error)
        self._token = None

    def _raise_refusal(self) -> None:
        if self._refused is None:
            return
        until, error = self._refused
        if clock.monotonic() < until:
            raise type(error)(error.message, hint=error.hint, details=error.details)
        self._refused = None

    async def _new(self, claims: str | None) -> Token:
        try:
            token = await self._ask(claims)
        except SignInFailed as error:
            self.give_up(error)
            raise
        self._token = token
        return token

    async def _ask(self, claims: str | None) -> Token:
        for turn in range(_TRIES):
            try:
                # Not to_thread: what the caller watches (a run's cancel) must not be asked from this thread.
                answer = await asyncio.get_running_loop().run_in_executor(None, self._acquire, claims)
                return self._accept(answer)
            except Unavailable as error:
                if turn == _TRIES - 1:
                    raise
                asked = min(error.details.get("retry_after") or 0.0, _LONGEST_WAIT)
                wait = max(asked, self._rng.uniform(0.0, 2.0**turn))
                await self._loop.wait_until(clock.monotonic() + wait)
        raise AssertionError("the last turn returns or raises")

    def _acquire(self, claims: str | None) -> dict[str, Any]:
        """In a worker thread: MSAL is synchronous."""
        self._http.last_refusal = ""
        try:
            if self._app is None:
                self._app = msal_app(self._target, self._http)
            # We keep the token ourselves, by our own clock.
            self._app.remove_tokens_for_client()
            answer: dict[str, Any] = self._app.acquire_token_for_client(
                [self._target.cloud.scope], claims_challenge=claims
            )
        except AtlasError:
            raise
        except Exception as error:  # noqa: BLE001 - MSAL raises what it likes
            # The cause is left out: it can hold the credential.
            said = self._http.last_refusal or "the sign-in service's answer makes no sense"
            raise sign_in_failed(said, type(error).__name__) from None
        return answer

    def _accept(self, answer: Mapping[str, Any]) -> Token:
        value = answer.get("access_token")
        if not isinstance(value, str) or not value:
            raise sign_in_failed(str(answer.get("error_description") or ""), str(answer.get("error") or ""))
        claims = read_claims(value)
        if str(claims.get("tid", "")).lower() != self._target.tenant_guid.lower():
            raise SignInFailed(
                "The token is for another tenant than this one; nothing was sent with it.",
                hint="Check the tenant id and the addresses of the cloud.",
                details={"tid": str(claims.get("tid", ""))[:64]},
            )
        now = clock.monotonic()
        lasts = float(answer.get("expires_in") or 0)
        return Token(
            value=value,
            claims=claims,
            ends_at=now + lasts,
            renew_at=now + (lasts - _EARLY if lasts > 2 * _EARLY else lasts / 2),
        )


def sign_in_failed(description: str, error: str) -> SignInFailed:
    """What the sign-in service's refusal means to an admin."""
    found = _AADSTS.search(description)
    code = found[1] if found else ""
    details = {"code": f"AADSTS{code}" if code else error}
    if code in _MEANINGS:
        sentence, hint = _MEANINGS[code]
        return SignInFailed(f"{sentence} (AADSTS{code})", hint=hint, details=details)
    said = clean(description.split("Trace ID", 1)[0]) or clean(error) or "no reason was given"
    return SignInFailed(
        f"Signing in to the tenant failed: {said}",
        hint="Check the client id, the credential, the tenant id and the cloud.",
        details=details,
    )


def msal_app(
    target: GraphTarget, http: MsalHttp, *, without: tuple[str, ...] = ()
) -> msal.ConfidentialClientApplication:
    """MSAL for that app in that tenant, speaking through our transport. `without` are scopes left out."""
    return msal.ConfidentialClientApplication(
        target.client_id,
        client_credential=_credential(target),
        authority=f"{target.cloud.login_url}/{target.tenant_guid}",
        instance_discovery=False,
        client_capabilities=["cp1"],
        exclude_scopes=list(without),
        http_client=http,
        http_cache=NoCache(),
    )


def read_claims(token: str) -> dict[str, Any]:
    """What a token says of itself. It is not verified: only Graph can, and does."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, binascii.Error):
        claims = None
    if not isinstance(claims, dict):
        raise SignInFailed("The sign-in service gave a token that cannot be read.")
    return claims


_CLAIMS = re.compile(r'\bclaims="([^"]+)"')


def claims_challenge(header: str) -> str | None:
    """The claims that a `WWW-Authenticate` header asks for, decoded; None where it asks for none."""
    found = _CLAIMS.search(header)
    if found is None:
        return None
    text = found[1]
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8")
        asked = json.loads(decoded)
    except ValueError:
        return None
    return decoded if isinstance(asked, dict) else None


def _credential(target: GraphTarget) -> str | dict[str, str]:
    credential = target.credential
    if not isinstance(credential, Certificate):
        return credential.value
    try:
        serialization.load_pem_private_key(
            credential.pem.encode(), credential.passphrase.encode() if credential.passphrase else None
        )
        x509.load_pem_x509_certificate(credential.pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SignInFailed(
            "The certificate cannot be used: it needs both a certificate and its private key, as PEM.",
            hint="Give the right file on the Connection page or to `tenantatlas tenants update`.",
        ) from None
    given = {"private_key": credential.pem, "public_certificate": credential.pem}
    return {**given, "passphrase": credential.passphrase} if credential.passphrase else given
