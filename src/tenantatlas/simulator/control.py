"""The control port: what a test or a demo does behind everybody's back, as JSON over http on loopback.

GET  /                                     who is there: tenants with the number of objects per collection
GET  /journal?since=N                      requests after number N
GET  /tenants                              the tenants: guid, name and the client ids of their apps
GET  /tenants/{guid}/objects{collection}   every object of a collection, whole
POST /tenants                              {guid, name}
POST /tenants/{guid}/apps                  {client_id, secret, certificate, permissions}
POST /tenants/{guid}/people                {upn, name}
POST /tenants/{guid}/reply-to              {address, client_id, delegated}
POST /tenants/{guid}/put                   {collection, bodies}
POST /tenants/{guid}/remove                {collection, id}
POST /tenants/{guid}/clear                 {collection}
POST /tenants/{guid}/change                {id, collection, properties}
POST /tenants/{guid}/grant, /revoke        {permissions}
POST /tenants/{guid}/profile, /lag         {name: value}
POST /tenants/{guid}/expire-tokens         {}
POST /faults                               {method, path, fault, with, nth, times, tenant}
POST /faults/clear, /save                  {}
POST /advance                              {seconds}
POST /settings                             {latency, page_size, token_life, link_life}
POST /demo, /accident                      {guid} or {}
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tenantatlas.core import json
from tenantatlas.core.json import Json

from .demo import accident, seed_demo
from .faults import FAULTS
from .messages import SimRequest, SimResponse
from .simulator import Simulator
from .tenants import SimTenant

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Control:
    """Answers the control port."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator = simulator
        self.folder = folder
        self.latency = 0.0

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one request."""
        host = request.header("host").rpartition(":")[0] or request.header("host")
        if host not in _LOOPBACK:
            return _answer(403, {"error": "The control port answers this machine only."})
        try:
            return _answer(200, self._route(request))
        except (KeyError, IndexError) as error:
            return _answer(404, {"error": f"There is no {error}."})
        except (TypeError, ValueError, AttributeError, re.error, json.BadJson) as error:
            return _answer(400, {"error": str(error)})

    def _route(self, request: SimRequest) -> Json:
        parts = urlsplit(request.url)
        words = [unquote(word) for word in parts.path.strip("/").split("/")]
        if request.method == "GET":
            return self._read(words, parse_qs(parts.query))
        if request.method != "POST" or not request.header("content-type").startswith("application/json"):
            raise ValueError("Send a POST with a JSON body.")
        body = json.loads(request.body or b"{}")
        if words[0] == "tenants" and len(words) > 1:
            return self._change_tenant(self.simulator.tenants[words[1].lower()], words[2], body)
        return self._act("/".join(words), body)

    def _read(self, words: list[str], query: dict[str, list[str]]) -> Json:
        if words == ["journal"]:
            since = int(query.get("since", ["0"])[0])
            return {"entries": [entry.to_json() for entry in self.simulator.journal[since:]]}
        if words == ["tenants"]:
            return {"tenants": [_who(tenant) for tenant in self.simulator.tenants.values()]}
        if words[0] == "tenants":
            tenant = self.simulator.tenants[words[1].lower()]
            if words[2:3] != ["objects"] or not words[3:]:
                raise KeyError("/".join(words))
            return {"objects": tenant.objects("/" + "/".join(words[3:]))}
        return {
            "elapsed": self.simulator.times.elapsed(),
            "requests": len(self.simulator.journal),
            "tenants": {guid: _counts(tenant) for guid, tenant in self.simulator.tenants.items()},
        }

    def _act(self, name: str, body: Json) -> Json:
        actions: dict[str, Callable[[Json], Json]] = {
            "tenants": self._add_tenant,
            "faults": self._add_fault,
            "faults/clear": self._clear_faults,
            "advance": self._advance,
            "save": self._save,
            "settings": self._set,
            "demo": lambda given: dataclasses.asdict(seed_demo(self.simulator, **given)),
            "accident": lambda given: {
                "happened": [dataclasses.asdict(each) for each in accident(self.simulator, **given)]
            },
        }
        return actions[name](body)

    def _add_tenant(self, body: Json) -> Json:
        return {"guid": self.simulator.tenant(body["guid"], name=body.get("name", "Contoso")).guid}

    def _add_fault(self, body: Json) -> Json:
        kind = FAULTS[body["fault"]]
        self.simulator.fault(
            body.get("method", "*"),
            body["path"],
            kind(**_plain(body.get("with", {}))),
            nth=int(body.get("nth", 1)),
            times=int(body.get("times", 1)),
            tenant=body.get("tenant", ""),
        )
        return {}

    def _clear_faults(self, body: Json) -> Json:
        del body
        self.simulator.script.clear()
        return {}

    def _advance(self, body: Json) -> Json:
        self.simulator.times.advance(float(body["seconds"]))
        return {"elapsed": self.simulator.times.elapsed()}

    def _save(self, body: Json) -> Json:
        del body
        self.simulator.save(self.folder)
        return {"folder": str(self.folder)}

    def _set(self, body: Json) -> Json:
        if "latency" in body:
            self.latency = float(body["latency"])
        if "page_size" in body:
            self.simulator.page_size = body["page_size"]
        if "token_life" in body:
            low, high = body["token_life"]
            self.simulator.token_life = (float(low), float(high))
        if "link_life" in body:
            self.simulator.link_life = float(body["link_life"])
        return {}

    def _change_tenant(self, tenant: SimTenant, name: str, body: Json) -> Json:
        actions: dict[str, Callable[[SimTenant, Json], Json]] = {
            "apps": _add_app,
            "people": lambda here, given: {"oid": here.person(given["upn"], name=given.get("name", "")).oid},
            "reply-to": lambda here, given: here.reply_to(
                given["address"], client_id=given.get("client_id", ""), delegated=given.get("delegated", ())
            ),
            "put": lambda here, given: {
                "ids": [here.put(given["collection"], each) for each in given["bodies"]]
            },
            "remove": lambda here, given: here.remove(given["collection"], given["id"]),
            "clear": lambda here, given: {"removed": here.clear(given["collection"])},
            "change": _change_object,
            "grant": lambda here, given: here.grant(given["permissions"]),
            "revoke": lambda here, given: here.revoke(given["permissions"]),
            "profile": lambda here, given: _set_fields(here.profile, given),
            "lag": lambda here, given: _set_fields(here.lag, given),
            "expire-tokens": _expire_tokens,
        }
        return actions[name](tenant, body) or {}


def _plain(value: Json) -> Any:
    """Numbers as Python's own."""
    if isinstance(value, json.Number):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _counts(tenant: SimTenant) -> dict[str, int]:
    return {path: len(tenant.live(path)) for path in sorted(tenant.stored)}


def _who(tenant: SimTenant) -> dict[str, Json]:
    return {"guid": tenant.guid, "name": tenant.name, "client_ids": sorted(tenant.apps)}


def _add_app(tenant: SimTenant, body: Json) -> Json:
    tenant.app(
        body["client_id"],
        secret=body.get("secret", ""),
        certificate=body.get("certificate", ""),
        permissions=body.get("permissions"),
    )
    return {}


def _expire_tokens(tenant: SimTenant, body: Json) -> Json:
    del body
    tenant.expire_tokens()
    return {}


def _change_object(tenant: SimTenant, body: Json) -> Json:
    def change(document: Json) -> None:
        document.update(body["properties"])

    tenant.mutate(body["id"], change, collection=body.get("collection", ""))
    return {}


def _set_fields(target: Any, values: Json) -> Json:
    known = {field.name for field in dataclasses.fields(target)}
    for name, value in values.items():
        if name not in known:
            raise KeyError(name)
        setattr(target, name, _plain(value))
    return {}


def _answer(status: int, body: Json) -> SimResponse:
    return SimResponse(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(body))
