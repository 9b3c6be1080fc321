"""Values as both databases keep them."""

from tenantatlas.core.json import Number, storable, storable_text


def test_text_that_a_database_refuses_is_replaced() -> None:
    assert storable_text("a\x00b\ud800c") == "a\ufffdb?c"


def test_values_keep_their_shape() -> None:
    value = {"n\x00": [Number("1.10"), 1, True, None, ("x",)]}

    assert storable(value) == {"n\ufffd": ["1.10", 1, True, None, ["x"]]}
