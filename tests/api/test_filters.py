"""Filters of later versions: read from keys, applied to things in memory."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.filters import OPERATIONS, Group, Leaf, holds, read_filters
from app.errors import BadRequest


def read(text: str) -> Group:
    return read_filters(parse_qsl(text, keep_blank_values=True))


def test_the_flat_form() -> None:
    asked = read("page=1&filters[flowId][EQUALS]=a&filters[labels][EQUALS][team]=b")
    assert asked == Group(
        "and", [Leaf("flowId", "EQUALS", "a"), Leaf("labels", "EQUALS", "b", "team")]
    )


def test_groups() -> None:
    one = read("filters[or][0][flowId][EQUALS]=a&filters[or][1][state][IN]=X,Y")
    assert one.children == [
        Group("or", [Leaf("flowId", "EQUALS", "a"), Leaf("state", "IN", "X,Y")])
    ]
    nested = read(
        "filters[and][0][a][EQUALS]=1"
        "&filters[and][1][or][0][b][EQUALS]=2&filters[and][1][or][1][b][EQUALS]=3"
        "&filters[and][2][or][0][c][EQUALS]=4"
    )
    (outer,) = nested.children
    assert isinstance(outer, Group)
    assert [len(each.children) for each in outer.children[1:] if isinstance(each, Group)] == [2, 1]


@pytest.mark.parametrize(
    "key",
    [
        "filters[]",
        "filters[a]",
        "filters[a][LIKE]",
        "filters[a][equals]",
        "filters[a][EQUALS][b][c]",
        "filters[a][EQUALS",
        "filters[a]EQUALS]",
        "filters[and]",
        "filters[and][0]",
        "filters[and][0][or][0][and][0][a][EQUALS]",
    ],
)
def test_what_is_no_filter(key: str) -> None:
    with pytest.raises(BadRequest, match=r"filter|operation"):
        read_filters([(key, "x")])


def test_there_is_a_limit() -> None:
    with pytest.raises(BadRequest, match="more than 100"):
        read_filters([("filters[a][EQUALS]", "x")] * 101)


@pytest.mark.parametrize(
    ("operation", "value", "matching"),
    [
        ("EQUALS", "a.b", {"a.b"}),
        ("NOT_EQUALS", "a.b", {"a", "A.b.c", "ab"}),
        ("IN", "a,ab", {"a", "ab"}),
        ("NOT_IN", "a,ab", {"a.b", "A.b.c"}),
        ("CONTAINS", ".B", {"a.b", "A.b.c"}),
        ("NOT_CONTAINS", ".B", {"a", "ab"}),
        ("STARTS_WITH", "a", {"a", "a.b", "ab"}),
        ("ENDS_WITH", "b", {"a.b", "ab"}),
        ("PREFIX", "a", {"a", "a.b"}),
        ("GREATER_THAN", "a.b", {"ab"}),
        ("LESS_THAN_OR_EQUAL_TO", "a", {"a", "A.b.c"}),
    ],
)
def test_operations(operation: str, value: str, matching: set[str]) -> None:
    things = {"a", "a.b", "A.b.c", "ab"}
    leaf = Leaf("x", operation, value)
    assert {each for each in things if holds(leaf, lambda _, each=each: [each])} == matching


def test_groups_hold() -> None:
    yes, no = Leaf("x", "EQUALS", "1"), Leaf("x", "EQUALS", "2")

    def values(_: Leaf) -> list[str]:
        return ["1"]

    assert holds(Group("and", [yes, Group("or", [no, yes])]), values)
    assert not holds(Group("and", [yes, no]), values)
    assert not holds(Group("or", [no]), values)
    assert holds(Group("and", []), values)


_steps = st.one_of(
    st.sampled_from([*sorted(OPERATIONS), "and", "or", "0", "1", "flowId"]), st.text(max_size=4)
)


@given(st.lists(st.tuples(st.lists(_steps, max_size=8), st.text(max_size=5)), max_size=8))
def test_any_key_is_read_or_refused(keys: list[tuple[list[str], str]]) -> None:
    query = [("filters" + "".join(f"[{step}]" for step in steps), value) for steps, value in keys]
    try:
        asked = read_filters(query)
    except BadRequest:
        return
    holds(asked, lambda leaf: [leaf.value])
