"""The chain itself, without a database: whatever is done to a trail afterwards is found."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenantatlas.audit.chain import Head, entry_digest, verify_links

ENTRIES = 200
TRIES = 10_000
START = datetime(2026, 11, 23, 8, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the chain sees of an entry."""

    tenant_id: int | None = 1
    sequence: int = 0
    at: datetime = START
    actor_id: int | None = 7
    actor_name: str = "Ana"
    action: str = "run.started"
    subject: str = "contoso"
    details: dict[str, Any] = field(default_factory=dict)
    previous: str = ""
    digest: str = ""


def written(entry: Entry) -> Entry:
    return replace(entry, digest=entry_digest(entry))


def a_trail(number: int) -> list[Entry]:
    trail: list[Entry] = []
    for place in range(1, number + 1):
        entry = Entry(
            sequence=place,
            at=START + timedelta(seconds=place),
            details={"run": place, "names": ["a", str(place)]},
            previous=trail[-1].digest if trail else "",
        )
        trail.append(written(entry))
    return trail


def head_of(trail: list[Entry]) -> Head:
    return Head(sequence=trail[-1].sequence, digest=trail[-1].digest) if trail else Head()


OTHER_VALUES: dict[str, Any] = {
    "tenant_id": 2,
    "sequence": 4711,
    "at": START - timedelta(days=1),
    "actor_id": None,
    "actor_name": "Eve",
    "action": "run.cancelled",
    "subject": "fabrikam",
    "details": {"run": -1},
    "previous": "0" * 64,
    "digest": "f" * 64,
}


def edit(trail: list[Entry], chance: random.Random) -> None:
    place = chance.randrange(len(trail))
    name = chance.choice([each.name for each in fields(Entry)])
    changed = replace(trail[place], **{name: OTHER_VALUES[name]})
    trail[place] = written(changed) if name != "digest" and chance.random() < 0.5 else changed


def delete(trail: list[Entry], chance: random.Random) -> None:
    first = chance.randrange(len(trail))
    del trail[first : first + chance.randint(1, 3)]


def cut_off(trail: list[Entry], chance: random.Random) -> None:
    del trail[chance.randrange(len(trail)) :]


def insert(trail: list[Entry], chance: random.Random) -> None:
    place = chance.randint(0, len(trail))
    before = trail[place - 1] if place else Entry()
    forged = Entry(sequence=before.sequence + 1, action="forged", previous=before.digest)
    trail.insert(place, written(forged))


def repeat(trail: list[Entry], chance: random.Random) -> None:
    place = chance.randrange(len(trail))
    trail.insert(place, trail[chance.randrange(len(trail))])


def reorder(trail: list[Entry], chance: random.Random) -> None:
    one, other = chance.sample(range(len(trail)), 2)
    trail[one], trail[other] = trail[other], trail[one]


def renumber(trail: list[Entry], chance: random.Random) -> None:
    """Two entries change places and numbers, each with a digest that fits."""
    one, other = chance.sample(range(len(trail)), 2)
    first, second = trail[one], trail[other]
    trail[one] = written(replace(second, sequence=first.sequence, previous=first.previous))
    trail[other] = written(replace(first, sequence=second.sequence, previous=second.previous))


TAMPERING = (edit, delete, cut_off, insert, repeat, reorder, renumber)


def test_a_trail_that_nobody_touched_holds():
    for number in (0, 1, 2, ENTRIES):
        trail = a_trail(number)
        report = verify_links(trail, head=head_of(trail))
        assert report.intact
        assert report.entries == number


def test_ten_thousand_random_changes_of_a_trail_are_all_found():
    original = a_trail(ENTRIES)
    head = head_of(original)
    chance = random.Random(20261123)  # noqa: S311 - a seed that can be said again
    missed = []
    for number in range(TRIES):
        tamper = TAMPERING[number % len(TAMPERING)]
        trail = list(original)
        tamper(trail, chance)
        if trail == original:
            continue  # the very value that was there
        report = verify_links(trail, head=head)
        if report.intact or report.first_bad is None or not report.reason:
            missed.append((number, tamper.__name__))
    assert missed == []


def test_the_first_entry_that_does_not_hold_is_named():
    trail = a_trail(20)
    changed = [*trail[:9], replace(trail[9], actor_name="Eve"), *trail[10:]]
    report = verify_links(changed, head=head_of(trail))
    assert (report.first_bad, report.reason) == (10, "the entry was changed")

    report = verify_links(trail[:9] + trail[10:], head=head_of(trail))
    assert (report.first_bad, report.reason) == (10, "entry 10 is missing")

    report = verify_links(trail[:-1], head=head_of(trail))
    assert (report.first_bad, report.reason) == (20, "entries are missing at the end")


def test_the_newest_part_is_verified_from_the_entry_before_it():
    trail = a_trail(20)
    after = Head(sequence=15, digest=trail[14].digest)
    assert verify_links(trail[15:], head=head_of(trail), after=after).entries == 5
    assert not verify_links(trail[16:], head=head_of(trail), after=after).intact
    elsewhere = Head(sequence=15, digest="0" * 64)
    assert not verify_links(trail[15:], head=head_of(trail), after=elsewhere).intact


def rewritten(trail: list[Entry], place: int) -> list[Entry]:
    """What somebody with all rights makes of it: one entry changed, all that follow written anew."""
    forged = trail[:place]
    for entry in trail[place:]:
        name = "Eve" if entry.sequence == place + 1 else entry.actor_name
        previous = forged[-1].digest if forged else ""
        forged.append(written(replace(entry, actor_name=name, previous=previous)))
    return forged


@pytest.mark.parametrize("place", [0, 7, 19])
def test_a_trail_rewritten_as_a_whole_is_found_by_an_end_that_was_noted_elsewhere(place: int):
    trail = a_trail(20)
    forged = rewritten(trail, place)
    assert verify_links(forged, head=head_of(forged)).intact, "the limit of what a chain can tell by itself"

    report = verify_links(forged, head=head_of(forged), anchor=head_of(trail))
    assert (report.first_bad, report.reason) == (20, "the entry is not the one that was noted")
    assert verify_links(trail, head=head_of(trail), anchor=head_of(trail)).intact
    shorter = trail[:10]
    assert not verify_links(shorter, head=head_of(shorter), anchor=head_of(trail)).intact
