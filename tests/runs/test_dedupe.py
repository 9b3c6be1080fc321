"""Equal requests have equal keys, different ones different keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenantatlas.runs.dedupe import canonical_params, identity_hash

plain = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=4))
params = st.dictionaries(
    st.text(min_size=1, max_size=4), st.one_of(plain, st.lists(plain, max_size=4)), max_size=4
)


def key(**changes) -> str:
    what = {"tenant_id": 1, "operation": "toy.play", "target": "", "params": {"types": ["a"]}}
    return identity_hash(**{**what, **changes})


@given(params=params, random=st.randoms(use_true_random=False))
def test_the_order_of_keys_and_of_a_scope_does_not_matter(params, random):
    names = list(params)
    random.shuffle(names)
    again = {}
    for name in names:
        value = params[name]
        again[name] = random.sample(value, len(value)) if isinstance(value, list) else value
    assert key(params=params) == key(params=again)


def test_repetitions_in_a_scope_do_not_matter():
    assert key(params={"types": ["a", "b", "a"]}) == key(params={"types": ("b", "a")})


def test_lists_of_objects_keep_their_order():
    first, second = {"id": 1}, {"id": 2}
    assert key(params={"steps": [first, second]}) != key(params={"steps": [second, first]})
    assert canonical_params({"a": [{"b": [2, 1]}]}) == {"a": [{"b": [1, 2]}]}


def test_everything_that_makes_work_different_makes_the_key_different():
    keys = {
        key(),
        key(tenant_id=2),
        key(operation="toy.write"),
        key(target="set/4"),
        key(params={"types": ["b"]}),
        key(params={"types": ["a"], "more": None}),
        key(params={"types": "a"}),
        key(nonce="x"),
        key(nonce="y"),
    }
    assert len(keys) == 9
    assert all(len(one) == 64 for one in keys)


def test_the_key_of_a_request_never_changes():
    """Keys are stored: another formula would let the same work start twice across an upgrade."""
    assert key() == "5ed0c3767bf2d02dee5cefaeb7ad7b08cf527a05f67f97bc08cbfb35dd920f60"
