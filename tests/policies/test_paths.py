from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenantatlas.policies import paths

BODY = {
    "name": "x",
    "tags": ["0", "7"],
    "settings": [
        {"id": "0", "inner": {"@odata.type": "#a", "children": [{"id": "c", "children": []}]}},
        {"id": None},
    ],
    "name@odata.context": "u",
    "#microsoft.graph.assign": {},
}


def found(path):
    return [(place.path, place.value) for place in paths.find(BODY, path)]


def test_leads_to_properties_rows_and_names_with_a_star():
    assert found("name") == [("name", "x")]
    assert found("tags[]") == [("tags[0]", "0"), ("tags[1]", "7")]
    assert found("tags[1]") == [("tags[1]", "7")]
    assert found("settings[].id") == [("settings[0].id", "0"), ("settings[1].id", None)]
    assert found("settings[0].inner.@odata.type") == [("settings[0].inner.@odata.type", "#a")]
    assert found("*@odata.context") == [("name@odata.context", "u")]
    assert found("#microsoft.graph.*") == [("#microsoft.graph.assign", {})]
    assert [path for path, _ in found("*")] == list(BODY)


def test_leads_nowhere_where_shapes_differ():
    assert found("tags.id") == []
    assert found("settings.id") == []
    assert found("name[]") == []
    assert found("name.id") == []
    assert found("missing.id") == []
    assert paths.find("text", "t") == ()
    assert paths.value_at(7, "x") is None


def test_any_depth_includes_the_top():
    assert sorted(path for path, _ in found("**.id")) == [
        "settings[0].id",
        "settings[0].inner.children[0].id",
        "settings[1].id",
    ]
    assert sorted(path for path, _ in found("settings[].**.children")) == [
        "settings[0].inner.children",
        "settings[0].inner.children[0].children",
    ]
    assert found("**.name") == [("name", "x")]


def test_a_place_knows_its_object_and_depth():
    (place,) = paths.find(BODY, "settings[].inner.children[].id")
    assert place.owner == {"id": "c", "children": []}
    assert place.depth == 6
    (row,) = paths.find(BODY, "tags[0]")
    assert row.owner is BODY


def test_values():
    assert paths.values(BODY, "tags[]") == ("0", "7")
    assert paths.value_at(BODY, "settings[0].inner.children[0].id") == "c"
    assert paths.value_at(BODY, "nothing") is None


def test_remove_leaves_the_original_alone():
    result = paths.remove(BODY, ("tags[]", "settings[].inner", "**.@odata.type", "name*"))
    assert result == {"tags": [], "settings": [{"id": "0"}, {"id": None}], "#microsoft.graph.assign": {}}
    assert BODY["tags"] == ["0", "7"]


def test_patterns_describe_steps():
    matches = [
        ("settings", "settings"),
        ("**.children", "a[].b.children"),
        ("**.children", "children"),
        ("settings[].**.value", "settings[].value"),
        ("*Context", "theContext"),
    ]
    differs = [("settings", "settings[]"), ("settings[].id", "settings.id"), ("a", "b"), ("a.b", "a")]
    for pattern, steps in matches:
        assert paths.tokens_match(paths.parse(pattern), paths.parse(steps)), pattern
    for pattern, steps in differs:
        assert not paths.tokens_match(paths.parse(pattern), paths.parse(steps)), pattern


NAMES = st.sampled_from(["a", "b", "id", "children", "x@odata.type"])
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
PATTERNS = st.lists(st.sampled_from(["a", "b", "**", "id", "c*", "*n"]), min_size=1, max_size=3).map(
    lambda parts: ".".join([*parts, "id"])
)


@given(JSON, PATTERNS)
def test_find_and_match_agree(body, path):
    places = paths.find(body, path)
    for place in places:
        steps = tuple("[]" if isinstance(step, int) else step for step in place.where)
        assert paths.tokens_match(paths.parse(path), steps)
        assert place.holder[place.key] is place.value
    assert paths.find(paths.remove(body, (path,)), path) == ()


@given(JSON)
def test_a_copy_is_equal_and_shares_nothing(body):
    copy = paths.copied(body)
    assert copy == body
    if isinstance(body, dict | list) and body:
        copy.clear()
        assert body
