"""A 429 pauses everybody in the bucket; how long depends on what Graph says, if it says anything."""

from __future__ import annotations

import threading
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantatlas.core import clock, errors
from tenantatlas.core.clock import VirtualClock
from tenantatlas.graph.budget import Bucket, MemoryBudgets
from tenantatlas.graph.client import GraphClient, Read, stop_waiting_when
from tenantatlas.graph.errors import parse_retry_after
from tenantatlas.graph.limits import FAMILIES, bound_seconds

from .conftest import MakeClient
from .fake import FakeGraph, refusal, reply

FAMILY = "deviceConfigV2"
PATH = "/beta/deviceManagement/configurationPolicies/1"


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("2.128", 3, 3),
        ("12.5", 13, 13),
        ("0", 3, 3),
        ("-5", 3, 3),
        ("60", 60, 60),
        ("soon", 3, 60),
        ("", 3, 60),
        (None, 3, 60),
        ("NaN", 3, 60),
        ("1e3", 3, 60),
    ],
)
def test_a_pause_is_as_long_as_graph_says_and_never_too_short(
    graph: FakeGraph, client: GraphClient, header: str | None, least: float, most: float
):
    refused = refusal(429, "TooManyRequests", **({} if header is None else {"retry_after": header}))
    graph.on("GET", PATH, refused, reply(200, {}))
    client.get(PATH, family=FAMILY)
    first, second = (seen.at for seen in graph.journal)
    assert least <= second - first <= most + 1


def test_a_date_is_waited_for(graph: FakeGraph, client: GraphClient, virtual_clock: VirtualClock):
    when = format_datetime(virtual_clock.now().replace(second=40), usegmt=True)
    graph.on("GET", PATH, refusal(429, retry_after=when), reply(200, {}))
    client.get(PATH, family=FAMILY)
    assert graph.journal[1].at >= 40


@pytest.mark.parametrize("header", ["86400", "3600", "61"])
def test_a_long_pause_is_not_slept_through(graph: FakeGraph, client: GraphClient, header: str):
    graph.on("GET", PATH, refusal(429, retry_after=header))
    with pytest.raises(errors.Throttled) as caught:
        client.get(PATH, family=FAMILY)
    assert caught.value.retry_after == float(header)
    with pytest.raises(errors.Throttled) as again:
        client.get(PATH, family=FAMILY)
    assert again.value.retry_after == pytest.approx(float(header), abs=1)
    assert len(graph.journal) == 1


def test_a_pause_longer_than_a_day_is_cut_to_one():
    assert parse_retry_after("99999999999") == 86_400


@given(st.text(max_size=40))
def test_whatever_the_header_says_the_wait_is_sane(text: str):
    seconds = parse_retry_after(text)
    assert seconds is None or (0 <= seconds <= 86_400 and seconds == int(seconds))


def test_throttled_for_ever_ends(graph: FakeGraph, client: GraphClient, virtual_clock: VirtualClock):
    graph.on("GET", PATH, refusal(429))
    with pytest.raises(errors.Throttled) as caught:
        client.get(PATH, family=FAMILY)
    assert len(graph.journal) == 11
    assert caught.value.retry_after is None
    assert virtual_clock.monotonic() <= 11 * 60


def test_the_reason_for_waiting_is_counted_apart_from_failures(graph: FakeGraph, client: GraphClient):
    script = [refusal(429, retry_after="3"), refusal(500)] * 3
    graph.on("GET", PATH, *script, reply(200, {}))
    assert client.get(PATH, family=FAMILY).status == 200


def test_everybody_in_the_family_waits_and_nobody_else(graph: FakeGraph, make_client: MakeClient):
    client = make_client()
    other = "/beta/deviceAppManagement/x"
    graph.on("GET", PATH, refusal(429, retry_after="30"), reply(200, {}))
    graph.fallback = lambda _: reply(200, {})
    reads = [Read(key=str(n), path=f"{PATH}{n}", family=FAMILY, batchable=False) for n in range(20)]
    reads.append(Read(key="x", path=PATH, family=FAMILY, batchable=False))
    client.get(other, family="managedApplications")
    outcomes = client.read_many(reads[-1:])
    client.get(other, family="managedApplications")
    client.read_many(reads[:-1])
    assert outcomes["x"].error is None
    paused = next(seen.at for seen in graph.journal if seen.path == PATH)
    during = [seen.path for seen in graph.journal if paused < seen.at < paused + 30]
    assert during == []


def test_a_pause_holds_for_another_client_of_the_same_app(graph: FakeGraph, make_client: MakeClient):
    budgets = MemoryBudgets()
    one, two = make_client(budgets=budgets), make_client(budgets=budgets)
    graph.on("GET", PATH, refusal(429, retry_after="45"), reply(200, {}))
    graph.fallback = lambda _: reply(200, {})
    one.get(PATH, family=FAMILY)
    resumed = clock.monotonic()
    two.get(PATH, family=FAMILY)
    assert resumed >= 45


