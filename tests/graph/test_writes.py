"""One write is one attempt: known, unknown, or not sent; never repeated behind the caller's back."""

from __future__ import annotations

import threading

import pytest

from tenantatlas.core import clock, errors
from tenantatlas.core.clock import VirtualClock
from tenantatlas.graph.client import GraphClient, stop_waiting_when
from tenantatlas.graph.transport import (
    GraphRequest,
    GraphResponse,
    TransportFailed,
    install_transport,
)

from .conftest import MakeClient
from .fake import FakeGraph, refusal, reply

PATH = "/beta/deviceManagement/configurationPolicies"
FAMILY = "deviceConfigV2"


def write(client: GraphClient, **changes: object):
    settings: dict[str, object] = {"family": FAMILY, "request_id": "intent-1", **changes}
    return client.write("POST", PATH, b'{"name":"x"}', **settings)  # type: ignore[arg-type] - a few named ones


def test_a_write_carries_its_body_and_the_callers_id(graph: FakeGraph, client: GraphClient):
    graph.on("POST", PATH, reply(201, b'{"id":"new"}'))
    sent: list[str] = []
    result = write(client, on_sent=lambda: sent.append("sent"))
    assert (result.known, result.status, result.body, result.error) == (True, 201, b'{"id":"new"}', None)
    assert (result.throttled, result.again, result.request_id) == (False, False, "req-1")
    (seen,) = graph.journal
    assert seen.body == b'{"name":"x"}'
    assert seen.headers["client-request-id"] == "intent-1"
    assert seen.headers["Content-Type"] == "application/json"
    assert sent == ["sent"]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_was_applied(graph: FakeGraph, client: GraphClient, status: int):
    graph.on("POST", PATH, reply(status))
    assert write(client).known
    assert write(client).error is None


def test_a_write_without_a_body_says_so(graph: FakeGraph, client: GraphClient):
    graph.on("DELETE", f"{PATH}/1", reply(204))
    client.write("DELETE", f"{PATH}/1", None, family=FAMILY, request_id="w")
    assert "Content-Type" not in graph.journal[0].headers
    graph.on("POST", f"{PATH}/1/assign", reply(200))
    client.write("POST", f"{PATH}/1/assign", None, family=FAMILY, request_id="w")
    assert graph.journal[1].headers["Content-Length"] == "0"


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 412, 413, 415, 423, 424, 501])
def test_a_refusal_was_not_applied(graph: FakeGraph, client: GraphClient, status: int):
    graph.on("POST", PATH, refusal(status))
    result = write(client)
    assert result.known
    assert result.status == status
    assert result.error is not None
    assert not result.again
    assert result.body == b""


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 301, 302, 307])
def test_an_answer_that_leaves_it_open_is_unknown_and_not_repeated(
    graph: FakeGraph, client: GraphClient, status: int
):
    graph.on("POST", PATH, refusal(status))
    result = write(client)
    assert not result.known
    assert not result.again
    assert isinstance(result.error, errors.Unavailable)
    assert len(graph.journal) == 1


def test_a_lost_answer_is_unknown(graph: FakeGraph, client: GraphClient):
    graph.on("POST", PATH, TransportFailed("no whole answer in time", kind="unknown"))
    sent: list[str] = []
    result = write(client, on_sent=lambda: sent.append("sent"))
    assert (result.known, result.status, result.again) == (False, 0, False)
    assert "no whole answer in time" in str(result.error)
    assert sent == ["sent"]
    assert len(graph.journal) == 1


def test_a_web_page_in_the_place_of_an_answer_is_unknown(graph: FakeGraph, client: GraphClient):
    page = GraphResponse(status=200, headers={"content-type": "text/html"}, body=b"<html>")
    graph.on("POST", PATH, page)
    assert not write(client).known


def test_what_never_left_may_be_sent_again(graph: FakeGraph, client: GraphClient):
    graph.on("POST", PATH, TransportFailed("the name could not be resolved", kind="unsent"))
    sent: list[str] = []
    result = write(client, on_sent=lambda: sent.append("sent"))
    assert (result.known, result.status, result.again) == (True, 0, True)
    assert sent == []


def test_a_throttled_write_was_not_applied_and_holds_up_the_next(graph: FakeGraph, client: GraphClient):
    graph.on("POST", PATH, refusal(429, retry_after="9"), reply(201, {}))
    first, second = write(client), write(client)
    assert (first.known, first.throttled, first.again) == (True, True, True)
    assert isinstance(first.error, errors.Throttled)
    assert first.error.retry_after == 9
    assert second.status == 201
    assert graph.journal[1].at - graph.journal[0].at >= 9


