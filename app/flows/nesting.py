"""Dotted ids: `db.host` stands for the key `host` of the map `db`."""

from collections.abc import Mapping
from typing import Any

_MISSING: Any = object()


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return a map with the dots of its keys unfolded.

    A key that is in the way of an earlier one is left out.
    """
    nested: dict[str, Any] = {}
    made = {id(nested)}  # maps made here, in contrast to maps that are values
    for key, value in flat.items():
        *outer, last = key.split(".")
        inner = nested
        for part in outer:
            found = inner.setdefault(part, _MISSING)
            if found is _MISSING:
                found = inner[part] = {}
                made.add(id(found))
            if id(found) not in made:
                break
            inner = found
        else:
            inner.setdefault(last, value)
    return nested


def lookup(data: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key, written flat or nested; None if there is none."""
    if key in data or "." not in key:
        return data.get(key)
    value: Any = data
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value