def test_no_window_holds_more_than_its_share(graph: FakeGraph, make_client: MakeClient):
    client = make_client(share=0.5)
    graph.fallback = lambda _: reply(200, {"id": "x"})
    client.read_many(
        Read(key=str(n), path=f"/beta/x/{n}", family=FAMILY, batchable=False) for n in range(1200)
    )
    moments = sorted(seen.at for seen in graph.journal)
    assert len(moments) == 1200
    for index, start in enumerate(moments):
        inside = sum(1 for moment in moments[index : index + 600] if moment < start + 20)
        assert inside <= 500
    assert moments[-1] <= 1.10 * bound_seconds({FAMILY: 1200}, {}, 0.5)


def test_writes_keep_to_their_own_smaller_budget(graph: FakeGraph, client: GraphClient):
    graph.fallback = lambda _: reply(201, {})
    for number in range(120):
        client.write("POST", "/beta/x", b"{}", family=FAMILY, request_id=f"w{number}")
    moments = [seen.at for seen in graph.journal]
    for index, start in enumerate(moments):
        assert sum(1 for moment in moments[index:] if moment < start + 20) <= 100
    assert moments[-1] <= 1.10 * bound_seconds({}, {FAMILY: 120}, 1.0)


def test_conditional_access_is_asked_one_at_a_time_by_every_app_of_the_tenant(
    graph: FakeGraph, make_client: MakeClient
):
    budgets = MemoryBudgets()
    clients = [make_client(budgets=budgets), make_client(budgets=budgets, client_id="other-app")]
    graph.fallback = lambda _: reply(200, {"id": "x"})

    def work(client: GraphClient) -> None:
        client.read_many(
            Read(
                key=str(n), path=f"/v1.0/identity/conditionalAccess/policies/{n}", family="conditionalAccess"
            )
            for n in range(5)
        )

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    moments = sorted(seen.at for seen in graph.journal)
    assert len(moments) == 10
    assert "POST" not in {seen.method for seen in graph.journal}
    assert all(later - earlier >= 1 for earlier, later in pairwise(moments))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 20), st.floats(0, 3)), min_size=5, max_size=60),
    st.sampled_from([0.1, 0.5, 1.0]),
)
def test_reservations_never_exceed_rate_and_burst(steps: list[tuple[int, float]], share: float):
    rate, burst, bucket = 50 * share, 20.0, Bucket("app", "tenant", "family", "read")
    with clock.use_clock(VirtualClock()) as virtual:
        store, sent = MemoryBudgets(), []
        for count, idle in steps:
            virtual.sleep(idle)
            wait = store.reserve(bucket, count=count, per_second=rate, burst=burst)
            sent.append((virtual.monotonic() + wait, count))
    for index, (start, _) in enumerate(sent):
        for end in range(index, len(sent)):
            total = sum(count for _, count in sent[index : end + 1])
            assert total <= burst + rate * (sent[end][0] - start) + 20 + 1e-6


def test_after_a_pause_there_is_no_rush():
    bucket = Bucket("app", "tenant", "family", "read")
    with clock.use_clock(VirtualClock()):
        store = MemoryBudgets()
        store.reserve(bucket, count=1, per_second=50, burst=20)
        store.pause(bucket, seconds=10)
        store.pause(bucket, seconds=4)
        assert store.paused_for(bucket) == 10
        waits = [store.reserve(bucket, count=20, per_second=50, burst=20) for _ in range(3)]
    assert waits == pytest.approx([10.4, 10.8, 11.2])


def test_a_person_who_cancels_does_not_wait_for_the_budget(graph: FakeGraph, client: GraphClient):
    graph.on("GET", PATH, refusal(429, retry_after="50"))
    asked_times = iter([False, True])
    with (
        stop_waiting_when(lambda: next(asked_times, True)),
        clock.use_clock(clock.SystemClock()),
        pytest.raises(errors.Cancelled),
    ):
        client.get(PATH, family=FAMILY)


def test_the_bound_is_the_slowest_family():
    assert bound_seconds({"deviceConfigV2": 1000, "rbac": 50}, {"rbac": 100}) == 20
    assert bound_seconds({"deviceConfigV2": 1000}, {}, 0.5) == 40
    assert bound_seconds({"conditionalAccess": 30}, {"conditionalAccess": 12}) == 42
    assert bound_seconds({}, {}) == 0
    assert all(family.read_per_s >= family.write_per_s for family in FAMILIES.values())


def test_back_off_without_a_word_from_graph_is_spread(graph: FakeGraph, make_client: MakeClient):
    waits = set()
    for seed in range(5):
        client = make_client()
        client._rng.seed(seed)
        graph.journal.clear()
        graph.on("GET", PATH, *[refusal(429)] * 4, reply(200, {}))
        client.get(PATH, family=FAMILY)
        waits.add(round(graph.journal[-1].at - graph.journal[0].at, 3))
    assert len(waits) > 1
