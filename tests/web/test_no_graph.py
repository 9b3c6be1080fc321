"""No page, picker or label asks Graph: every address that takes a GET, with a network that nobody may use."""

from __future__ import annotations

from django.test import Client

from tenantatlas.graph.transport import GraphRequest, GraphResponse, install_transport
from tests.simulated import World

from .places import every_place, furnish
from .test_rbac import sign_in

VARIANTS = ({}, {"q": "pilot", "page": "2"}, {"step": "check"}, {"step": "group"}, {"step": "backup"})


class NoNetwork:
    """Remembers what it was asked, and fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def send(self, request: GraphRequest) -> GraphResponse:
        self.asked.append(f"{request.method} {request.url}")
        raise AssertionError(f"a page asked the network: {request.url}")


def test_no_page_asks_graph(world: World, otto: Client) -> None:
    world.sim.person("adele@contoso.example")
    world.sim.reply_to("http://testserver/delegated/callback/", delegated=["GroupMember.Read.All"])
    ids = furnish(world)
    sign_in(world, otto)
    network = NoNetwork()
    previous = install_transport(network)
    try:
        walked = 0
        for place in every_place("contoso", ids):
            if not place.takes_get:
                continue
            for query in VARIANTS:
                for headers in ({}, {"HX-Request": "true"}):
                    answer = otto.get(place.url, query, headers=headers)
                    assert answer.status_code < 500, place
                    if answer.streaming:
                        answer.getvalue()
                    walked += 1
    finally:
        install_transport(previous)
    assert network.asked == []
    assert walked > 100
