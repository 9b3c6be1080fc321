"""Filters and columns that a person finds again, without a page writing to the database."""

from __future__ import annotations

import json
import re

from django.http import HttpResponse
from django.template import RequestContext, Template
from django.test import Client, RequestFactory
from django_cotton.compiler_regex import CottonCompiler

from tenantatlas.core.ids import sha256_hex
from tenantatlas.web import personal
from tenantatlas.web.exports import export_response
from tenantatlas.web.personal import VIEW
from tenantatlas.web.tables import MOST_COLUMNS
from tests.simulated import World

from .conftest import client_of
from .reading import following, page, text
from .test_tokens import SHEET

POLICIES = "/t/contoso/policies/"


class TestFilters:
    def test_a_list_opened_from_the_menu_has_the_filters_of_last_time_and_says_so(self, ana: Client) -> None:
        page(ana.get(f"{POLICIES}?protection=never&q=&page=1"))
        answer = ana.get(POLICIES)
        assert answer.headers["Location"].startswith(f"{POLICIES}?protection=never&restored=")
        assert "Filters restored · Reset" in text(following(ana, answer))

    def test_reset_forgets_them(self, ana: Client) -> None:
        page(ana.get(f"{POLICIES}?protection=never"))
        assert ana.get(f"{POLICIES}?reset=1").headers["Location"] == POLICIES
        assert "Filters restored" not in page(ana.get(POLICIES))

    def test_filters_that_a_person_empties_are_not_restored(self, ana: Client) -> None:
        page(ana.get(f"{POLICIES}?protection=never"))
        page(ana.get(f"{POLICIES}?q=&protection=&assigned="))
        page(ana.get(POLICIES))

    def test_the_notice_goes_when_the_filters_change(self, ana: Client) -> None:
        page(ana.get(f"{POLICIES}?protection=never"))
        there = ana.get(POLICIES).headers["Location"]
        assert "Filters restored" not in page(ana.get(there.replace("never", "protected")))

    def test_each_tenant_and_each_list_has_its_own(self, otto: Client) -> None:
        page(otto.get(f"{POLICIES}?protection=never"))
        page(otto.get("/t/fabrikam/policies/"))
        page(otto.get("/t/contoso/runs/"))

    def test_they_are_the_persons_own_and_go_with_the_sign_out(self, world: World, ana: Client) -> None:
        page(ana.get(f"{POLICIES}?q=vip"))
        stolen = ana.cookies[VIEW].value
        olu = client_of(world.cast.olu)
        olu.cookies[VIEW] = stolen
        page(olu.get(POLICIES))
        ana.post("/sign-out/")
        assert ana.cookies[VIEW].value == ""

    def test_a_forged_cookie_is_nothing(self, ana: Client) -> None:
        ana.cookies[VIEW] = "eyJmaWx0ZXJzIjoxfQ:forged:value"
        page(ana.get(POLICIES))

    def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(self, ana: Client) -> None:
        cookie = ana.get(f"{POLICIES}?q=edge").cookies[VIEW]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"

    def test_a_file_and_a_fragment_remember_nothing(self, ana: Client) -> None:
        ana.get(f"{POLICIES}?q=edge", headers={"HX-Request": "true"})
        assert VIEW not in ana.cookies

    def test_what_does_not_fit_is_forgotten_oldest_first(self, world: World, rf: RequestFactory) -> None:
        request = rf.get("/")
        request.user = world.cast.ana
        kept = personal.read(request)
        for number in range(40):
            kept.remember_filters(
                f"tenant{number}/runs", "q=" + "".join(sha256_hex(f"{number} {n}".encode()) for n in range(6))
            )
        response = HttpResponse()
        personal.write(response, kept)
        value = response.cookies[VIEW].value
        assert len(value) < 4096
        request.COOKIES[VIEW] = value
        again = personal.read(request)
        assert "tenant39/runs" in again.filters
        assert kept.remember_filters("new", "q=" + "x" * 700)
        assert "new" not in kept.filters


