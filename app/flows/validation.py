"""From a raw document to the model, and from pydantic's errors to findings.

Two things are repaired on the way, since only the document knows them: a property that is null is
the same as one that is not there, and a scalar where a text is wanted is taken as it is written.
"""

import itertools
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails, SchemaValidator

from app.flows.findings import Finding
from app.flows.messages import BASIC, messages
from app.flows.nodes import Node, properties
from app.flows.problems import Path
from app.flows.reading import Reading
from app.flows.suggestions import did_you_mean, did_you_mean_type
from app.flows.typed import TYPES, Model
from app.flows.typenames import Types
from app.flows.values import DOCUMENT, scalar_text

MAX_ERRORS: Final = 500
"""More errors than this are not shown."""

_MAX_SUGGESTIONS: Final = 40
_MAX_ROUNDS: Final = 10
_LACKING: Final = frozenset({"missing", "violation"})
"""Kinds of errors that may be about a property which is not there."""

_TEXT_ERRORS: Final = frozenset({"text", "string_type"})


def validate(
    raw: Any, validator: SchemaValidator, types: Types, reading: Reading
) -> tuple[Any, list[Finding]]:
    """Return what a raw value is validated to, None if it has errors, and these.

    The raw value is repaired in place.
    """
    context = {TYPES: types, DOCUMENT: True}
    errors: list[ErrorDetails] = []
    for _ in range(_MAX_ROUNDS):
        try:
            return validator.validate_python(raw, context=context, by_alias=True, by_name=False), []
        except ValidationError as error:
            errors = error.errors(include_url=False)
        if not _repair(raw, errors, reading):
            break
    findings = _findings(raw, errors[: MAX_ERRORS * 4], reading.nodes, types)
    return None, list(itertools.islice(findings, MAX_ERRORS))


def _repair(raw: Any, errors: list[ErrorDetails], reading: Reading) -> bool:
    """Take out nulls and put in texts; return whether anything was changed."""
    nulls = [e["loc"] for e in errors if e["input"] is None and e["type"] != "extra_forbidden"]
    texts = [
        error["loc"]
        for error in errors
        if error["type"] in _TEXT_ERRORS and isinstance(error["input"], bool | int | float)
    ]
    owned = {id(node.raw) for node in reading.nodes} if nulls else set()
    changed = [_drop_null(raw, locate(raw, loc), owned) for loc in nulls]
    changed += [_set_text(raw, locate(raw, loc), reading) for loc in texts]
    return any(changed)


def _drop_null(raw: Any, path: Path, owned: set[int]) -> bool:
    """Take out a property that is null; entries of free maps stay."""
    parent = value_at(raw, path[:-1])
    if path and id(parent) in owned and path[-1] in parent and parent[path[-1]] is None:
        del parent[path[-1]]
        return True
    return False


def _set_text(raw: Any, path: Path, reading: Reading) -> bool:
    value = value_at(raw, path)
    if not isinstance(value, bool | int | float):
        return False  # repaired already: an alias may stand for the same value twice
    text = reading.written(path)
    value_at(raw, path[:-1])[path[-1]] = scalar_text(value) if text is None else text
    return True


def locate(raw: Any, loc: tuple[int | str, ...], *, may_lack: bool = False) -> Path:
    """Return the path in the document of an error's location.

    Pydantic adds the names of union members on the way; they are left out. With `may_lack` the last
    step stays even if it is not in the document: it is the property that is missing.
    """
    path: list[int | str] = []
    value = raw
    last = len(loc) - 1 if may_lack else -1
    for index, step in enumerate(loc):
        if isinstance(value, dict) and isinstance(step, str):
            if step in value:
                value = value[step]
                path.append(step)
            elif index == last:
                path.append(step)
        elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            value = value[step]
            path.append(step)
    return tuple(path)


def value_at(raw: Any, path: Path) -> Any:
    """Return the value at a path, None if the path leads nowhere."""
    for step in path:
        if isinstance(raw, dict):
            raw = raw.get(step)
        elif isinstance(raw, list) and isinstance(step, int) and 0 <= step < len(raw):
            raw = raw[step]
        else:
            return None
    return raw


def _findings(
    raw: Any, errors: list[ErrorDetails], nodes: list[Node], types: Types
) -> Iterator[Finding]:
    models = {node.path: node.model for node in nodes}
    by_path: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        path = locate(raw, error["loc"], may_lack=error["type"] in _LACKING)
        by_path.setdefault(path, []).append(error)
    deeper = {path[:length] for path in by_path for length in range(len(path))}
    for number, (path, group) in enumerate(by_path.items()):
        # if another form of a union got further, what it says counts
        told = [e for e in group if e["type"] not in BASIC] if path in deeper else group
        if told:
            fix = _fix(told[0], path, models, types) if number < _MAX_SUGGESTIONS else ""
            for text in messages(told, path, models):
                yield _finding(path, told[0], text, fix)


def _finding(path: Path, error: ErrorDetails, text: str, fix: str) -> Finding:
    kind = error["type"]
    if kind == "extra_forbidden":
        return Finding(path, "UNKNOWN_PROPERTY", text, fix, at_key=True)
    if kind in ("unknown_type", "union_tag_invalid", "union_tag_not_found"):
        return Finding((*path, "type"), "UNKNOWN_TYPE", text, fix)
    return Finding(path, "SCHEMA", text, fix, at_key=kind == "missing")


def _fix(error: ErrorDetails, path: Path, models: dict[Path, type[Model]], types: Types) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            model = models.get(path[:-1])
            return did_you_mean(str(path[-1]), properties(model)) if model is not None else ""
        case "unknown_type":
            return did_you_mean_type(context["name"], types.names())
        case "union_tag_invalid":
            return did_you_mean(str(context["tag"]), _quoted(context["expected_tags"]))
        case "literal_error" if isinstance(error["input"], str):
            return did_you_mean(error["input"], _quoted(context["expected"]))
        case _:
            return ""


def _quoted(expected: str) -> list[str]:
    """Return the words of pydantic's `'a', 'b' or 'c'`."""
    return expected.split("'")[1::2]
