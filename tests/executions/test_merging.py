"""Nested maps: laid over each other, and reduced."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.executions.merging import merged, without

TREES = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
).filter(lambda tree: isinstance(tree, dict))


@given(below=TREES, above=TREES)
def test_what_lies_above_is_seen(below: Any, above: Any) -> None:
    before = repr(below), repr(above)
    both = merged(below, above)
    assert merged(both, above) == both
    assert set(both) == {*below, *above}
    for key, value in above.items():
        if not (isinstance(value, dict) and isinstance(below.get(key), dict)):
            assert both[key] == value
    assert (repr(below), repr(above)) == before


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("a", {"b": {"c": {"d": 1}, "e": 2}, "x.y": 3}),
        ("b.c.d", {"a": 0, "b": {"c": {}, "e": 2}, "x.y": 3}),
        ("b.c", {"a": 0, "b": {"e": 2}, "x.y": 3}),
        ("x.y", {"a": 0, "b": {"c": {"d": 1}, "e": 2}}),
        ("z", None),
        ("a.b", None),
        ("b.z", None),
        ("", None),
    ],
)
def test_a_value_is_taken_out_by_its_name(name: str, left: Any) -> None:
    tree = {"a": 0, "b": {"c": {"d": 1}, "e": 2}, "x.y": 3}
    assert without(tree, name) == left
    assert tree == {"a": 0, "b": {"c": {"d": 1}, "e": 2}, "x.y": 3}
