"""Differences by meaning."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flows.differences import MASK, differences, documents, safe, same


def told(old: Any, new: Any) -> list[tuple[str, str]]:
    return [(each.path, each.kind) for each in differences(old, new)]


def test_entries_are_matched_by_id() -> None:
    old = {"tasks": [{"id": "a", "x": 1}, {"id": "b", "retry": {"interval": "PT1M"}}]}
    new = {"tasks": [{"id": "b", "retry": {"interval": "PT5M"}}, {"id": "c"}, {"id": "a", "x": 1}]}
    assert told(old, new) == [
        ("tasks[b].retry.interval", "changed"),
        ("tasks[c]", "added"),
        ("tasks", "moved"),
    ]


def test_entries_of_a_dag_and_labels() -> None:
    old = {"tasks": [{"task": {"id": "a"}}], "labels": [{"key": "k", "value": 1}]}
    new = {"tasks": [{"task": {"id": "a", "x": 1}}], "labels": [{"key": "k", "value": 2}]}
    assert told(old, new) == [("tasks[a].task.x", "added"), ("labels[k].value", "changed")]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ({"a": [1, 2]}, {"a": [2, 1]}, "a"),
        ({"a": [{"x": 1}]}, {"a": [{"x": 2}]}, "a[0].x"),
        ({"a": [{"id": "x"}, {"id": "x"}]}, {"a": [{"id": "x"}]}, "a"),
        ({"a": 1}, {"a": True}, "a"),
        ({"a": 1}, {"a": "1"}, "a"),
        ({"a": {}}, {"a": []}, "a"),
        ({"a": None}, {}, "a"),
    ],
)
def test_values(old: Any, new: Any, path: str) -> None:
    assert [each for each, _ in told(old, new)] == [path]


def test_order_of_keys_and_comments_are_form() -> None:
    assert same("a: 1\nb: 2", "# x\nb: 2\na: 1\n")
    assert not same("a: 1", "a: 2")
    assert not same("a: [", "a: [")


def test_documents_that_cannot_be_read() -> None:
    assert documents(None, "a: [") == (None, None)


def test_secrets_are_masked() -> None:
    old = {"password": "abc", "url": "https://x", "apiKey": "{{ secret('K') }}"}
    new = {"password": "def", "url": "https://y", "apiKey": "plain"}
    found = {each.path: (each.before, each.after) for each in differences(old, new)}
    assert found["password"] == (MASK, MASK)
    assert found["url"] == ("https://x", "https://y")
    assert found["apiKey"] == ("{{ secret('K') }}", MASK)
    declared = {"id": "s", "type": "SECRET", "defaults": "abc"}
    (added,) = differences({"inputs": []}, {"inputs": [declared]})
    assert added.after["defaults"] == MASK
    (changed,) = differences({"inputs": [declared]}, {"inputs": [{**declared, "defaults": "d"}]})
    assert (changed.before, changed.after) == (MASK, MASK)
    assert safe({"a": [{"token": "x"}]}) == {"a": [{"token": MASK}]}


def test_numbers_that_are_too_large_become_texts() -> None:
    assert safe([2**63 - 1, 2**63, -(2**64), True, 1.5]) == [
        2**63 - 1,
        str(2**63),
        str(-(2**64)),
        True,
        1.5,
    ]


def test_there_is_an_end() -> None:
    assert len(differences({}, {str(number): 1 for number in range(1_000)})) == 200


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "a", "b", "key"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_no_difference_means_equal(old: Any, new: Any) -> None:
    assert differences(old, old) == []
    found = differences({"x": old}, {"x": new})
    assert bool(found) == (not _equal(old, new))
    back = differences({"x": new}, {"x": old})
    assert len(found) == len(back)


def _equal(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_equal(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_equal, old, new))
    return type(old) is type(new) and bool(old == new)
