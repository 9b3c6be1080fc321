"""Every address of the product, asked by everybody, both ways. A new route is asked as soon as it exists.

Olu  reader of Contoso      Ana  operator of Contoso      Otto  owner of everything
Eve  operator of Fabrikam, a stranger to Contoso          nobody  not signed in
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from tenantatlas.web.middleware import CONTENT_SECURITY_POLICY
from tests.simulated import World, world  # noqa: F401 - a fixture
from tests.web.conftest import client_of
from tests.web.places import OPEN_TO_ALL, Place, every_place, furnish

from .routes import NEVER, every_route, fingerprints, in_other_tenant, never_existed, said

SILENT = {403, 404, 405}
EXPECTED = {200, 204, 302, 400, 401, 403, 404, 405, 409, 429}
#: What a form may name, besides the address: ids of Contoso.
NAMED = ("set", "a", "b", "version", "policy", "run", "restore", "user", "against", "baseline")
PYTHON = sys.executable


@pytest.fixture
def ids(world: World) -> dict[str, int]:  # noqa: F811 - the fixture
    """Contoso's objects, by URL argument."""
    return furnish(world)


@pytest.fixture
def places(ids: dict[str, int]) -> list[Place]:
    """Every address, with something behind it."""
    return sorted(every_place("contoso", ids), key=lambda place: place.name)


@pytest.fixture
def eve(world: World) -> Client:  # noqa: F811 - the fixture
    """Eve's browser."""
    return client_of(world.cast.eve)


@pytest.fixture
def otto(world: World) -> Client:  # noqa: F811 - the fixture
    """Otto's browser."""
    return client_of(world.cast.otto)


# ── No route unasked ──────────────────────────────────────────────────────────────────────────────────────


def test_every_route_has_a_name_of_its_own():
    names = [route.name for route in every_route()]
    assert [route.pattern for route in every_route() if not route.name] == []
    assert sorted(names) == sorted(set(names))


def test_every_route_is_among_the_places_that_are_asked(places: list[Place]):
    asked = {place.name for place in places}
    assert [route.pattern for route in every_route() if route.name not in asked] == []
    assert {place.in_tenant for place in places if place.url.startswith("/t/")} == {True}


def test_every_argument_of_a_route_stands_for_a_real_object(ids: dict[str, int]):
    """An argument that the furnished tenant does not know would leave its route unasked."""
    unknown = {
        (route.name, argument)
        for route in every_route()
        for argument in route.takes
        if argument not in {"slug", *ids}
    }
    assert unknown == set(), "add the object to tests/web/places.py: furnish"


# ── Strangers ─────────────────────────────────────────────────────────────────────────────────────────────


def both_ways(client: Client, url: str, **form: str):
    yield "GET", client.get(url)
    yield "POST", client.post(url, form)


def test_a_foreign_tenant_is_a_tenant_that_never_was(places: list[Place], eve: Client):
    for place in places:
        if place.in_tenant:
            real = both_ways(eve, place.url)
            never = both_ways(eve, in_other_tenant(place, "never-was"))
            for (method, one), (_, other) in zip(real, never, strict=True):
                assert one.status_code == 404, (method, place)
                assert said(one) == said(other), (method, place)


def with_object(places: list[Place]) -> list[Place]:
    return [place for place in places if place.in_tenant and never_existed(place.url) != place.url]


def test_a_foreign_object_is_one_that_never_was(places: list[Place], world: World):  # noqa: F811 - the fixture
    """Contoso's ids under Fabrikam's address, asked by who may do everything there, and by who may not."""
    asked = with_object(places)
    assert len(asked) > 10
    for person in (world.cast.otto, world.cast.eve):
        client = client_of(person)
        for place in asked:
            foreign = in_other_tenant(place, "fabrikam")
            real, never = both_ways(client, foreign), both_ways(client, never_existed(foreign))
            for (method, one), (_, other) in zip(real, never, strict=True):
                assert one.status_code in SILENT, (method, place, one.status_code)
                assert said(one) == said(other), (method, place, person)


def test_a_foreign_object_costs_as_many_queries_as_one_that_never_was(places: list[Place], otto: Client):
    """As near to "the same time" as a test can tell without a stopwatch."""
    for place in with_object(places):
        if place.takes_get:
            foreign = in_other_tenant(place, "fabrikam")
            counts = []
            for url in (foreign, never_existed(foreign)):
                with CaptureQueriesContext(connection) as queries:
                    otto.get(url)
                counts.append(len(queries))
            assert counts[0] == counts[1], place


