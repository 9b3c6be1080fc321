"""The simulator: one pure, synchronous request handler over several tenants."""

from __future__ import annotations

import traceback
from pathlib import Path

from tenantatlas.core import json
from tenantatlas.core.clock import Clock
from tenantatlas.core.json import Json

from . import reading, signin, state, tokens, writing
from .batching import answer_batch
from .builtins import add_built_ins
from .errors import AnswerError, Style
from .facts import Call, Reply
from .faults import Fault, Rule, Script, challenge, expired
from .journal import Entry, read_for_journal
from .limits import Limits
from .messages import SimRequest, SimResponse
from .odata import parse_query
from .permissions import granted, require
from .profiles import refuse_missing_feature
from .routes import Target, parse_url, resolve
from .schema import Schema
from .tenants import App, SimTenant
from .world import World

_KNOWN_TOKENS = 500


class Simulator(World):
    """A small Graph. Every method may be called from any thread.

    `seed` decides ids, the order of batch answers and which replica answers. `schema` is a file with
    Microsoft's schema; written bodies are then checked against it.
    """

    def __init__(
        self, *, seed: int = 1, clock: Clock | None = None, schema: str | Path | None = None
    ) -> None:
        super().__init__(seed=seed, clock=clock, schema=None if schema is None else Schema(schema))
        self.journal: list[Entry] = []
        self.limits = Limits()
        self.script = Script()
        self.surprises: list[str] = []  # what it stumbled over itself; each was answered with a 500
        self._verified: dict[str, dict[str, Json]] = {}

    # the control plane

    def tenant(self, guid: str, *, name: str = "Contoso") -> SimTenant:
        """The tenant with that id; made, with what Microsoft puts into every one, when first asked for."""
        with self.lock:
            found = self.tenants.get(guid.lower())
            if found is None:
                found = self.tenants[guid.lower()] = SimTenant(self, guid, name=name)
                add_built_ins(found)
            return found

    def fault(
        self, method: str, path: str, action: Fault, *, nth: int = 1, times: int = 1, tenant: str = ""
    ) -> Rule:
        """Script a fault: the nth request whose method and path match (a regular expression, searched in path
        and query) is hit, and `times - 1` more; `times=0` = all from then on. Those in a batch count.
        `method` may be several ("PATCH|PUT") or "*".
        """
        with self.lock:
            return self.script.add(method, path, action, nth=nth, times=times, tenant=tenant)

    def writes(self, tenant: str = "") -> list[Entry]:
        """The journal's writes, of one tenant or of all."""
        return [entry for entry in self.journal if entry.is_write and tenant.lower() in {"", entry.tenant}]

    def save(self, folder: str | Path) -> None:
        """Write everything to a folder, so that a crash leaves either the old or the new state."""
        with self.lock:
            state.save(self, Path(folder))

    def load(self, folder: str | Path) -> None:
        """Become what was saved there."""
        with self.lock:
            state.load(self, Path(folder))

    # requests

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one request, to the sign-in service or to Graph."""
        with self.lock:
            return self.process(request, self.admit(request))

    def admit(self, request: SimRequest) -> Fault | None:
        """The first half of `handle`, for transports: the scripted fault that hits this request, counted."""
        target = parse_url(request.url)
        with self.lock:
            return self._match(request, target)

    def process(self, request: SimRequest, fault: Fault | None) -> SimResponse:
        """The second half of `handle`: answer a request that was admitted with this fault."""
        target = parse_url(request.url)
        with self.lock:
            self.current_url = request.url
            if target.version:
                return self._graph(request, target, fault)
            return self._sign_in(request, target, fault)

    def _match(self, request: SimRequest, target: Target) -> Fault | None:
        text = f"{target.path}?{target.query}" if target.query else target.path
        guid = self._peek_tenant(request, target)
        return self.script.match(request.method, text, guid)

    def _peek_tenant(self, request: SimRequest, target: Target) -> str:
        if not target.version:
            return target.segments[0].text.lower() if target.segments else ""
        try:
            return str(self._claims(request, target)["tid"])
        except AnswerError:
            return ""

    def _sign_in(self, request: SimRequest, target: Target, fault: Fault | None) -> SimResponse:
        entry = self._open_entry(request, target, body=False)
        try:
            response = (fault.before(self, request) if fault else None) or signin.answer(
                self, request, target
            )
        except AnswerError as error:
            response = self._error(request, error)
        return self._close_entry(entry, response, fault)

    def _graph(
        self, request: SimRequest, target: Target, fault: Fault | None, *, in_batch: bool = False
    ) -> SimResponse:
        entry = self._open_entry(request, target, in_batch=in_batch)
        try:
            response = fault.before(self, request) if fault else None
            if response is None:
                response = self._answer(request, target, entry)
        except AnswerError as error:
            response = self._error(request, error)
        return self._close_entry(entry, response, fault)

    def _open_entry(
        self, request: SimRequest, target: Target, *, body: bool = True, in_batch: bool = False
    ) -> Entry:
        entry = Entry(
            number=len(self.journal) + 1,
            tenant="" if target.version else target.segments[0].text.lower(),
            client_id="",
            at=self.times.now().isoformat(),
            elapsed=round(self.times.elapsed(), 6),
            method=request.method,
            path=target.path,
            query=target.query,
            body=read_for_journal(request.body) if body else None,
            in_batch=in_batch,
            client_request_id=request.header("client-request-id"),
        )
        self.journal.append(entry)
        return entry

    def _close_entry(self, entry: Entry, response: SimResponse, fault: Fault | None) -> SimResponse:
        if fault is not None and response.broken is None:
            response = fault.after(self, response)
        entry.status = response.status
        entry.lost = response.broken is not None
        return response

    def _error(self, request: SimRequest, error: AnswerError) -> SimResponse:
        request_id = self.new_guid()
        headers, body = error.render(
            request_id=request_id,
            client_request_id=request.header("client-request-id") or request_id,
            date=f"{self.times.now():%Y-%m-%dT%H:%M:%S}",
        )
        return SimResponse(
            status=error.status, headers={**self._headers(request, request_id), **headers}, body=body
        )

    def _headers(self, request: SimRequest, request_id: str) -> dict[str, str]:
        headers = {
            "request-id": request_id,
            "x-ms-ags-diagnostic": '{"ServerInfo":{"DataCenter":"Simulated","Ring":"5"}}',
            "Cache-Control": "no-store, no-cache",
        }
        if request.header("return-client-request-id").lower() == "true":
            headers["client-request-id"] = request.header("client-request-id") or request_id
        return headers

    # Graph

    def _answer(self, request: SimRequest, target: Target, entry: Entry) -> SimResponse:
        claims = self._claims(request, target)
        tenant, app = self._principal(claims)
        entry.tenant, entry.client_id = tenant.guid, app.client_id
        if [segment.text.lower() for segment in target.segments[1:]] == ["$batch"]:
            return self._batch(request, target)
        headers = self._headers(request, self.new_guid())
        reply, more = self._serve(request, target, tenant, app, claims, entry)
        if reply.body is None:
            return SimResponse(status=reply.status, headers={**headers, **more}, delay=reply.delay)
        headers["Content-Type"] = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"
        return SimResponse(
            status=reply.status, headers={**headers, **more}, body=json.dumps(reply.body), delay=reply.delay
        )

    def _serve(
        self,
        request: SimRequest,
        target: Target,
        tenant: SimTenant,
        app: App,
        claims: dict[str, Json],
        entry: Entry,
    ) -> tuple[Reply, dict[str, str]]:
        route = resolve(target)
        collection = route.collection
        write = request.method != "GET"
        wants_write = write and not self._only_reads(route.rest[0].text if route.rest else "")
        require(collection, granted(claims), write=wants_write)
        more = self.limits.charge(tenant, app.client_id, collection, write=wants_write)
        refuse_missing_feature(tenant.profile, collection, write=wants_write)
        call = Call(
            world=self,
            tenant=tenant,
            collection=collection,
            request=request,
            query=parse_query(target.query),
            version=target.version,
            graph=target.root,
        )
        try:
            reply = writing.write(call, route) if write else reading.read(call, route)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self.surprises.append("".join(traceback.format_exception(error)))
            raise AnswerError(
                500, "UnknownError", "An internal server error has occurred", style=Style.INTUNE
            ) from error
        finally:
            entry.applied = call.applied
        return reply, more

    @staticmethod
    def _only_reads(name: str) -> bool:
        return name in {"getByIds", "retrieveEnrollmentTimeDeviceMembershipTarget"}

    def _batch(self, request: SimRequest, target: Target) -> SimResponse:
        def serve(inner: SimRequest) -> SimResponse:
            inner_target = parse_url(inner.url)
            hit = self._match(inner, inner_target)
            return self._graph(inner, inner_target, hit, in_batch=True)

        if request.method != "POST":
            raise AnswerError(405, "BadRequest", "The $batch endpoint takes POST only.")
        body, delay = answer_batch(self, request, target.root, target.version, serve)
        headers = {**self._headers(request, self.new_guid()), "Content-Type": "application/json"}
        return SimResponse(status=200, headers=headers, body=json.dumps(body), delay=delay)

    # tokens

    def _claims(self, request: SimRequest, target: Target) -> dict[str, Json]:
        scheme, _, token = request.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise AnswerError(401, "InvalidAuthenticationToken", "Access token is empty.")
        claims = self._verified.get(token)
        if claims is None:
            claims = self._verify(token)
        if str(claims["aud"]).rstrip("/") != target.root:
            raise AnswerError(
                401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience."
            )
        if self.times.now().timestamp() >= float(claims["exp"]):
            raise expired()
        return claims

    def _verify(self, token: str) -> dict[str, Json]:
        try:
            claims = tokens.verify(token, self.signing_key.public_key())
        except ValueError as error:
            raise AnswerError(
                401,
                "InvalidAuthenticationToken",
                "Access token validation failure. Signature validation failed.",
            ) from error
        if len(self._verified) > _KNOWN_TOKENS:
            self._verified.clear()
        self._verified[token] = claims
        return claims

    def _principal(self, claims: dict[str, Json]) -> tuple[SimTenant, App]:
        tenant = self.tenants.get(str(claims["tid"]))
        app = tenant.apps.get(str(claims["appid"])) if tenant is not None else None
        if tenant is None or app is None:
            raise AnswerError(401, "InvalidAuthenticationToken", "The identity is not known.")
        if str(claims["uti"]).partition(".")[0] != str(app.generation):
            raise challenge("eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==")
        return tenant, app
