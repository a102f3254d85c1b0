"""Outputs: rendered values become what is declared, or the execution fails."""

from typing import Any

import pytest

from app.flows.declarations import Output
from app.flows.outputs import ConversionError, InvalidOutputs, convert, resolve_outputs


def declare(*outputs: dict[str, Any]) -> list[Output]:
    return [Output.model_validate(output) for output in outputs]


def test_outputs_are_converted_and_nested() -> None:
    outputs = declare(
        {"id": "n", "type": "INT", "value": "{{ x }}"},
        {"id": "db.list", "type": "ARRAY", "value": ["{{ x }}"]},
        {"id": "raw", "value": {"a": 1}},
        {"id": "null", "type": "INT", "value": "{{ x }}"},
        {"id": "when", "type": "DATETIME", "value": "x"},
    )
    rendered = {
        "n": "3",
        "db.list": ["a", "b"],
        "raw": {"a": 1},
        "null": None,
        "when": "2024-01-01T00:00:00+01:00",
    }
    assert resolve_outputs(outputs, rendered) == {
        "n": 3,
        "db": {"list": ["a", "b"]},
        "raw": {"a": 1},
        "null": None,
        "when": "2023-12-31T23:00:00Z",
    }


def test_all_that_cannot_be_converted_is_told() -> None:
    outputs = declare(
        {"id": "a", "type": "INT", "value": "x"},
        {"id": "b", "type": "STRING", "value": "x"},
        {"id": "c", "value": "x", "required": True},
    )
    with pytest.raises(InvalidOutputs) as caught:
        resolve_outputs(outputs, {"a": "many", "b": "fine", "c": None})
    assert caught.value.message == (
        "Failed to render output values: `a`: Expected `INT` but received `many` with errors: "
        'For input string: "many", `c`: missing required output'
    )


def test_what_is_kept_of_a_secret() -> None:
    outputs = declare({"id": "s", "type": "SECRET", "value": "x"})
    assert resolve_outputs(outputs, {"s": "x"}, keep_secret=lambda text: f"<{text}>") == {
        "s": "<x>"
    }


def test_an_unknown_type() -> None:
    with pytest.raises(ConversionError, match="Invalid type: FOO"):
        convert("FOO", 1)
