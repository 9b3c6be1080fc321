"""The policies of a schedule are picked by name: found, ticked over several pages, listed and removed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tenantatlas.schedules.models import Schedule
from tenantatlas.web import picking
from tests.schedules.making import make_schedule
from tests.simulated import World

from .test_pages import MOST_QUERIES
from .test_schedules import FORM, LIST, place, text

NEW = f"{LIST}new/"
PART = {"HX-Request": "true"}
CATALOG = "/deviceManagement/configurationPolicies"
FILTERS = "/deviceManagement/assignmentFilters"
FORM = FORM | {"param-types": []}


@pytest.fixture
def ids(world: World) -> dict[str, str]:
    """Three policies of the catalogue and an assignment filter, by name."""
    made = {name: world.catalog_policy(name) for name in ("Alpha", "Beta", "Gamma")}
    made["Alpine"] = world.sim.put(FILTERS, {"displayName": "Alpine", "platform": "iOS", "rule": "x"})
    world.work("inventory.sync", types=["configurationPolicies", "assignmentFilters"])
    return made


def found(source: str) -> dict[str, bool]:
    """The names in the list of policies found, each with whether it is ticked."""
    rows = re.findall(r'name="policy" value="[^"]+"([^>]*)>\s*<span>(\w+)', source)
    return {name: "checked" in attributes for attributes, name in rows}


def chosen(source: str) -> list[str]:
    """What the list of those chosen says of each."""
    listed = source.partition('id="picked"')[2].partition("</fieldset>")[0]
    return [
        " ".join(re.sub(r"<[^>]+>", " ", row).split())
        for row in re.findall(r"<li>\s*<div>(.*?)</div>\s*<button", listed, re.DOTALL)
    ]


def carried(source: str) -> str:
    (value,) = re.findall(r'name="param-policies" value="([^"]*)"', source)
    return value


def test_policies_are_found_by_name_and_by_type(otto: Client, ids: dict[str, str]):
    whole = otto.get(NEW).content.decode()
    assert found(whole) == dict.fromkeys(["Alpine", "Alpha", "Beta", "Gamma"], False)
    assert "Policies all" in text(otto.get(NEW))
    by_name = otto.post(NEW, {**FORM, "find-name": "alp"}, headers=PART).content.decode()
    assert set(found(by_name)) == {"Alpha", "Alpine"}
    assert "<html" not in by_name
    by_type = otto.post(NEW, {**FORM, "find-type": "assignmentFilters"}, headers=PART).content.decode()
    assert set(found(by_type)) == {"Alpine"}
    nothing = otto.post(NEW, {**FORM, "find-name": "zzz"}, headers=PART)
    assert "No policy of the tenant matches." in text(nothing)
    assert not Schedule.objects.exists()
    assert ids


def test_what_is_ticked_is_listed_by_name_and_type_and_saved(otto: Client, ids: dict[str, str]):
    ticked = {**FORM, "shown": list(ids.values()), "policy": [ids["Beta"], ids["Alpine"]]}
    part = otto.post(NEW, ticked, headers=PART).content.decode()
    assert chosen(part) == ["Alpine Assignment filters", "Beta Settings catalog"]
    assert 'data-announce="2 chosen"' in part
    assert not Schedule.objects.exists()
    otto.post(NEW, ticked)
    assert Schedule.objects.get().params["policies"] == sorted([ids["Beta"], ids["Alpine"]])


def test_ticks_are_kept_from_page_to_page(otto: Client, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(picking, "FOUND_PER_PAGE", 2)
    first = otto.post(NEW, {**FORM, "find-type": "configurationPolicies"}, headers=PART).content.decode()
    assert set(found(first)) == {"Alpha", "Beta"}
    asked = {**FORM, "find-type": "configurationPolicies", "shown": [ids["Alpha"], ids["Beta"]]}
    second = otto.post(NEW, {**asked, "policy": ids["Alpha"], "to": "2"}, headers=PART).content.decode()
    assert found(second) == {"Gamma": False}
    assert f'value="{ids["Gamma"]}" autofocus' in second
    assert carried(second) == ids["Alpha"]
    asked |= {"param-policies": carried(second), "shown": [ids["Gamma"]], "policy": ids["Gamma"], "to": "1"}
    again = otto.post(NEW, asked, headers=PART).content.decode()
    assert found(again) == {"Alpha": True, "Beta": False}
    assert [each.split()[0] for each in chosen(again)] == ["Alpha", "Gamma"]


def test_a_removal_stays_on_the_page_of_those_found(
    otto: Client, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(picking, "FOUND_PER_PAGE", 2)
    asked = {**FORM, "find-type": "configurationPolicies", "param-policies": ids["Alpha"]}
    second = otto.post(NEW, {**asked, "to": "2"}, headers=PART).content.decode()
    (number,) = re.findall(r'name="found-page" value="([^"]*)"', second)
    removed = {**asked, "found-page": number, "shown": [ids["Gamma"]], "drop": ids["Alpha"]}
    part = otto.post(NEW, removed, headers=PART).content.decode()
    assert (found(part), chosen(part)) == ({"Gamma": False}, [])
    looked = {**asked, "found-page": number, "find": "yes"}
    assert set(found(otto.post(NEW, looked, headers=PART).content.decode())) == {"Alpha", "Beta"}


def test_unticking_and_removing_take_a_policy_away(otto: Client, ids: dict[str, str]):
    three = ",".join(ids[name] for name in ("Alpha", "Beta", "Gamma"))
    unticked = {**FORM, "param-policies": three, "shown": [ids["Alpha"]]}
    part = otto.post(NEW, unticked, headers=PART).content.decode()
    assert [each.split()[0] for each in chosen(part)] == ["Beta", "Gamma"]
    removed = {**FORM, "param-policies": three, "shown": [ids["Beta"]], "policy": ids["Beta"]}
    part = otto.post(NEW, {**removed, "drop": ids["Beta"]}, headers=PART).content.decode()
    assert [each.split()[0] for each in chosen(part)] == ["Alpha", "Gamma"]
    assert found(part)["Beta"] is False
    assert f'value="{ids["Gamma"]}" formnovalidate formaction="#param-policies" hx-post="" autofocus' in part
    alone = {**FORM, "param-policies": ids["Alpha"], "drop": ids["Alpha"]}
    part = otto.post(NEW, alone, headers=PART).content.decode()
    assert re.search(r'name="find-name"[^>]* autofocus', part)
    assert "Policies all" in " ".join(re.sub(r"<[^>]+>", " ", part).split())


def test_without_scripts_its_buttons_show_the_whole_page_again(otto: Client, ids: dict[str, str]):
    asked = {**FORM, "name": "", "find-name": "beta", "policy": ids["Alpha"], "at": "04:15"}
    page = otto.post(NEW, {**asked, "find": "yes"}).content.decode()
    assert "<html" in page
    assert "to mend" not in page
    assert 'value="04:15"' in page
    assert found(page) == {"Beta": False}
    assert chosen(page) == ["Alpha Settings catalog"]
    assert not Schedule.objects.exists()


def test_the_choice_is_kept_when_the_form_is_refused(otto: Client, ids: dict[str, str]):
    refused = {**FORM, "kind": "cron", "cron": "every day", "shown": [ids["Beta"]], "policy": [ids["Beta"]]}
    page = otto.post(NEW, {**refused, "param-policies": ids["Alpha"]}).content.decode()
    assert 'href="#cron"' in page
    assert [each.split()[0] for each in chosen(page)] == ["Alpha", "Beta"]
    assert found(page)["Beta"] is True
    assert re.search(r'<details id="param-policies"[^>]* open>', page)


def test_an_unknown_id_is_refused_at_the_field_and_can_be_removed(otto: Client, ids: dict[str, str]):
    asked = {**FORM, "param-policies": f"nobody,{ids['Alpha']}"}
    page = otto.post(NEW, asked).content.decode()
    assert '<a href="#param-policies">No policy of this tenant has the id nobody.</a>' in page
    assert chosen(page) == ["nobody Not known in this tenant", "Alpha Settings catalog"]
    assert not Schedule.objects.exists()
    otto.post(NEW, {**asked, "drop": "nobody"})
    otto.post(NEW, {**FORM, "param-policies": carried(page).replace("nobody", "")})
    assert Schedule.objects.get().params["policies"] == [ids["Alpha"]]


def test_a_policy_of_a_type_that_is_not_ticked_is_refused_by_name(otto: Client, ids: dict[str, str]):
    asked = {**FORM, "param-types": ["assignmentFilters"], "param-policies": ids["Alpha"]}
    page = otto.post(NEW, asked).content.decode()
    assert '<a href="#param-policies">The policy Alpha is of the type configurationPolicies' in page
    assert "--types" not in page


def test_a_policy_that_has_gone_is_said_so_by_name(
    otto: Client, world: World, ids: dict[str, str], django_assert_max_num_queries: Callable[[int], Any]
):
    schedule = make_schedule(
        world.tenant,
        world.cast.otto,
        operation="backup_set.capture",
        params={"policies": [ids["Alpha"], ids["Beta"]]},
    )
    edit = place(schedule, "edit/")
    with django_assert_max_num_queries(MOST_QUERIES):
        page = otto.get(edit).content.decode()
    assert chosen(page) == ["Alpha Settings catalog", "Beta Settings catalog"]
    assert re.search(r'<details id="param-policies"[^>]* open>', page)
    world.sim.remove(CATALOG, ids["Beta"])
    world.work("inventory.sync", types=["configurationPolicies"])
    page = otto.get(edit).content.decode()
    assert chosen(page) == ["Alpha Settings catalog", "Beta Settings catalog No longer in the tenant"]
    assert "Beta" not in found(page)
    assert "Beta (no longer in the tenant)" in text(otto.get(place(schedule)))
    answer = otto.post(edit, {**FORM, "param-policies": carried(page)})
    assert answer.status_code == 302
    schedule.refresh_from_db()
    assert len(schedule.params["policies"]) == 2


def test_an_operation_that_takes_none_has_no_picker(otto: Client):
    assert "Find policies" in otto.get(NEW).content.decode()
    assert "Find policies" not in otto.get(f"{NEW}?operation=inventory.sync").content.decode()
