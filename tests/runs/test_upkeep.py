"""What workers do now and then: when it is due, each by itself, and also when another one fails."""

from __future__ import annotations

import logging

import pytest

from tenantatlas.runs import upkeep
from tenantatlas.runs.upkeep import Upkeep, periodic


@pytest.fixture(autouse=True)
def _only_ours(monkeypatch):
    upkeep.all_periodic()
    monkeypatch.setattr(upkeep, "_known", {})


def test_a_function_is_called_at_once_and_then_when_it_is_due(virtual_clock):
    told = []
    periodic("toy.often", every_seconds=10)(lambda: told.append("often"))
    periodic("toy.seldom", every_seconds=60)(lambda: told.append("seldom"))
    round_ = Upkeep()
    round_()
    round_()
    assert told == ["often", "seldom"]
    virtual_clock.advance(10)
    round_()
    assert told == ["often", "seldom", "often"]
    virtual_clock.advance(50)
    round_()
    assert told == ["often", "seldom", "often", "often", "seldom"]


def test_one_that_fails_is_logged_tried_again_and_holds_up_nobody(virtual_clock, caplog):
    told = []

    def breaks() -> None:
        told.append("breaks")
        raise ValueError("out of order")

    periodic("toy.a_breaks", every_seconds=10)(breaks)
    periodic("toy.b_works", every_seconds=10)(lambda: told.append("works"))
    round_ = Upkeep()
    with caplog.at_level(logging.ERROR, logger="tenantatlas.runs.upkeep"):
        round_()
        virtual_clock.advance(10)
        round_()
    assert told == ["breaks", "works", "breaks", "works"]
    assert [record.periodic for record in caplog.records] == ["toy.a_breaks", "toy.a_breaks"]


def test_two_of_one_name_are_refused():
    def other() -> None: ...

    periodic("toy.one", every_seconds=10)(lambda: None)
    with pytest.raises(ValueError, match=r"toy\.one"):
        periodic("toy.one", every_seconds=10)(other)
