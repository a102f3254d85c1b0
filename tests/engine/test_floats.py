"""FLOAT inputs are 32-bit floats to expressions, and plain numbers in the journal."""

from decimal import Decimal
from typing import Any

import pytest

from app.engine.floats import with_floats
from app.engine.json import as_json, plain
from app.expressions import Environment, Float32, compile_template
from tests.engine.harness import flow

FLOW = """
id: f
inputs:
  - {id: f, type: FLOAT}
  - {id: deep.er, type: FLOAT}
  - {id: many, type: ARRAY, itemType: FLOAT}
  - {id: i, type: INT}
  - {id: absent, type: FLOAT, required: false}
tasks:
  - {id: a, type: core.log.Log, message: x}
"""
GIVEN = {"f": 3.14159265358979, "deep": {"er": 1.123, "x": 1.5}, "many": [0.1, 2], "i": 4}

SEEN = [
    ("{{ inputs.f }}", "3.1415927"),
    ("{{ inputs.f * 2 }}", "6.2831855"),
    ("{{ inputs.deep.er | toIon }}", "1.1230000257492065e0"),
    ("{{ inputs.deep.er }}", "1.123"),
    ("{{ inputs.deep.x | className }}", "java.lang.Double"),
    ("{{ inputs.many }}", "[0.1,2.0]"),
    ("{{ inputs.i }}", "4"),
    ("{{ inputs.f == 3.1415927410125732 }}", "true"),
]


@pytest.fixture(scope="module")
def inputs() -> Any:
    return with_floats(flow(FLOW).flow.inputs, GIVEN)


@pytest.mark.parametrize(("template", "text"), SEEN)
def test_seen_by_expressions(template: str, text: str, inputs: Any) -> None:
    assert compile_template(template).render({"inputs": inputs}, Environment()) == text


def test_what_was_given_is_not_changed(inputs: Any) -> None:
    assert type(GIVEN["f"]) is float
    assert inputs is not GIVEN
    assert with_floats([], GIVEN) is GIVEN


def test_the_journal_keeps_the_digits() -> None:
    assert as_json({"a": Float32(1.123), "b": [Float32(3.14159265358979)]}) == {
        "a": 1.123,
        "b": [3.1415927],
    }


def test_plain_numbers() -> None:
    assert [plain(each) for each in (Float32(1.123), Decimal("1.5"), 2.5, 3, "x", None)] == [
        1.123, 1.5, 2.5, 3, "x", None,
    ]  # fmt: skip
    assert type(plain(Float32(1.5))) is float