def test_a_foreign_id_in_a_query_or_form_is_one_that_never_was(
    places: list[Place], ids: dict[str, int], otto: Client
):
    """The ids that addresses and forms may name besides the path."""
    mine = {each.name: each for each in places}
    for name, place in mine.items():
        if not place.in_tenant or never_existed(place.url) != place.url:
            continue
        url = in_other_tenant(place, "fabrikam")
        for argument in NAMED:
            key = {"a": "version_id", "b": "version_id"}.get(argument, f"{argument}_id")
            real = str(ids.get(key, ids["set_id"]))
            one, other = (otto.get(url, {argument: each}) for each in (real, NEVER["int"]))
            assert one.status_code == other.status_code, (name, argument)
            assert without_numbers(one) == without_numbers(other), (name, argument)


def without_numbers(answer) -> str:
    """The page without what it must repeat (the number asked for), what is new each time (form tokens), and
    the messages that earlier answers left for the next page.
    """
    source = b"".join(answer.streaming_content) if answer.streaming else answer.content
    shown = source.decode(errors="replace") + str(answer.headers.get("Location", ""))
    shown = " ".join(re.sub(r'<div class="toast-card.*?</div>', "", shown, flags=re.DOTALL).split())
    return re.sub(r"\d+", "#", re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", shown))


# ── Members, owners, nobody ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", ["olu", "ana", "eve", "otto"])
def test_no_address_fails_whoever_asks_and_however(places: list[Place], world: World, who: str):  # noqa: F811
    client = client_of(getattr(world.cast, who))
    for place in sorted(places, key=lambda place: place.name == "sign_out"):
        for method in ("get", "post", "put", "delete", "options", "head"):
            answer = getattr(client, method)(place.url)
            if answer.streaming:
                answer.getvalue()
            allowed = EXPECTED | ({503} if place.name == "readyz" else set())  # no worker is alive here
            assert answer.status_code in allowed, (who, method, place, answer.status_code)


def test_nobody_gets_only_the_sign_in(places: list[Place]):
    for place in places:
        if place.name not in OPEN_TO_ALL:
            for method, answer in both_ways(Client(), place.url):
                assert answer.status_code == 302, (method, place)
                assert answer.headers["Location"].startswith("/sign-in/?next="), (method, place)
                assert not answer.content, (method, place)


def test_a_part_of_a_page_is_not_replaced_by_the_sign_in(places: list[Place]):
    """htmx follows redirects by itself; it is told to leave the page instead."""
    for place in places:
        if place.takes_get and place.name not in OPEN_TO_ALL:
            answer = Client().get(
                place.url,
                headers={
                    "HX-Request": "true",
                    "HX-Current-URL": "http://testserver/t/contoso/runs/?state=all",
                },
            )
            assert answer.status_code == 401, place
            assert answer.headers["HX-Redirect"] == "/sign-in/?next=%2Ft%2Fcontoso%2Fruns%2F%3Fstate%3Dall"


def test_who_was_switched_off_gets_nothing_any_more(places: list[Place], world: World):  # noqa: F811
    client = client_of(world.cast.ana)
    assert client.get("/t/contoso/").status_code == 200
    type(world.cast.ana).objects.filter(pk=world.cast.ana.pk).update(is_active=False)
    for place in places:
        if place.name not in OPEN_TO_ALL:
            assert client.get(place.url).status_code == 302, place


# ── A GET changes nothing ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", ["otto", "ana", "olu", "eve", "nobody"])
def test_all_gets_leave_the_database_unchanged(places: list[Place], world: World, who: str):  # noqa: F811
    """Every row of every table, sessions included, and asked for as page and as part of one."""
    client = Client() if who == "nobody" else client_of(getattr(world.cast, who))
    before = fingerprints()
    assert len(before) > 20
    for place in places:
        for headers in ({}, {"HX-Request": "true"}):
            for url in (place.url, f"{place.url}{'&' if '?' in place.url else '?'}export=csv&sort=none&q=a"):
                answer = client.get(url, headers=headers)
                if answer.streaming:
                    answer.getvalue()
            world.clock.advance(90)
    after = fingerprints()
    assert [table for table in before if before[table] != after[table]] == []
    assert before.keys() == after.keys()


# ── Headers ───────────────────────────────────────────────────────────────────────────────────────────────


def every_answer(places: list[Place], client: Client, **asked):
    """An answer of every route, both ways, and of what goes wrong outside of them."""
    for place in places:
        for method in (client.get, client.post):
            yield place.url, method(place.url, **asked)
    for url in ("/nowhere/", "/t/contoso/nowhere/", "/static/web/atlas.css", "/static/nothing.css", "/t//"):
        yield url, client.get(url, **asked)
    strict = Client(enforce_csrf_checks=True)
    yield "a form without its token", strict.post("/sign-in/", **asked)
    yield "a foreign host", Client(headers={"host": "evil.example"}).get("/sign-in/", **asked)


def check_headers(url: str, answer) -> None:
    if answer.streaming:
        answer.getvalue()
    headers = answer.headers
    assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY, url
    assert headers["X-Content-Type-Options"] == "nosniff", url
    assert headers["Referrer-Policy"] == "same-origin", url
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin", url
    assert headers["X-Frame-Options"] == "DENY", url
    if not url.startswith("/static/web/"):
        assert headers["Cache-Control"] == "no-store", url
    for cookie in answer.cookies.values():
        assert cookie["path"] == "/", url
        assert not cookie["domain"], url
        if cookie["max-age"] != 0:  # not one that is taken back
            assert cookie["httponly"], (url, cookie.key)
            assert cookie["samesite"] == "Lax", (url, cookie.key)


def test_the_policy_lets_nothing_in_but_our_own():
    parts = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert parts["default-src"] == parts["object-src"] == "'none'"
    assert parts["base-uri"] == parts["frame-ancestors"] == "'none'"
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "*" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY


def test_every_answer_carries_its_headers_on_loopback(places: list[Place], otto: Client):
    """Plain http: nothing that only a browser over TLS would understand."""
    for url, answer in every_answer(places, otto):
        check_headers(url, answer)
        assert "Strict-Transport-Security" not in answer.headers, url
        for cookie in answer.cookies.values():
            assert not cookie["secure"], (url, cookie.key)
            assert not cookie.key.startswith("__Host-"), (url, cookie.key)


def settings_behind_tls(tmp_path: Path) -> dict[str, object]:
    """What the settings of an install behind a proxy with TLS are, from an install's own settings."""
    names = [
        "ATLAS_BEHIND_TLS",
        "COOKIE_PREFIX",
        "SESSION_COOKIE_NAME",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_NAME",
        "CSRF_COOKIE_SECURE",
        "SECURE_HSTS_SECONDS",
        "SECURE_HSTS_INCLUDE_SUBDOMAINS",
        "SECURE_PROXY_SSL_HEADER",
    ]
    code = (
        "import json\nfrom tenantatlas.config.settings import production\n"
        f"print(json.dumps({{name: getattr(production, name) for name in {names!r}}}))"
    )
    environment = {**os.environ, "ATLAS_HOME": str(tmp_path), "ATLAS_BEHIND_TLS": "yes"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run([PYTHON, "-c", code], env=environment, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def test_every_answer_carries_its_headers_behind_tls(places: list[Place], world: World, tmp_path: Path):  # noqa: F811
    found = settings_behind_tls(tmp_path)
    found["SECURE_PROXY_SSL_HEADER"] = tuple(found["SECURE_PROXY_SSL_HEADER"])  # type: ignore[arg-type]
    with override_settings(**found):
        client = client_of(world.cast.otto)
        set_by_us = set()
        for url, answer in every_answer(places, client, headers={"X-Forwarded-Proto": "https"}):
            check_headers(url, answer)
            seconds, *rest = answer.headers["Strict-Transport-Security"].split("; ")
            assert int(seconds.removeprefix("max-age=")) >= 31_536_000, url
            assert "includeSubDomains" in rest, url
            for cookie in answer.cookies.values():
                set_by_us.add(cookie.key)
                assert cookie.key.startswith("__Host-"), (url, cookie.key)
                assert cookie["secure"], (url, cookie.key)
        assert {"__Host-sessionid", "__Host-csrftoken", "__Host-messages"} <= set_by_us


def test_what_a_sender_says_of_itself_is_not_believed_on_loopback(world: World):  # noqa: F811
    claims = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-For": "10.9.8.7"}
    client = client_of(world.cast.otto)
    answer = client.get("/tenants/", headers=claims)
    assert "Strict-Transport-Security" not in answer.headers
    assert b"evil.example" not in answer.content
    answer = Client().get("/tenants/", headers=claims)
    assert answer.headers["Location"] == "/sign-in/?next=%2Ftenants%2F"
