"""Documents: every part that a type names, whole or with the reason; lists; existence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tenantatlas.core import errors
from tenantatlas.core import json as json_module
from tenantatlas.core.errors import AtlasError
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.policies import (
    Row,
    check_exists,
    check_many,
    list_rows,
    read_documents,
    read_policies,
    read_policy,
    read_row,
)
from tenantatlas.policies.canonical import compose
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import Part, PolicyType, RestoreRule, Shape

from .fake import GRAPH, FakeGraph, refusal, reply, rows

PATH = "/beta/deviceManagement/things"


def make_type(*parts: Part, **changes: Any) -> PolicyType:
    settings: dict[str, Any] = {
        "key": "things",
        "label": "Things",
        "platforms": ("all",),
        "path": PATH,
        "family": "deviceConfiguration",
        "reads": ("Things.Read.All", "Things.ReadWrite.All"),
        "writes": ("Things.ReadWrite.All",),
        "restore": RestoreRule(order=10),
        "parts": parts,
        **changes,
    }
    return PolicyType(**settings)


def row(name: str = "a", **values: Any) -> Row:
    return read_row(json.dumps({"id": name, **values}).encode())


def one(result: dict[str, Document | AtlasError]) -> Document | AtlasError:
    (value,) = result.values()
    return value


def document(result: Document | AtlasError) -> Document:
    assert isinstance(result, Document), result
    return result


SETTINGS = Part(name="settings", path="{item}/settings", into="settings", count_property="settingCount")
ASSIGNMENTS = Part(name="assignments", path="{item}/assignments", into="assignments")


def test_a_type_without_parts_is_its_list_row(graph: FakeGraph, client: GraphClient):
    found = document(one(read_documents(client, make_type(), [row(n=1)])))
    assert found == Document(type_key="things", object=b'{"id": "a", "n": 1}')
    assert graph.journal == []


def test_parts_are_read_to_their_last_page_and_kept_raw(graph: FakeGraph, client: GraphClient):
    odd = b'{"id":"s1","n":1.10}'
    link = f"{PATH}/a/settings?$skiptoken=%255B2"
    graph.on(
        "GET",
        f"{PATH}/a/settings",
        reply(200, b'{"value":[' + odd + b'],"@odata.nextLink":"' + (GRAPH + link).encode() + b'"}'),
    )
    graph.on("GET", link, reply(200, rows("s2")))
    graph.on("GET", f"{PATH}/a/assignments", reply(200, rows()))
    found = document(one(read_documents(client, make_type(SETTINGS, ASSIGNMENTS), [row(settingCount=2)])))
    assert found.parts == {"settings": (odd, b'{"id": "s2"}'), "assignments": ()}
    assert found.missing == {}


def test_many_policies_share_batches_and_fail_alone(graph: FakeGraph, client: GraphClient):
    for number in range(30):
        graph.on("GET", f"{PATH}/{number}/settings", reply(200, rows("s")))
        graph.on("GET", f"{PATH}/{number}/assignments", reply(200, rows()))
    graph.on("GET", f"{PATH}/7/assignments", refusal(500, "UnknownError", "Broken."))
    found = read_documents(
        client, make_type(SETTINGS, ASSIGNMENTS), [row(str(n), settingCount=1) for n in range(30)]
    )
    assert isinstance(found.pop("7"), errors.Unavailable)
    assert len(found) == 29
    assert all(isinstance(each, Document) for each in found.values())
    assert (
        len(
            [
                seen
                for seen in graph.journal
                if len(json.loads(seen.body or b'{"requests":[]}')["requests"]) > 1
            ]
        )
        == 3
    )


def test_fewer_settings_than_the_policy_counts_is_not_whole(graph: FakeGraph, client: GraphClient):
    graph.on("GET", f"{PATH}/a/settings", reply(200, rows("s1", "s2")))
    found = one(read_documents(client, make_type(SETTINGS), [row(settingCount=153)]))
    assert isinstance(found, errors.Incomplete)
    assert "settingCount says 153, but 2 were read" in found.message


def test_the_item_is_read_where_the_list_is_not_enough(graph: FakeGraph, client: GraphClient):
    graph.on("GET", f"{PATH}/a?$expand=apps", reply(200, b'{"id":"a","script":"cHM="}'))
    graph.on("GET", f"{PATH}/a/assignments", reply(200, rows("x")))
    policy_type = make_type(ASSIGNMENTS, reads_item=True, item_query="$expand=apps")
    found = document(one(read_documents(client, policy_type, [row()])))
    assert found.item == b'{"id":"a","script":"cHM="}'
    assert found.object == b'{"id": "a"}'
    assert compose(policy_type, found)["script"] == "cHM="


SECRET_VALUE = Part(
    name="omaSecret",
    path="{item}/getOmaSettingPlainTextValue(secretReferenceValueId='{secretReferenceValueId}')",
    shape=Shape.VALUE,
    into="value",
    for_each="omaSettings",
    when=lambda setting: bool(setting.get("isEncrypted")),
    secret=True,
)
OMA = {
    "omaSettings": [
        {"omaUri": "./a", "isEncrypted": True, "secretReferenceValueId": "s 1", "value": "****"},
        {"omaUri": "./b", "isEncrypted": False, "value": "open"},
        {"omaUri": "./c", "isEncrypted": True, "secretReferenceValueId": "s2", "value": "****"},
        {"omaUri": "./d", "isEncrypted": True, "secretReferenceValueId": None, "value": "****"},
    ]
}


def secret_path(name: str) -> str:
    return f"{PATH}/a/getOmaSettingPlainTextValue(secretReferenceValueId='{name}')"


def test_encrypted_values_are_read_for_each_setting_that_has_one(graph: FakeGraph, client: GraphClient):
    graph.on("GET", secret_path("s%201"), reply(200, b'{"value":"plain 1"}'))
    graph.on("GET", secret_path("s2"), reply(200, b'{"value":"plain 2"}'))
    policy_type = make_type(SECRET_VALUE)
    found = document(one(read_documents(client, policy_type, [row(**OMA)])))
    assert set(found.parts) == {"omaSecret:s 1", "omaSecret:s2"}
    assert [each["value"] for each in compose(policy_type, found)["omaSettings"]][:3] == [
        "plain 1",
        "open",
        "plain 2",
    ]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_secret_that_cannot_be_read_is_missing_by_name(graph: FakeGraph, client: GraphClient, status: int):
    graph.on("GET", secret_path("s%201"), refusal(status, "Code", "Not for you."))
    graph.on("GET", secret_path("s2"), reply(200, b'{"value":"plain 2"}'))
    found = document(one(read_documents(client, make_type(SECRET_VALUE), [row(**OMA)])))
    assert set(found.parts) == {"omaSecret:s2"}
    assert set(found.missing) == {"omaSecret:s 1"}
    assert found.missing["omaSecret:s 1"]


@pytest.mark.parametrize("mask", ["****", "PGEvPg=="])
def test_a_mask_is_never_taken_for_the_value(graph: FakeGraph, client: GraphClient, mask: str):
    graph.on("GET", secret_path("s%201"), reply(200, {"value": mask}))
    graph.on("GET", secret_path("s2"), reply(200, b"{}"))
    found = document(one(read_documents(client, make_type(SECRET_VALUE), [row(**OMA)])))
    assert found.parts == {}
    assert set(found.missing) == {"omaSecret:s 1", "omaSecret:s2"}


def test_a_throttled_secret_is_not_called_missing(graph: FakeGraph, client: GraphClient):
    graph.on("GET", secret_path("s%201"), refusal(429, retry_after="500"))
    graph.on("GET", secret_path("s2"), reply(200, b'{"value":"plain 2"}'))
    found = one(read_documents(client, make_type(SECRET_VALUE), [row(**OMA)]))
    assert isinstance(found, errors.Throttled)
    assert found.retry_after == 500


VALUES = Part(name="definitionValues", path="{item}/definitionValues", into="definitionValues")
DEFINITION = Part(
    name="definition",
    path="{item}/definitionValues/{id}/definition",
    shape=Shape.OBJECT,
    into="definition",
    for_each="definitionValues",
)
PRESENTATIONS = Part(
    name="presentationValues",
    path="{item}/definitionValues/{id}/presentationValues",
    into="presentationValues",
    for_each="definitionValues",
)
DEEP = Part(
    name="presentation",
    path="{item}/presentations/{id}",
    shape=Shape.OBJECT,
    into="presentation",
    for_each="definitionValues[].presentationValues",
)


def test_parts_of_parts_are_read_after_them_in_full_batches(graph: FakeGraph, client: GraphClient):
    graph.on("GET", f"{PATH}/a/definitionValues", reply(200, rows("v1", "v2")))
    for value in ("v1", "v2"):
        graph.on("GET", f"{PATH}/a/definitionValues/{value}/definition", reply(200, {"id": f"d-{value}"}))
        graph.on(
            "GET", f"{PATH}/a/definitionValues/{value}/presentationValues", reply(200, rows(f"p-{value}"))
        )
        graph.on("GET", f"{PATH}/a/presentations/p-{value}", reply(200, {"id": f"x-{value}"}))
    policy_type = make_type(VALUES, DEFINITION, PRESENTATIONS, DEEP)
    found = document(one(read_documents(client, policy_type, [row()])))
    composed = compose(policy_type, found)["definitionValues"]
    assert [value["definition"]["id"] for value in composed] == ["d-v1", "d-v2"]
    assert [value["presentationValues"][0]["presentation"]["id"] for value in composed] == ["x-v1", "x-v2"]
    assert len(graph.journal) == 3


MERGED = Part(name="detail", path="{item}/detail", shape=Shape.OBJECT)
AFTER = Part(name="tail", path="{item}/tail", into="tail", when=lambda body: body.get("hasTail") is True)


@pytest.mark.parametrize("has_tail", [True, False])
def test_a_part_is_asked_about_what_the_one_before_brought(
    graph: FakeGraph,
    client: GraphClient,
    has_tail: bool,  # noqa: FBT001 - parametrised
):
    graph.on("GET", f"{PATH}/a/detail", reply(200, {"hasTail": has_tail}))
    graph.on("GET", f"{PATH}/a/tail", reply(200, rows("t")))
    found = document(one(read_documents(client, make_type(MERGED, AFTER), [row()])))
    assert ("tail" in found.parts) is has_tail


OPTIONAL = Part(name="extra", path="{item}/extra", shape=Shape.OBJECT, into="extra", optional=True)


@pytest.mark.parametrize("answer", [refusal(404), reply(204)])
def test_there_may_be_none_of_an_optional_part(graph: FakeGraph, client: GraphClient, answer: Any):
    graph.on("GET", f"{PATH}/a/extra", answer)
    found = document(one(read_documents(client, make_type(OPTIONAL), [row()])))
    assert found.parts == {"extra": ()}
    assert found.missing == {}


def test_an_optional_part_that_fails_otherwise_is_not_none(graph: FakeGraph, client: GraphClient):
    graph.on("GET", f"{PATH}/a/extra", refusal(403))
    assert isinstance(one(read_documents(client, make_type(OPTIONAL), [row()])), errors.ConsentMissing)


def test_a_permission_that_graph_does_not_name_is_named_by_the_type(graph: FakeGraph, client: GraphClient):
    graph.on("GET", f"{PATH}/a/settings", refusal(403, "Forbidden", "An error has occurred."))
    found = one(read_documents(client, make_type(SETTINGS), [row()]))
    assert isinstance(found, errors.ConsentMissing)
    assert found.details["permissions"] == ["Things.Read.All", "Things.ReadWrite.All"]
    assert "Things.Read.All or Things.ReadWrite.All" in found.message


@pytest.mark.parametrize("body", [b'{"id":"a","id":"b"}', b'{"n":NaN}', b'{"n":1', b"\xff", b"[]", b"7", b""])
def test_json_that_we_do_not_accept_fails_that_one(graph: FakeGraph, client: GraphClient, body: bytes):
    graph.on("GET", f"{PATH}/a", reply(200, body))
    graph.on("GET", f"{PATH}/b", reply(200, {"id": "b"}))
    found = read_documents(client, make_type(reads_item=True), [row("a"), row("b")])
    assert isinstance(found["a"], json_module.BadJson)
    assert isinstance(found["b"], Document)


@pytest.mark.parametrize(
    "settings", [[None], ["text"], [[1]], [{"isEncrypted": 1}], {"a": 1}, "text", 7, None]
)
def test_an_unforeseen_shape_harms_that_one_at_most(graph: FakeGraph, client: GraphClient, settings: object):
    graph.on("GET", secret_path("s2"), reply(200, b'{"value":"plain"}'))
    whole = row("b", omaSettings=[{"isEncrypted": True, "secretReferenceValueId": "s2"}])
    graph.on(
        "GET",
        f"{PATH}/b/getOmaSettingPlainTextValue(secretReferenceValueId='s2')",
        reply(200, b'{"value":"plain"}'),
    )
    found = read_documents(client, make_type(SECRET_VALUE), [row("a", omaSettings=settings), whole])
    assert document(found["b"]).parts == {"omaSecret:s2": (b'{"value":"plain"}',)}
    assert isinstance(found["a"], Document | json_module.BadJson)


def test_what_may_not_be_batched_is_read_one_by_one(graph: FakeGraph, client: GraphClient):
    graph.on("GET", f"{PATH}/a/settings", reply(200, rows()))
    graph.on("GET", f"{PATH}/b/settings", reply(200, rows()))
    read_documents(client, make_type(SETTINGS, batchable=False), [row("a"), row("b")])
    assert {seen.method for seen in graph.journal} == {"GET"}


def test_a_list_gives_each_row_once_and_tells_of_twins(graph: FakeGraph, client: GraphClient):
    graph.on("GET", f"{PATH}?$expand=assignments", reply(200, rows("a", "b", link=f"{GRAPH}{PATH}?p=2")))
    graph.on("GET", f"{PATH}?p=2", reply(200, rows("b", "c")))
    listing = list_rows(client, PATH, family="deviceConfiguration", query="$expand=assignments")
    assert [each.id for each in listing.rows] == ["a", "b", "c"]
    assert listing.repeated == ("b",)


def test_a_row_that_cannot_be_read_is_kept_with_its_error(graph: FakeGraph, client: GraphClient):
    body = b'{"value":[{"id":"a"},{"id":"b","id":"c"},{"name":"no id"},{"id":7}]}'
    graph.on("GET", PATH, reply(200, body))
    listing = list_rows(client, PATH, family="deviceConfiguration")
    assert [(each.id, each.error is None) for each in listing.rows] == [
        ("a", True),
        ("#2", False),
        ("#4", False),
        ("7", True),
    ]
    assert listing.rows[1].raw == b'{"id":"b","id":"c"}'
    found = read_documents(client, make_type(), listing.rows)
    assert [isinstance(each, Document) for each in found.values()] == [True, False, False, True]


def test_one_policy_by_its_id(graph: FakeGraph, client: GraphClient):
    graph.on("GET", f"{PATH}/a%20b?$expand=assignments", reply(200, {"id": "a b", "settingCount": 1}))
    graph.on("GET", f"{PATH}/a%20b/settings", reply(200, rows("s")))
    policy_type = make_type(SETTINGS, list_query="$expand=assignments&$top=200", reads_item=True)
    found = read_policy(client, policy_type, "a b")
    assert found.item is None
    assert len(found.parts["settings"]) == 1


def test_a_policy_that_is_gone_is_a_404(graph: FakeGraph, client: GraphClient):
    graph.on("GET", f"{PATH}/b", reply(200, {"id": "b"}))
    graph.on("GET", f"{PATH}/c", reply(200, b'{"id":"c","id":"c"}'))
    with pytest.raises(errors.Rejected) as caught:
        read_policy(client, make_type(), "a")
    assert caught.value.details["status"] == 404
    found = read_policies(client, make_type(), ["a", "b", "c", "b"])
    assert [type(found[key]) for key in "ab"] == [errors.Rejected, Document]
    assert isinstance(found["c"], AtlasError)


def test_existence_is_asked_for_and_never_guessed(graph: FakeGraph, client: GraphClient):
    graph.on("GET", "/beta/x/1", reply(200, {"id": "1"}))
    graph.on("GET", "/beta/x/2", refusal(403))
    assert check_exists(client, "/beta/x/1", family="apps")
    assert not check_exists(client, "/beta/x/9", family="apps")
    with pytest.raises(errors.ConsentMissing):
        check_exists(client, "/beta/x/2", family="apps")
    found = check_many(client, ["/beta/x/1", "/beta/x/2", "/beta/x/9"], family="apps")
    assert (found["/beta/x/1"], found["/beta/x/9"]) == (True, False)
    assert isinstance(found["/beta/x/2"], errors.ConsentMissing)
