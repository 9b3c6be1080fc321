"""Many reads at once: whatever a batch comes back with, each read ends in exactly one outcome."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantatlas.core import clock, errors
from tenantatlas.core.clock import VirtualClock
from tenantatlas.graph.budget import MemoryBudgets
from tenantatlas.graph.client import GraphClient, GraphTarget, Read, ReadOutcome, Secret
from tenantatlas.graph.clouds import CLOUDS
from tenantatlas.graph.transport import GraphRequest, GraphResponse, TransportFailed, install_transport

from .conftest import MakeClient
from .fake import (
    CLIENT,
    GRAPH,
    SECRET,
    TENANT,
    FakeGraph,
    asked,
    batch_reply,
    refusal,
    reply,
    rows,
    sub,
)

FAMILY = "deviceConfigV2"
BASE = "/beta/deviceManagement/configurationPolicies"
BATCH = "/beta/$batch"


def reads(count: int, **changes: object) -> list[Read]:
    settings = {"family": FAMILY, **changes}
    return [Read(key=f"k{n}", path=f"{BASE}/{n}", **settings) for n in range(count)]  # type: ignore[arg-type]


def answer_each(graph: FakeGraph) -> None:
    graph.fallback = lambda request: reply(200, {"id": request.url.rpartition("/")[2]})


def ids(outcomes: dict[str, ReadOutcome]) -> dict[str, str]:
    return {key: json.loads(outcome.body or b"{}")["id"] for key, outcome in outcomes.items()}


def test_twenty_at_a_time_in_one_version(graph: FakeGraph, client: GraphClient):
    answer_each(graph)
    wanted = [
        *reads(45),
        Read(key="v1", path="/v1.0/x/1", family=FAMILY),
        Read(key="v1b", path="/v1.0/x/2", family=FAMILY),
    ]
    outcomes = client.read_many(wanted)
    assert ids(outcomes) == {**{f"k{n}": str(n) for n in range(45)}, "v1": "1", "v1b": "2"}
    sizes = Counter((seen.path, len(json.loads(seen.body or b"")["requests"])) for seen in graph.journal)
    assert sizes == {(BATCH, 20): 2, (BATCH, 5): 1, ("/v1.0/$batch", 2): 1}
    for seen in graph.journal:
        for one in json.loads(seen.body or b"")["requests"]:
            assert isinstance(one["id"], str)
            assert one["method"] == "GET"
            assert not one["url"].startswith(("/beta", "/v1.0", "http"))


def test_families_do_not_share_a_batch(graph: FakeGraph, client: GraphClient):
    answer_each(graph)
    client.read_many([*reads(2), *(Read(key=f"r{n}", path=f"/beta/r/{n}", family="rbac") for n in range(2))])
    assert [len(json.loads(seen.body or b"")["requests"]) for seen in graph.journal] == [2, 2]


def test_one_read_goes_direct(graph: FakeGraph, client: GraphClient):
    answer_each(graph)
    assert ids(client.read_many(reads(1))) == {"k0": "0"}
    assert graph.paths() == [f"{BASE}/0"]


@pytest.mark.parametrize("changes", [{"batchable": False}, {"family": "conditionalAccess"}])
def test_what_may_not_be_batched_is_not(graph: FakeGraph, client: GraphClient, changes: dict[str, object]):
    answer_each(graph)
    assert len(client.read_many(reads(3, **changes))) == 3
    assert {seen.method for seen in graph.journal} == {"GET"}


def test_no_reads_is_no_request(graph: FakeGraph, client: GraphClient):
    assert client.read_many([]) == {}
    assert graph.journal == []


def test_two_reads_with_one_key_are_refused(client: GraphClient):
    with pytest.raises(errors.InputError):
        client.read_many([*reads(1), *reads(1)])


def test_bodies_stay_byte_for_byte(graph: FakeGraph, client: GraphClient):
    odd = b'{ "id" : "0","n":1.10, "t":"\\u0041" }'
    graph.on("POST", BATCH, batch_reply(sub("1", reply(200, {"id": "1"})), sub("0", reply(200, odd))))
    outcomes = client.read_many(reads(2))
    assert outcomes["k0"].body == odd


@pytest.mark.parametrize("collection", [False, True])
def test_a_body_in_base64_is_asked_for_alone(graph: FakeGraph, client: GraphClient, *, collection: bool):
    graph.on(
        "POST", BATCH, batch_reply(b'{"id":"0","status":200,"body":"eyJ9"}', sub(1, reply(200, rows("b"))))
    )
    graph.on("GET", f"{BASE}/0", reply(200, rows("a")))
    outcomes = client.read_many(reads(2, collection=collection))
    assert all(outcome.error is None for outcome in outcomes.values())
    assert graph.paths() == [f"{BASE}/0"]


@pytest.mark.parametrize("number", [0, "0"])
def test_ids_may_come_back_as_numbers(graph: FakeGraph, client: GraphClient, number: int | str):
    graph.on(
        "POST", BATCH, batch_reply(sub("1", reply(200, {"id": "1"})), sub(number, reply(200, {"id": "0"})))
    )
    assert ids(client.read_many(reads(2))) == {"k0": "0", "k1": "1"}


def test_each_ends_as_its_own_answer_says(graph: FakeGraph, client: GraphClient):
    statuses = [200, 404, 403, 400, 409, 412, 200]
    for number, status in enumerate(statuses):
        answer = reply(200, {"id": str(number)}) if status == 200 else refusal(status, "Code", "Said.")
        graph.on("GET", f"{BASE}/{number}", answer)
    outcomes = client.read_many(reads(len(statuses)))
    assert [outcomes[f"k{n}"].status for n in range(len(statuses))] == statuses
    assert isinstance(outcomes["k1"].error, errors.Rejected)
    assert isinstance(outcomes["k2"].error, errors.ConsentMissing)
    assert outcomes["k1"].error.details["graph_code"] == "Code"
    assert len(graph.journal) == 1


def test_only_what_was_throttled_is_asked_again_after_the_longest_wait(graph: FakeGraph, client: GraphClient):
    answer_each(graph)
    for number in range(7):
        again = reply(200, {"id": str(number)})
        graph.on("GET", f"{BASE}/{number}", refusal(429, retry_after=str(5 + number)), again)
    outcomes = client.read_many(reads(20))
    assert ids(outcomes) == {f"k{n}": str(n) for n in range(20)}
    second = sorted(
        one["url"] for seen in graph.journal[1:] for one in json.loads(seen.body or b"")["requests"]
    )
    assert second == [f"/deviceManagement/configurationPolicies/{n}" for n in range(7)]
    assert graph.journal[1].at - graph.journal[0].at >= 11


def test_a_long_pause_is_each_readers_outcome(graph: FakeGraph, client: GraphClient):
    answer_each(graph)
    graph.on("GET", f"{BASE}/3", refusal(429, retry_after="600"))
    outcomes = client.read_many(reads(5))
    error = outcomes["k3"].error
    assert isinstance(error, errors.Throttled)
    assert error.retry_after == 600
    assert {key for key, outcome in outcomes.items() if outcome.error is None} == {"k0", "k1", "k2", "k4"}


def test_a_lasting_500_fails_that_one_only(graph: FakeGraph, client: GraphClient):
    answer_each(graph)
    graph.on("GET", f"{BASE}/2", refusal(500, "UnknownError", "Broken."))
    outcomes = client.read_many(reads(5))
    assert isinstance(outcomes["k2"].error, errors.Unavailable)
    assert sum(outcome.error is None for outcome in outcomes.values()) == 4
    asked_for = sum(b"configurationPolicies/2" in (seen.body or b"") for seen in graph.journal)
    asked_for += graph.paths().count(f"{BASE}/2")
    assert asked_for == 4


def test_answers_that_are_missing_foreign_or_twice_are_asked_for_again(graph: FakeGraph, client: GraphClient):
    good = [sub(str(n), reply(200, {"id": str(n)})) for n in range(4)]
    graph.on(
        "POST",
        BATCH,
        batch_reply(
            good[3], sub("77", reply(200, {"id": "77"})), good[0], sub("3", reply(200, {"id": "other"}))
        ),
        batch_reply(),
        lambda request: batch_reply(
            *(sub(one["id"], reply(200, {"id": one["url"][-1]})) for one in asked(request))
        ),
    )
    answer_each(graph)
    assert ids(client.read_many(reads(4))) == {f"k{n}": str(n) for n in range(4)}


def test_answers_that_never_come_are_named(graph: FakeGraph, client: GraphClient):
    graph.on("POST", BATCH, batch_reply())
    graph.fallback = lambda _: refusal(500)
    outcomes = client.read_many(reads(3))
    assert all(isinstance(outcome.error, errors.Unavailable) for outcome in outcomes.values())


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 501])
def test_a_refused_envelope_costs_nobody_an_answer(graph: FakeGraph, client: GraphClient, status: int):
    graph.on("POST", BATCH, refusal(status))
    answer_each(graph)
    assert ids(client.read_many(reads(25))) == {f"k{n}": str(n) for n in range(25)}
    assert len(graph.paths("POST")) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        refusal(429, retry_after="4"),
        refusal(503),
        TransportFailed("lost", kind="unknown"),
        reply(200, b'{"responses":[{"id":"0","status":200,"body":{}}'),
        reply(200, b'{"responses":{}}'),
        reply(200, b"{}"),
        reply(200, b'{"responses":[{"id":"0"}]}'),
        reply(200, b'{"responses":[{"id":"0","status":"200","body":{}}]}'),
        reply(200, b'{"responses":[],"responses":[]}'),
    ],
)
def test_a_lost_envelope_is_sent_again(
    graph: FakeGraph, client: GraphClient, trouble: GraphResponse | TransportFailed
):
    good = batch_reply(*(sub(str(n), reply(200, {"id": str(n)})) for n in range(3)))
    graph.on("POST", BATCH, trouble, good)
    answer_each(graph)
    assert ids(client.read_many(reads(3))) == {f"k{n}": str(n) for n in range(3)}


def test_an_envelope_that_is_always_lost_fails_all_of_it(graph: FakeGraph, client: GraphClient):
    graph.on("POST", BATCH, TransportFailed("lost", kind="unknown"))
    outcomes = client.read_many(reads(3))
    assert all(isinstance(outcome.error, errors.Unavailable) for outcome in outcomes.values())
    assert len(graph.journal) == 4


def test_collections_are_read_to_their_last_page(graph: FakeGraph, client: GraphClient):
    for number in range(30):
        place = f"{BASE}/{number}/settings"
        for page in range(number % 7):
            following = f"{BASE}/{number}/settings?$skiptoken=%255B{page + 1}"
            graph.on("GET", place, reply(200, rows(f"{number}.{page}", link=GRAPH + following)))
            place = following
        graph.on("GET", place, reply(200, rows(f"{number}.last")))
    wanted = [
        Read(key=str(n), path=f"{BASE}/{n}/settings", family=FAMILY, collection=True) for n in range(30)
    ]
    outcomes = client.read_many(wanted)
    for number in range(30):
        found = [json.loads(row)["id"] for row in outcomes[str(number)].rows or ()]
        assert found == [*(f"{number}.{page}" for page in range(number % 7)), f"{number}.last"]


def test_a_lost_page_of_a_collection_loses_the_collection(graph: FakeGraph, client: GraphClient):
    graph.on("GET", f"{BASE}/1/settings", reply(200, rows("a", link=f"{GRAPH}{BASE}/1/settings?p=2")))
    graph.on("GET", f"{BASE}/1/settings?p=2", refusal(404))
    (outcome,) = client.read_many(
        [Read(key="x", path=f"{BASE}/1/settings", family=FAMILY, collection=True)]
    ).values()
    assert outcome.rows is None
    assert isinstance(outcome.error, errors.Rejected)


@pytest.mark.parametrize("body", [b'"PGh0bWw+"', b"[]", b"7"])
def test_a_collection_that_is_none_is_asked_for_again(graph: FakeGraph, client: GraphClient, body: bytes):
    graph.on("GET", f"{BASE}/1/settings", reply(200, body), reply(200, rows("a")))
    graph.on("GET", f"{BASE}/2/settings", reply(200, rows("b")))
    outcomes = client.read_many(
        Read(key=key, path=f"{BASE}/{key}/settings", family=FAMILY, collection=True) for key in "12"
    )
    assert outcomes["1"].rows == (b'{"id": "a"}',)


def test_a_permission_missing_does_not_make_a_storm(
    graph: FakeGraph, make_client: MakeClient, virtual_clock: VirtualClock
):
    client = make_client()
    graph.fallback = lambda _: refusal(403, "Forbidden", "must have one of: DeviceManagementRBAC.Read.All")
    wanted = [Read(key=str(n), path=f"/beta/x/{n:032}", family="rbac", batchable=False) for n in range(500)]
    outcomes = client.read_many(wanted)
    assert all(isinstance(outcome.error, errors.ConsentMissing) for outcome in outcomes.values())
    assert len(graph.journal) <= 3 + 32
    graph.fallback = lambda _: reply(200, {"id": "x"})
    assert client.get("/beta/other/1", family="rbac").status == 200
    virtual_clock.advance(61)
    assert client.get(wanted[0].path, family="rbac").status == 200


STATUSES = [200, 200, 200, 204, 400, 403, 404, 409, 412, 424, 429, 500, 503, 504]


def hostile(dice: random.Random, left: Counter[str]) -> object:
    """A Graph that answers batches as badly as it can, and settles after a while."""

    def one(url: str) -> GraphResponse:
        left[url] += 1
        status = dice.choice(STATUSES) if left[url] < 3 else 200
        if status == 429:
            return refusal(429, retry_after=dice.choice(["0", "2.5", "x", "7"]))
        if status in (200, 204):
            return reply(200, rows("x") if "settings" in url else {"id": url})
        return refusal(status)

    def answer(request: GraphRequest) -> GraphResponse | TransportFailed:
        if not request.url.endswith("$batch"):
            return one(request.url.removeprefix(f"{GRAPH}/beta"))
        parts = []
        for wanted in asked(request):
            answered = sub(wanted["id"], one(wanted["url"]))
            parts += [answered] * dice.choice([0, 1, 1, 1, 1, 1, 2])
        if dice.random() < 0.2:
            parts.append(sub("999", reply(200, {})))
        dice.shuffle(parts)
        return dice.choice(
            [batch_reply(*parts)] * 8 + [refusal(503), TransportFailed("lost", kind="unknown")]
        )

    return answer


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), count=st.integers(1, 60))
def test_whatever_comes_back_there_is_one_outcome_each(seed: int, count: int):
    dice = random.Random(seed)  # noqa: S311 - a seeded fault script
    fake = FakeGraph()
    answer = hostile(dice, Counter())
    fake.on("POST", BATCH, answer)  # type: ignore[arg-type] - a callable
    fake.fallback = answer  # type: ignore[assignment] - may answer with a failure
    target = GraphTarget(
        cloud=CLOUDS["global"],
        tenant_guid=TENANT,
        client_id=CLIENT,
        credential=Secret(value=SECRET),
        share=1.0,
    )
    previous = install_transport(fake)
    try:
        with clock.use_clock(VirtualClock()):
            client = GraphClient(target, budgets=MemoryBudgets(), rng=dice)
            wanted = [
                Read(
                    key=str(n),
                    path=f"{BASE}/{n}" + "/settings" * (n % 2),
                    family=FAMILY,
                    collection=bool(n % 2),
                )
                for n in range(count)
            ]
            outcomes = client.read_many(wanted)
    finally:
        install_transport(previous)
    assert set(outcomes) == {str(n) for n in range(count)}
    for key, outcome in outcomes.items():
        filled = [outcome.error, outcome.rows if int(key) % 2 else outcome.body]
        assert sum(value is not None for value in filled) == 1