def test_a_throttled_write_does_not_hold_up_reads(graph: FakeGraph, client: GraphClient):
    graph.on("POST", PATH, refusal(429, retry_after="50"))
    graph.on("GET", PATH, reply(200, {}))
    write(client)
    client.get(PATH, family=FAMILY)
    assert graph.journal[1].at - graph.journal[0].at < 1


def test_a_long_pause_is_raised_before_the_next_write(graph: FakeGraph, client: GraphClient):
    graph.on("POST", PATH, refusal(429, retry_after="300"))
    first = write(client)
    assert isinstance(first.error, errors.Throttled)
    assert first.error.retry_after == 300
    with pytest.raises(errors.Throttled) as caught:
        write(client)
    assert caught.value.retry_after == pytest.approx(300, abs=1)
    assert len(graph.journal) == 1


def test_a_refused_token_is_renewed_and_the_caller_decides(graph: FakeGraph, client: GraphClient):
    graph.on("POST", PATH, refusal(401, www_authenticate="Bearer"), reply(201, {}))
    first = write(client)
    assert (first.known, first.status, first.again) == (True, 401, True)
    assert isinstance(first.error, errors.SignInFailed)
    assert len(graph.journal) == 1
    assert write(client).status == 201


def test_a_refused_app_is_not_asked_again(graph: FakeGraph, client: GraphClient):
    client.token_claims()
    graph.login_answers = [reply(401, {"error": "invalid_client", "error_description": "AADSTS7000112: off"})]
    graph.on("POST", PATH, refusal(401, www_authenticate="Bearer"))
    first = write(client)
    assert (first.known, first.again) == (True, False)
    with pytest.raises(errors.SignInFailed, match="disabled"):
        write(client)


def test_a_permission_refused_three_times_is_not_asked_for_a_fourth(graph: FakeGraph, client: GraphClient):
    graph.on("POST", PATH, refusal(403, "Forbidden", "needs DeviceManagementConfiguration.ReadWrite.All"))
    for _ in range(3):
        assert isinstance(write(client).error, errors.ConsentMissing)
    with pytest.raises(errors.ConsentMissing, match="DeviceManagementConfiguration"):
        write(client)
    assert len(graph.journal) == 3


def test_multi_admin_approval_is_named_with_its_code(graph: FakeGraph, client: GraphClient):
    code = "12345678-1234-1234-1234-123456789012"
    graph.on("POST", PATH, refusal(412, "BadRequest", "Approval Required", x_msft_approval_code=code))
    error = write(client).error
    assert isinstance(error, errors.Rejected)
    assert error.details["approval_code"] == code
    assert "Multi Admin Approval" in error.hint


def test_a_person_who_cancels_does_not_lose_a_write_in_flight(make_client: MakeClient):
    answered, arrived = threading.Event(), threading.Event()

    class Slow(FakeGraph):
        async def send(self, request: GraphRequest) -> GraphResponse:
            if request.method == "POST" and request.url.endswith(PATH):
                import asyncio  # noqa: PLC0415 - only here

                arrived.set()
                while not answered.is_set():
                    await asyncio.sleep(0.001)
                return reply(201, {"id": "made"})
            return await super().send(request)

    previous = install_transport(Slow())
    looks = 0

    def cancelled() -> bool:
        nonlocal looks
        looks += 1
        if looks > 1:
            assert arrived.wait(5)
            answered.set()
        return looks > 1

    try:
        client = make_client()
        client.token_claims()
        with stop_waiting_when(cancelled):
            result = write(client)
    finally:
        install_transport(previous)
    assert result.status == 201


def test_a_person_who_cancels_does_not_wait_for_the_write_budget(graph: FakeGraph, client: GraphClient):
    graph.on("POST", PATH, refusal(429, retry_after="55"))
    with clock.use_clock(clock.SystemClock()):
        write(client)
        looks = iter([False])
        with stop_waiting_when(lambda: next(looks, True)), pytest.raises(errors.Cancelled):
            write(client)
    assert len(graph.journal) == 1


def test_fast_time_is_for_this_machine_only(make_client: MakeClient):
    with (
        clock.use_clock(clock.SystemClock(scale=50)),
        pytest.raises(errors.InputError, match="ATLAS_TIME_SCALE"),
    ):
        make_client()


def test_the_clock_moves_only_for_those_who_wait(
    graph: FakeGraph, client: GraphClient, virtual_clock: VirtualClock
):
    graph.on("POST", PATH, reply(201, {}))
    write(client)
    assert virtual_clock.monotonic() == 0
