"""Inputs and outputs of flows, and which changes of them break callers."""

from typing import Any

import pytest

from app.flows.interfaces import breaking_changes, interface_of

DAY = {"id": "day", "type": "DATE"}


def breaks(old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[tuple[str, str]]:
    before, after = ({"inputs": [each] if each else []} for each in (old, new))
    found = breaking_changes(interface_of(before), interface_of(after))
    return [(each.name, each.what) for each in found]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (None, {}, "REQUIRED"),
        (None, {"defaults": "2024-01-01"}, ""),
        (None, {"required": False}, ""),
        (None, {"dependsOn": {"inputs": ["x"]}}, ""),
        ({"required": False}, {}, "REQUIRED"),
        ({"defaults": "x"}, {}, "REQUIRED"),
        ({}, {"defaults": "x"}, ""),
        ({}, None, "REMOVED"),
        ({"type": "INT"}, {"type": "STRING"}, ""),
        ({"type": "INT"}, {"type": "FLOAT"}, ""),
        ({"type": "FLOAT"}, {"type": "INT"}, "TYPE"),
        ({"type": "BOOL"}, {"type": "BOOLEAN"}, ""),
        ({"type": "STRING"}, {"type": "JSON"}, "TYPE"),
        ({"type": "ARRAY", "itemType": "INT"}, {"type": "ARRAY", "itemType": "STRING"}, "TYPE"),
        ({"type": "ENUM", "values": ["a", "b"]}, {"type": "SELECT", "values": ["a", "b", "c"]}, ""),
        ({"type": "SELECT", "values": ["a", "b"]}, {"type": "SELECT", "values": ["a"]}, "NARROWED"),
        (
            {"type": "SELECT", "values": ["a", "b"]},
            {"type": "SELECT", "values": ["a"], "allowCustomValue": True},
            "",
        ),
        ({"type": "INT", "min": 1}, {"type": "INT", "min": 2}, "NARROWED"),
        ({"type": "INT", "min": 2}, {"type": "INT", "min": 1}, ""),
        ({"type": "INT"}, {"type": "INT", "max": 5}, "NARROWED"),
        ({"type": "INT", "max": 5}, {"type": "INT"}, ""),
        ({"type": "STRING"}, {"type": "STRING", "validator": "a+"}, "NARROWED"),
        ({"type": "DATE", "after": "x"}, {"type": "DATE", "after": 1}, "NARROWED"),
    ],
)
def test_inputs(old: dict[str, Any] | None, new: dict[str, Any] | None, what: str) -> None:
    before = {**DAY, **old} if old is not None else None
    after = {**DAY, **new} if new is not None else None
    assert breaks(before, after) == ([("day", what)] if what else [])


def test_a_select_without_values_is_open() -> None:
    closed = {"id": "a", "type": "SELECT", "values": ["x"]}
    assert breaks({"id": "a", "type": "SELECT", "expression": "{{ x }}"}, closed) == [
        ("a", "NARROWED")
    ]


def test_outputs() -> None:
    old = {"outputs": [{"id": "a", "type": "INT"}, {"id": "b"}, {"id": "c", "type": "INT"}]}
    new = {"outputs": [{"id": "a", "type": "STRING"}, {"id": "b", "type": "INT"}, {"id": "d"}]}
    found = breaking_changes(interface_of(old), interface_of(new))
    assert [(each.name, each.what) for each in found] == [
        ("a", "TYPE"),
        ("b", "TYPE"),
        ("c", "REMOVED"),
    ]


def test_whom_a_break_concerns() -> None:
    (required,) = breaking_changes(interface_of({}), interface_of({"inputs": [DAY]}))
    assert required.breaks(frozenset(), ())
    assert required.breaks(None, ())
    assert not required.breaks(frozenset({"day"}), ())
    (removed,) = breaking_changes(interface_of({"inputs": [DAY]}), interface_of({}))
    assert removed.breaks(frozenset({"day"}), ())
    assert not removed.breaks(frozenset({"other"}), ())


def test_what_a_caller_lacks() -> None:
    interface = interface_of(
        {"inputs": [DAY, {"id": "a.b", "type": "INT"}, {"name": "c", "defaults": 1}]}
    )
    assert interface.lacking(frozenset()) == ["day", "a.b"]
    assert interface.lacking(frozenset({"day", "a"})) == []
    assert interface.lacking(None) == []


def test_malformed_declarations_are_left_out() -> None:
    interface = interface_of({"inputs": [1, {"type": "INT"}, None], "outputs": {"a": 1}})
    assert not interface.inputs
    assert not interface.outputs
