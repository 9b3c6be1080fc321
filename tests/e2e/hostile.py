"""A tenant whose every name tries to be code: markup, attributes, addresses, scripts, templates, sheets."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

from tenantatlas.core.ids import stable_id
from tests.simulated import catalog_body, group_target

from .contents import CATALOG
from .site import CLIENT_ID, SECRET, Site

SLUG = "hostile"
GUID = stable_id("hostile tenant")
MANY = 500
PATIENCE = 300.0
#: What each would run if it could.
_ACT = "window.owned=1"
_PAYLOADS = (
    f"<script>{_ACT}</script>",
    f"<ScRiPt >{_ACT}</sCrIpT>",
    f"<script src=data:text/javascript,{_ACT}></script>",
    f"<img src=x onerror={_ACT}>",
    f"<img src=x onerror='{_ACT}'//",
    f"<svg onload={_ACT}>",
    f"<svg><animate onbegin={_ACT} attributeName=x dur=1s>",
    f"<svg><script>{_ACT}</script></svg>",
    f"<body onload={_ACT}>",
    f"<iframe srcdoc='<script>parent.{_ACT}</script>'></iframe>",
    f"<iframe src=javascript:parent.{_ACT}></iframe>",
    f"<details open ontoggle={_ACT}><summary>x</summary></details>",
    f"<input autofocus onfocus={_ACT}>",
    f"<video><source onerror={_ACT}></video>",
    f"<a href=javascript:{_ACT}>link</a>",
    f"javascript:{_ACT}",
    f"<math><mtext><table><mglyph><style><img src=x onerror={_ACT}>",
    f"<noscript><p title='</noscript><img src=x onerror={_ACT}>'>",
    f"<template><script>{_ACT}</script></template>",
    f"<base href=//evil.example/><script>{_ACT}</script>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<form action=//evil.example/><button>Press</button></form>",
    f"<div hx-get=//evil.example/ hx-trigger=load hx-on:click='{_ACT}'>x</div>",
    f"<div data-copy=x data-announce=x data-toast><b onmouseover={_ACT}>x</b></div>",
    f"<c-icon name=check /><c-toast>{_ACT}</c-toast>",
    "{{ request.user.password }}{% load static %}{% debug %}",
    f"${{{_ACT}}}#{{{_ACT}}}<%= {_ACT} %>",
    '=HYPERLINK("http://evil.example/","x")',
    "\u202etxt.exe\u2066 \ufeff \u200b zero width",
)
#: Where it would break out of.
_WAYS_OUT = (
    "{}",
    '"> {}',
    "'> {}",
    "</title>{}",
    "</textarea>{}",
    "</option></select>{}",
    "--> {}",
    "]]> {}",
    '\\"; {}; //',
    "</script>{}",
    '" onfocus="window.owned=1" autofocus x="{}',
    "' onmouseover='window.owned=1' x='{}",
    "&lt;{}",
    "&#60;{}",
    "%3C{}",
    "`{}`",
    "\u3000{}",
)


def hostile_names() -> list[str]:
    """Five hundred names, each different."""
    names = [way.format(payload) for way, payload in product(_WAYS_OUT, _PAYLOADS)]
    assert len(set(names)) == len(names) >= MANY
    return names[:MANY]


def connect_hostile_tenant(site: Site) -> None:
    """The tenant, filled and connected; its own name is hostile too."""
    names = hostile_names()
    site.ask("POST", "/tenants", {"guid": GUID, "name": names[0]})
    site.ask("POST", f"/tenants/{GUID}/apps", {"client_id": CLIENT_ID, "secret": SECRET})
    groups = _put(site, "/groups", [_group(name) for name in names[:20]])
    policies = [
        catalog_body(name, settings=1, assignments=[group_target(groups[place % len(groups)])])
        for place, name in enumerate(names)
    ]
    _put(site, CATALOG, policies)
    site.run(
        *("tenants", "add", SLUG, "--name", names[3], "--environment", "test"),
        *("--tenant-id", GUID, "--client-id", CLIENT_ID, "--client-secret-file", site.home / "client-secret"),
        *("--cloud", "custom", "--graph-url", site.graph_url, "--login-url", site.graph_url),
        *("--ca-file", site.home / "simulator/ca.pem"),
    )


def live_through(site: Site) -> None:
    """Sync, back up, change every tenth policy, compare, and preview a restore: something for every page."""
    here = ("-t", SLUG, "--wait", "--json")
    only = ("--types", "configurationPolicies")
    site.run("directory", "sync", *here, patience=PATIENCE)
    site.run("inventory", "sync", *here, *only, patience=PATIENCE)
    site.run("backup", *here, *only, "--name", hostile_names()[1][:80], patience=PATIENCE)
    chosen = str(
        max(json.loads(line)["set"] for line in site.run("backups", "list", *here[:2], "--json").splitlines())
    )
    for name in hostile_names()[::10]:
        policy = stable_id("catalog", name)
        changed = {"collection": CATALOG, "id": policy, "properties": {"description": name}}
        site.ask("POST", f"/tenants/{GUID}/change", changed)
    site.run("drift", *here, "--set", chosen, patience=PATIENCE)
    site.run("restore", "preview", *here, "--set", chosen, patience=PATIENCE)


def _put(site: Site, collection: str, bodies: list[dict[str, Any]]) -> list[str]:
    made: list[str] = site.ask("POST", f"/tenants/{GUID}/put", {"collection": collection, "bodies": bodies})[
        "ids"
    ]
    return made


def _group(name: str) -> dict[str, Any]:
    return {"displayName": name, "securityEnabled": True, "groupTypes": []}