TABLE = """{% load atlas %}{% table "things" label="Things" %}<table>
<thead><tr><th><input type="checkbox" aria-label="All"></th><th scope="col">Policy name</th>
<th scope="col" data-column="last_version"><a href="?sort=v">Last version ↑</a></th>
<th>Assigned &amp; to</th></tr></thead>
</table>{% endtable %}"""


class TestColumns:
    def shown(self, world: World, rf: RequestFactory, cookie: str = "") -> str:
        request = rf.get("/t/contoso/things/?q=1")
        request.user = world.cast.ana
        request.COOKIES[VIEW] = cookie
        return Template(TABLE).render(RequestContext(request))

    def test_the_tables_own_head_says_which_can_be_chosen(self, world: World, rf: RequestFactory) -> None:
        source = self.shown(world, rf)
        assert re.findall(r'name="show" value="(\w+)" checked', source) == ["last_version", "assigned_to"]
        assert 'value="policy_name"' not in source
        assert '<div class="scroller "' in source

    def test_a_hidden_column_stays_hidden_until_it_is_shown_again(
        self, world: World, rf: RequestFactory, ana: Client
    ) -> None:
        chosen = {"table": "things", "column": ["last_version", "assigned_to"], "next": "/t/contoso/runs/"}
        answer = ana.post("/me/columns/", {**chosen, "show": ["assigned_to"]})
        assert answer.headers["Location"] == "/t/contoso/runs/"
        source = self.shown(world, rf, ana.cookies[VIEW].value)
        assert '<div class="scroller hide-3"' in source
        assert "1 hidden" in source
        ana.post("/me/columns/", {**chosen, "show": chosen["column"]})
        assert '<div class="scroller "' in self.shown(world, rf, ana.cookies[VIEW].value)

    def test_an_export_of_the_columns_shown_leaves_the_hidden_ones_out(
        self, world: World, rf: RequestFactory, ana: Client
    ) -> None:
        ana.post("/me/columns/", {"table": "things", "column": ["last_version"]})
        request = rf.get("/t/contoso/things/?export=json&columns=shown")
        request.user, request.tenant = world.cast.ana, world.tenant
        request.COOKIES[VIEW] = ana.cookies[VIEW].value
        row = {"name": "Edge", "last_version": 3}
        answer = export_response(request, name="things", columns=tuple(row), rows=[row])
        assert json.loads(answer.getvalue()) == [{"name": "Edge"}]

    def test_the_sheet_can_hide_as_many_columns_as_there_may_be(self) -> None:
        for place in range(2, MOST_COLUMNS + 1):
            assert f".hide-{place} tr>:nth-child({place})" in SHEET


def component(source: str) -> Template:
    """A template written with components, as the loader compiles it."""
    return Template(CottonCompiler().process(source))


class TestPills:
    def test_a_choice_keeps_the_other_filters_and_begins_at_the_first_page(
        self, world: World, rf: RequestFactory
    ) -> None:
        request = rf.get("/t/contoso/things/?q=edge&platform=Linux&page=3")
        request.user = world.cast.ana
        bar = component(
            """<c-filterbar search="Name" value="edge" :filtered="True"><c-filterpill name="platform"
            label="Platform" :choices="choices" value="Linux" /></c-filterbar>"""
        )
        choices = [("Windows", "Windows"), ("Linux", "Linux")]
        source = bar.render(RequestContext(request, {"choices": choices}))
        assert 'href="?q=edge&amp;platform=Windows"' in source
        assert 'href="?q=edge"' in source
        assert "Platform: Linux" in text(source)
        assert '<input type="hidden" name="platform" value="Linux">' in source

    def test_the_last_filter_taken_away_is_a_reset(self, rf: RequestFactory) -> None:
        request = rf.get("/t/contoso/things/?platform=Linux")
        shown = Template("{% load atlas %}{% with_filter 'platform' '' %}").render(
            RequestContext(request, {"request": request})
        )
        assert shown == "?reset=1"
