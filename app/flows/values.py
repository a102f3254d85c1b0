"""Kinds of property values: text, durations, and values that may hold an expression.

A property declared `Dynamic[T]` takes a T, or anything that holds a template (`{{ … }}` or
`{% … %}`) anywhere inside. The template is kept as it is written; whoever runs the task renders it
and hands the result to `coerce`, which makes the T of it.
"""

import functools
import json
import operator
import types
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from app.errors import Invalid
from app.flows.durations import format_duration, parse_duration

T = TypeVar("T")

DOCUMENT = "document"
"""Key of the validation context that is set while a YAML document is read: see `Text`."""

TEMPLATE_PATTERN = r".*\{[{%].*"


def scalar_text(value: str | float) -> str:
    """Return the canonical text of a scalar: `true`, `3`, `1.5`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def is_template(value: Any) -> bool:
    """Whether a template stands anywhere in the value: in a text, a list, a map or its keys."""
    if isinstance(value, str):
        return "{" in value and ("{{" in value or "{%" in value)
    if isinstance(value, Mapping):
        return any(is_template(key) or is_template(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return any(map(is_template, value))
    return False


def _scalar_as_text(value: Any, info: ValidationInfo) -> str:
    # While a document is read, the parser answers this error with the text as it was written
    # (`1.10` stays `1.10`); only the parser knows it, by the place of the error.
    if not isinstance(value, bool | int | float) or DOCUMENT in (info.context or {}):
        raise PydanticCustomError("text", "must be a text")
    return scalar_text(value)


class _TextForm:
    """Takes numbers and booleans where a text is wanted."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        text = core_schema.union_schema(
            [
                core_schema.str_schema(strict=True),
                core_schema.with_info_plain_validator_function(_scalar_as_text),
            ],
            mode="left_to_right",  # a text never leaves the compiled validator
            custom_error_type="text",
            custom_error_message="must be a text",
        )
        return core_schema.chain_schema([text, handler(source)])

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema["steps"][-1] if schema["type"] == "chain" else schema)


class _DurationForm:
    """Reads a duration (see `durations`)."""

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _duration,
            serialization=core_schema.plain_serializer_function_ser_schema(format_duration),
        )

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": ["string", "number"], "format": "duration"}


def _duration(value: Any) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, str | int | float | timedelta):
        raise PydanticCustomError("duration", "must be a duration such as PT30S, or seconds")
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PydanticCustomError("duration", "{reason}", {"reason": str(error)}) from None


class _DynamicForm:
    """Keeps a value that holds a template; everything else is validated at once."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        inner = handler(_textual(source))
        if source is str:
            return inner  # a template is a text like any other
        return core_schema.no_info_wrap_validator_function(
            _unless_template, inner, serialization=core_schema.simple_ser_schema("any")
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        if schema["type"] == "function-wrap":
            inner = handler(schema["schema"])
            template = {"type": "string", "pattern": TEMPLATE_PATTERN}
            return {"anyOf": [inner, template], "$dynamic": True}
        return {**handler(schema), "$dynamic": True}


def _unless_template(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
    return value if is_template(value) else validate(value)


Text = Annotated[str, _TextForm()]
"""A text; numbers and booleans are taken by their text, in a document as they are written there."""

Duration = Annotated[timedelta, _DurationForm()]
"""A duration: ISO-8601, or a number of seconds."""

Dynamic = Annotated[T, _DynamicForm()]
"""A value that may hold an expression, to be rendered before use."""


def _textual(annotation: Any) -> Any:
    """Return the annotation with `Text` for every `str`."""
    if annotation is str:
        return Text
    return _rebuild(annotation, _textual)


def _without_dynamic(annotation: Any) -> Any:
    """Return the annotation of a rendered value: no `Dynamic` any more, `Text` for `str`."""
    if annotation is str:
        return Text
    if get_origin(annotation) is Annotated:
        kept = [item for item in annotation.__metadata__ if not isinstance(item, _DynamicForm)]
        if len(kept) < len(annotation.__metadata__) and not kept:
            return _without_dynamic(annotation.__origin__)
    return _rebuild(annotation, _without_dynamic)


def _rebuild(annotation: Any, change: Any) -> Any:
    origin = get_origin(annotation)
    if origin is Annotated:
        if any(isinstance(item, _TextForm) for item in annotation.__metadata__):
            return annotation
        kept = tuple(i for i in annotation.__metadata__ if not isinstance(i, _DynamicForm))
        return Annotated[(change(annotation.__origin__), *kept)] if kept else annotation
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, map(change, get_args(annotation)))
    if origin in (list, dict, tuple, set):
        return origin[tuple(item if item is ... else change(item) for item in get_args(annotation))]
    return annotation


def _is_dynamic(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated and any(
        isinstance(item, _DynamicForm) for item in annotation.__metadata__
    ):
        return True
    return any(map(_is_dynamic, get_args(annotation)))


def _annotation(field: FieldInfo) -> Any:
    """Return the annotation of a field with its metadata, as the class body has it."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


@functools.cache
def dynamic_fields(model: type[BaseModel]) -> Mapping[str, TypeAdapter[Any]]:
    """Return the dynamic fields of a model: name to the adapter of a rendered value."""
    annotations = {name: _annotation(field) for name, field in model.model_fields.items()}
    return types.MappingProxyType(
        {
            name: TypeAdapter(_without_dynamic(annotation))
            for name, annotation in annotations.items()
            if _is_dynamic(annotation)
        }
    )


def rendered_value(owner: type[BaseModel], name: str, rendered: Any) -> Any:
    """Return the value of a dynamic property that was rendered.

    Raises:
        Invalid: what came out is no value for the property.
    """
    try:
        return coerce(dynamic_fields(owner)[name], rendered)
    except ValidationError as error:
        alias = owner.model_fields[name].alias or name
        first = error.errors(include_url=False)[0]["msg"]
        message = f"property `{alias}` cannot be {rendered!r}: {first}"
        raise Invalid(message) from error


def coerce(adapter: TypeAdapter[T], rendered: Any) -> T:
    """Make the wanted value of a rendered one: `"3"` an int, `"PT1S"` a duration, JSON text a list.

    What an expression that gave null has left, nothing, is null where that is allowed.

    Raises:
        pydantic.ValidationError: the rendered value is no such value.
    """
    try:
        return adapter.validate_python(rendered)
    except ValidationError:
        parsed = _parsed(rendered)
        if isinstance(parsed, str):
            raise
        try:
            return adapter.validate_python(parsed)
        except ValidationError:
            if parsed is not None:
                raise
        raise


def _parsed(rendered: Any) -> Any:
    """Return what a text means as JSON; itself when it means nothing."""
    if not isinstance(rendered, str):
        return ""
    if not rendered.strip():
        return None
    try:
        return json.loads(rendered)
    except (ValueError, RecursionError):
        return rendered
