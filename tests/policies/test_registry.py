from __future__ import annotations

import pytest

from tenantatlas.core.errors import InputError
from tenantatlas.policies import registry

from .builders import a_type


@pytest.fixture
def two_types(monkeypatch):
    catalog = a_type(key="catalog", takes_rest=True)
    baseline = a_type(key="baseline", selects=lambda row: row.get("family") == "baseline")
    plain = a_type(key="plain", path="/beta/plain")
    monkeypatch.setattr(
        registry, "collections", lambda: {"/beta/widgets": (catalog, baseline), "/beta/plain": (plain,)}
    )
    return catalog, baseline, plain


def test_rows_find_their_type(two_types):
    catalog, baseline, plain = two_types
    assert registry.type_of_row("/beta/widgets", {"family": "baseline"}) is baseline
    assert registry.type_of_row("/beta/widgets", {"family": "new"}) is catalog
    assert registry.type_of_row("/beta/plain", {}) is plain
    assert registry.type_of_row("/beta/unknown", {}) is None


def test_rows_that_nobody_selects_have_no_type(monkeypatch):
    picky = a_type(selects=lambda _row: False)
    monkeypatch.setattr(registry, "collections", lambda: {"/beta/widgets": (picky,)})
    assert registry.type_of_row("/beta/widgets", {}) is None


def test_types_come_in_the_order_of_restore():
    found = registry.all_types()
    assert list(found) == sorted(found, key=lambda each: (each.restore.order, each.key))
    assert registry.get_type(found[0].key) is found[0]
    assert {each.key for shared in registry.collections().values() for each in shared} == {
        each.key for each in found
    }


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(InputError) as caught:
        registry.get_type("configurationPolices")
    assert "configurationPolicies" in caught.value.hint
    with pytest.raises(InputError) as caught:
        registry.get_type("zzzzzzzz")
    assert "tenantatlas types" in caught.value.hint
