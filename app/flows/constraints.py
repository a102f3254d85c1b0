"""What an input demands of its value once it has the right type."""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from app.flows.convert import java_text
from app.flows.declarations import (
    DateInput,
    DatetimeInput,
    DurationInput,
    EnumInput,
    FileInput,
    FloatInput,
    Input,
    IntInput,
    MultiselectInput,
    SecretInput,
    SelectInput,
    StringInput,
    TimeInput,
)
from app.flows.durations import format_duration, parse_duration
from app.flows.patterns import full_match
from app.flows.times import format_instant, format_time, parse_date, parse_instant, parse_time


def violations(declared: Input, value: Any) -> Iterator[str]:
    """Yield what a converted value violates, in Kestra's words."""
    for kind, check in _CHECKS:
        if isinstance(declared, kind):
            yield from check(declared, value)


def _pattern(declared: Any, value: str) -> Iterator[str]:
    if declared.validator is not None and not full_match(declared.validator, value):
        yield f"it must match the pattern `{declared.validator}`"


def _choice(declared: Any, value: str) -> Iterator[str]:
    custom = getattr(declared, "allow_custom_value", False)
    if declared.required and not custom and value not in (declared.values or []):
        yield f"it must match the values `{java_text(declared.values or [])}`"


def _choices(declared: MultiselectInput, value: list[Any]) -> Iterator[str]:
    choices = declared.choices or []
    if not declared.allow_custom_value and any(java_text(item) not in choices for item in value):
        yield f"it must match the values `{java_text(choices)}`"


def _range(declared: Any, value: float) -> Iterator[str]:
    if declared.min is not None and value < declared.min:
        yield f"it must be more than `{declared.min}`"
    if declared.max is not None and value > declared.max:
        yield f"it must be less than `{declared.max}`"


def _length(declared: DurationInput, value: str) -> Iterator[str]:
    duration = parse_duration(value)
    if declared.min is not None and duration < declared.min:
        yield f"It must be more than `{format_duration(declared.min)}`"
    if declared.max is not None and duration > declared.max:
        yield f"It must be less than `{format_duration(declared.max)}`"


def _between(
    parse: Callable[[str], Any], format_: Callable[[Any], str]
) -> Callable[[Any, str], Iterator[str]]:
    """Return the check of a point in time against `after` and `before`."""

    def check(declared: Any, value: str) -> Iterator[str]:
        moment = parse(value)
        if declared.after is not None and moment < declared.after:
            yield f"it must be after `{format_(declared.after)}`"
        if declared.before is not None and moment > declared.before:
            yield f"it must be before `{format_(declared.before)}`"

    return check


def _extension(declared: FileInput, value: str) -> Iterator[str]:
    allowed = declared.allowed_file_extensions
    if allowed and PurePosixPath(value).suffix.lower() not in map(_dotted, allowed):
        yield f"the file must have one of the extensions `{java_text(allowed)}`"


def _dotted(extension: str) -> str:
    return f".{extension.lower().lstrip('.')}"


_CHECKS: Final[tuple[tuple[type[Input], Callable[[Any, Any], Iterator[str]]], ...]] = (
    (StringInput, _pattern),
    (SecretInput, _pattern),
    (EnumInput, _choice),
    (SelectInput, _choice),
    (MultiselectInput, _choices),
    (IntInput, _range),
    (FloatInput, _range),
    (DurationInput, _length),
    (DatetimeInput, _between(parse_instant, format_instant)),
    (DateInput, _between(parse_date, lambda day: day.isoformat())),
    (TimeInput, _between(parse_time, format_time)),
    (FileInput, _extension),
)
