"""The texts of validation errors, with Kestra's words where it has some."""

from collections.abc import Mapping
from typing import Final, get_origin

from annotated_types import MinLen
from pydantic_core import ErrorDetails

from app.flows.nodes import properties
from app.flows.problems import Path, printable
from app.flows.typed import Model

BASIC: Final[dict[str, str]] = {
    "text": "a text",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_parsing_size": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
}
"""Errors about the kind of a value, and the kind that is wanted."""

_TEXTS: Final[Mapping[str, str]] = {
    "too_short": "must not be empty",
    "string_too_short": "must not be blank",
    "too_long": "must have at most {max_length} entries",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": 'must match "{pattern}"',
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be less than or equal to {le}",
    "literal_error": "must be {expected}",
    "union_tag_invalid": "Invalid type: {tag}",
    "union_tag_not_found": "Invalid type: null",
}
"""Texts by the kind of error, with what pydantic says about it."""


def messages(
    errors: list[ErrorDetails], path: Path, models: Mapping[Path, type[Model]]
) -> list[str]:
    """Return the texts of all errors at a path; the kinds that are wanted become one text.

    `models` says which model each map of the document is read as.
    """
    kinds = list(dict.fromkeys(BASIC[e["type"]] for e in errors if e["type"] in BASIC))
    others = [error for error in errors if error["type"] not in BASIC]
    texts = [_message(error, path, models) for error in others]
    if kinds:
        null = any(error["input"] is None for error in errors)
        texts.append("must not be null" if null else f"must be {' or '.join(kinds)}")
    return list(dict.fromkeys(texts))


def message_of(error: ErrorDetails) -> str:
    """Return the text of an error outside documents of flows, such as in a body of the API."""
    wanted = BASIC.get(error["type"])
    if wanted is None:
        return _message(error, tuple(error["loc"]), {})
    return "must not be null" if error["input"] is None else f"must be {wanted}"


def _message(error: ErrorDetails, path: Path, models: Mapping[Path, type[Model]]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("too_long", "too_short") and isinstance(error["input"], str):
        kind = f"string_{kind}"
    if kind == "missing":
        return "must not be empty" if _is_list(path, models) else "must not be null"
    if kind == "extra_forbidden":
        return f'Unrecognized field "{printable(str(path[-1]))}"'
    text = _TEXTS[kind].format_map(context) if kind in _TEXTS else error["msg"]
    text = text.removeprefix("Value error, ").replace("Input should be", "must be")
    return printable(text)


def _is_list(path: Path, models: Mapping[Path, type[Model]]) -> bool:
    """Whether the property that is missing is one that needs entries."""
    model = models.get(path[:-1])
    field = properties(model).get(str(path[-1])) if model is not None and path else None
    return (
        field is not None
        and get_origin(field.annotation) is list
        and any(isinstance(item, MinLen) for item in field.metadata)
    )
