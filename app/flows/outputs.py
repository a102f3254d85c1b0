"""Outputs of a flow: each rendered value is converted to the type that it declares."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.errors import Invalid
from app.flows.convert import ConversionError, convert
from app.flows.declarations import Output
from app.flows.nesting import nest

__all__ = ["ConversionError", "InvalidOutputs", "convert", "resolve_outputs"]


class InvalidOutputs(Invalid):
    """Failed to render output values."""

    code = "INVALID_OUTPUTS"


def resolve_outputs(
    outputs: Sequence[Output],
    rendered: Mapping[str, Any],
    *,
    keep_secret: Callable[[str], Any] = str,
) -> dict[str, Any]:
    """Return the outputs of an execution, dotted ids nested.

    Args:
        outputs: the declared outputs.
        rendered: the rendered value of each, by id.
        keep_secret: makes of a SECRET value what is kept of it.

    Raises:
        InvalidOutputs: with every value that cannot be converted; the execution has failed.
    """
    values: dict[str, Any] = {}
    errors: list[str] = []
    for output in outputs:
        value = rendered.get(output.id)
        try:
            values[output.id] = _converted(output, value, keep_secret)
        except ConversionError as error:
            errors.append(f"`{output.id}`: {error}")
    if errors:
        raise InvalidOutputs(f"Failed to render output values: {', '.join(errors)}")
    return nest(values)


def _converted(output: Output, value: Any, keep_secret: Callable[[str], Any]) -> Any:
    if value is None:
        if output.required:
            raise ConversionError("missing required output")
        return None
    if output.type is None:
        return value
    converted = convert(output.type, value)
    return keep_secret(converted) if output.type == "SECRET" else converted
