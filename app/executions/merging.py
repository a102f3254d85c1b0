"""Nested maps as executions keep them: one laid over another, a value taken out by its path."""

from collections.abc import Mapping
from typing import Any


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with `above` laid over it: maps deeply, everything else is replaced."""
    result = dict(below)
    for key, value in above.items():
        present = result.get(key)
        if isinstance(present, Mapping) and isinstance(value, Mapping):
            result[key] = merged(present, value)
        else:
            result[key] = value
    return result


def without(tree: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return `tree` without the value at `name` (dots nest), None when there is no such value."""
    if name in tree:
        return {key: value for key, value in tree.items() if key != name}
    first, dot, rest = name.partition(".")
    inner = tree.get(first) if dot else None
    if not isinstance(inner, Mapping):
        return None
    reduced = without(inner, rest)
    return None if reduced is None else {**tree, first: reduced}
