"""SOPS documents written in JSON: one map, without comments."""

import json
from typing import Any, Final

from app.secrets.errors import Malformed
from app.secrets.tree import Branch, Comment, Entry, Timestamp, Value

MAX_DEPTH: Final = 64
_EXACT: Final = 2**53


def read_json(text: str) -> Branch:
    """Return the map of a JSON text; raises `Malformed`."""
    try:
        value = json.loads(
            text,
            object_pairs_hook=_branch,
            parse_constant=_refuse_constant,
        )
    except RecursionError:
        raise Malformed("The file is nested too deeply") from None
    except ValueError:
        raise Malformed("The file is not valid JSON") from None
    if not isinstance(value, Branch):
        raise Malformed("The file is not a map")
    made = _listed(value, 0)
    assert isinstance(made, Branch)  # noqa: S101 - a map stays a map
    return made


def _branch(pairs: list[tuple[str, Any]]) -> Branch:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Malformed("A key of the file is there twice")
    return Branch(tuple(Entry(key, value) for key, value in pairs))


def _refuse_constant(_: str) -> Any:
    raise Malformed("The file holds a number that JSON does not know")


def _listed(value: Any, depth: int) -> Value:
    """Turn the lists into tuples."""
    if depth > MAX_DEPTH:
        raise Malformed(f"The file is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Branch):
        pairs = [(str(_checked(key)), _listed(item, depth + 1)) for key, item in value.entries]
        return Branch(tuple(Entry(key, item) for key, item in pairs))
    if isinstance(value, list):
        return tuple(_listed(item, depth + 1) for item in value)
    return _checked(value)


def _checked(value: Any) -> Value:
    """Return a scalar that can be written as UTF-8."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Malformed("The file holds half of a character") from None
    found: Value = value
    return found


def floats(value: Value) -> Value:
    """Return a value as a SOPS before 3.13.2 sees it: its whole numbers are floats.

    This matters beyond 2^53 only, where a float is another number.
    """
    if isinstance(value, Branch):
        return Branch(tuple(Entry(key, floats(item)) for key, item in value.entries))
    if isinstance(value, tuple):
        return tuple(floats(item) for item in value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return float(value)
    return value


def write_json(branch: Branch) -> str:
    """Return a map as JSON; comments are left out, times become texts."""
    return json.dumps(_jsonable(branch), indent="\t", ensure_ascii=False) + "\n"


def _jsonable(value: Value) -> Any:
    if isinstance(value, Branch):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_jsonable(item) for item in value if not isinstance(item, Comment)]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value.text if isinstance(value, Timestamp) else value
