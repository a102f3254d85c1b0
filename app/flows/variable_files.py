"""`variables.yaml`: what flows of a namespace and below it read as `namespace.…`. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.errors import Invalid
from app.flows.yaml import YamlError, decode, load


def variables_of(source: bytes, path: str) -> Mapping[str, Any]:
    """Return the variables in a file.

    Raises:
        Invalid: when it is no YAML map; the message names `path`.
    """
    try:
        value = load(decode(source)).value
    except YamlError as error:
        message = f"{path}: {error.message} (line {error.line}): correct the file"
        raise Invalid(message) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        message = f"{path} is no map of variables: correct the file"
        raise Invalid(message)
    return {str(key): item for key, item in value.items()}


def inherited(files: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return variables merged deeply; `files` from the tenant's down to the namespace's."""
    found: Mapping[str, Any] = {}
    for each in files:
        found = _over(found, each)
    return found


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay variables over others: maps deeply, everything else is replaced."""
    result = dict(below)
    for key, value in above.items():
        present = result.get(key)
        both = isinstance(present, Mapping) and isinstance(value, Mapping)
        result[key] = _over(present, value) if both else value  # type: ignore[arg-type]  # `both`
    return result
