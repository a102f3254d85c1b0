"""Property kinds for dates, times of the day and instants, read and printed as Java does."""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from app.flows.times import format_instant, format_time, parse_date, parse_instant, parse_time


class _TemporalForm:
    """Reads a text by `parse`, keeps what it means, and prints it by `format`."""

    def __init__(
        self, parse: Callable[[str], Any], format_: Callable[[Any], str], kind: str, example: str
    ) -> None:
        self._parse = parse
        self._format = format_
        self._kind = kind
        self._example = example

    def __get_pydantic_core_schema__(self, source: Any, _: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any) -> Any:
            if type(value) is source:
                return value
            try:
                return self._parse(value if isinstance(value, str) else "")
            except ValueError:
                details = {"kind": self._kind.removeprefix("partial-"), "example": self._example}
                message = "must be a {kind} such as {example}"
                raise PydanticCustomError("temporal", message, details) from None

        return core_schema.no_info_plain_validator_function(
            validate, serialization=core_schema.plain_serializer_function_ser_schema(self._format)
        )

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "format": self._kind}


LocalDate = Annotated[date, _TemporalForm(parse_date, date.isoformat, "date", "2024-12-31")]
"""A date without a zone."""

LocalTime = Annotated[time, _TemporalForm(parse_time, format_time, "partial-time", "10:30:00")]
"""A time of the day without a zone."""

Instant = Annotated[
    datetime, _TemporalForm(parse_instant, format_instant, "date-time", "2024-12-31T23:59:59Z")
]
"""A point in time."""
