from __future__ import annotations

from tenantatlas.policies import bodies


def test_annotations_go_and_types_and_binds_stay():
    body = {
        "@odata.type": "#microsoft.graph.widget",
        "@odata.context": "u",
        "@odata.id": "u",
        "rows@odata.count": 1,
        "rows@odata.type": "#Collection(String)",
        "parent@odata.bind": "https://graph/x('1')",
        "#microsoft.graph.assign": {},
        "@microsoft.graph.tips": "t",
        "rows": [{"@odata.type": "#r", "x@odata.navigationLink": "u", "y": None}],
    }
    assert bodies.without_noise(body) == {
        "@odata.type": "#microsoft.graph.widget",
        "parent@odata.bind": "https://graph/x('1')",
        "rows": [{"@odata.type": "#r", "y": None}],
    }


def test_nulls_go_from_objects_and_stay_in_lists():
    assert bodies.cleaned({"a": None, "b": [None, {"c": None}], "d": {}}) == {"b": [None, {}], "d": {}}


def test_same_is_strict_about_kinds():
    assert bodies.same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not bodies.same({"a": 1}, {"a": True})
    assert not bodies.same([1, 2], [2, 1])


def test_type_names():
    assert bodies.type_name({"@odata.type": "#microsoft.graph.widget"}) == "widget"
    assert bodies.type_name({}) == ""
    assert bodies.type_name(None) == ""
    assert bodies.type_name({"@odata.type": 1}) == ""
