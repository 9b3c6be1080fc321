"""Which policy of an earlier state is which one of a later state."""

from __future__ import annotations

import random

import pytest

from tenantatlas.policies.succession import Made, kin, pair

A, B, C, D, E = "ABCDE"


@pytest.mark.parametrize(
    ("earlier", "later", "made", "expected"),
    [
        pytest.param(A, A, [], {A: A}, id="the same id"),
        pytest.param(A, B, [], {}, id="nothing says that they are one"),
        pytest.param(A, B, [(A, B)], {A: B}, id="made again"),
        pytest.param(A, A + B, [(A, B)], {A: A}, id="the same id goes before what was made from it"),
        pytest.param(A + B, A + B, [(A, B)], {A: A, B: B}, id="both are in both"),
        pytest.param(A + B, B, [(A, B)], {B: B}, id="one policy stands for one only"),
        pytest.param(A, C, [(A, B), (B, C)], {A: C}, id="made again twice"),
        pytest.param(B, C, [(A, B), (A, C)], {B: C}, id="both were made from one that is gone"),
        pytest.param(B, A, [(A, B)], {B: A}, id="the first is back"),
        pytest.param(A, B + C, [(A, B), (A, C)], {A: C}, id="the one made last is it"),
        pytest.param(A, B + C, [(A, C), (A, B)], {A: B}, id="last by when, not by name"),
        pytest.param(
            A + B, D + E, [(A, B), (A, D), (B, E)], {A: D, B: E}, id="its own descendant goes before others"
        ),
        pytest.param(A, B, [(A, C), (D, B)], {}, id="of another family"),
        pytest.param(A, B, [(A, C), (C, A), (A, B)], {A: B}, id="a circle ends"),
        pytest.param("", A, [(B, A)], {}, id="nothing before"),
    ],
)
def test_pairs(earlier: str, later: str, made: Made, expected: dict[str, str]) -> None:
    assert pair(earlier, later, made) == expected


def test_the_order_of_the_ids_says_nothing_and_nothing_is_paired_twice() -> None:
    rng = random.Random(7)  # noqa: S311 - a reproducible table
    for _ in range(300):
        ids = [str(number) for number in range(12)]
        made = [(rng.choice(ids), rng.choice(ids)) for _ in range(rng.randrange(12))]
        earlier, later = rng.sample(ids, 6), rng.sample(ids, 6)

        found = pair(earlier, later, made)

        assert found == pair(sorted(earlier), sorted(later, reverse=True), made)
        assert found.keys() <= set(earlier)
        assert set(found.values()) <= set(later)
        assert len(set(found.values())) == len(found)
        assert all(now in kin(was, made) for was, now in found.items())


def test_kin_are_all_ids_that_one_policy_had() -> None:
    made = [(A, B), (B, C), (D, E)]

    assert [kin(graph_id, made) for graph_id in (A, C, D)] == [{A, B, C}, {A, B, C}, {D, E}]
    assert kin("other", made) == {"other"}
