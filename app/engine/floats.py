"""32-bit floats: what a FLOAT input is to expressions, though JSON only knows one kind of number.

Kestra's FLOAT is Java's `float`: it prints with fewer digits, and calculates, in 32 bits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.expressions import Float32
from app.flows.declarations import Input

_TYPE = "FLOAT"


def with_floats(declared: Sequence[Input], inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return resolved inputs for expressions: the same, or a copy where FLOAT ones are floats."""
    places = [
        each.id.split(".")
        for each in declared
        if each.type == _TYPE or getattr(each, "item_type", None) == _TYPE
    ]
    for place in places:
        inputs = _changed(inputs, place)
    return inputs


def _changed(inputs: Mapping[str, Any], place: Sequence[str]) -> Mapping[str, Any]:
    name, *rest = place
    value = inputs.get(name)
    if rest:
        made = _changed(value, rest) if isinstance(value, Mapping) else value
    elif isinstance(value, list):
        made = [_as_float(item) for item in value]
    else:
        made = _as_float(value)
    return inputs if made is value else {**inputs, name: made}


def _as_float(value: Any) -> Any:
    return Float32(value) if type(value) in (int, float) else value
