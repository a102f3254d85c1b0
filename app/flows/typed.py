"""`Model`, what every part of a flow document is made of, and entries that name their own type."""

from collections.abc import Mapping
from inspect import get_annotations
from typing import Any, ClassVar

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    ValidationError,
    ValidationInfo,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

OUTDATED = "$deprecated"
"""Key of the JSON Schema of a property: why it should no longer be used."""

ENTRY = "$entry"
"""Key of the JSON Schema of an entry: the kind of entry it is."""

TYPES = "types"
"""Key of the validation context: the `Types` that entries are looked up in."""


class Model(BaseModel):
    """A part of a flow document: camelCase in YAML, frozen, and no unknown property.

    A document is read with names by alias only; Python code may use the field names.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=False,
        defer_build=True,  # most types are never used; each costs memory and start-up time
    )

    renamed: ClassVar[Mapping[str, str]] = {}
    """Old names of properties that are still read, each with its new name."""

    late: ClassVar[frozenset[str]] = frozenset()
    """Names of dynamic properties that the task renders itself, as it has variables to add."""

    deprecated: ClassVar[str] = ""
    """Why this whole type should no longer be used, and what to use instead."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Share the fields that are inherited as they are: each copy takes a kilobyte."""
        super().__pydantic_init_subclass__(**options)
        own = get_annotations(cls)
        fields = cls.__pydantic_fields__
        for base in reversed(cls.__bases__):  # the first has the last word
            for name, inherited in getattr(base, "__pydantic_fields__", {}).items():
                field = fields.get(name)
                same = field is not None and field.annotation is inherited.annotation
                if same and name not in own:
                    fields[name] = inherited

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema with every name of each property."""
        json_schema = handler(schema)
        found = handler.resolve_ref_schema(json_schema).get("properties", {})
        for field in cls.model_fields.values():
            first, *others = names(field)
            if first in found:
                found |= {name: dict(found[first]) for name in others}
        return json_schema


def names(field: FieldInfo) -> list[str]:
    """Return the names of a property in a document, the one to use first."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices]
    return [str(field.validation_alias or field.alias)]


def outdated(reason: str) -> dict[str, JsonValue]:
    """Return the `json_schema_extra` of a property that should no longer be used.

    Pydantic's own `deprecated` would warn whenever our code reads the property.
    """
    return {OUTDATED: reason}


class Typed(Model):
    """An entry whose `type` says which class it is. The full name is what the instance holds."""

    type_name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()


class ByType:
    """Annotation of an entry: it is validated as the class that its `type` names.

    `kind` is the look-up of `Types` (task, trigger, condition, runner): the context of the
    validation must hold the types under the key `types`. A `table` of classes by name stands in for
    them.
    """

    def __init__(self, kind: str, table: "Mapping[str, type[Model]] | None" = None) -> None:
        """Look entries up as `kind`, or in the `table`."""
        self.kind = kind
        self.table = table

    def __get_pydantic_core_schema__(self, source: Any, _: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any, info: ValidationInfo) -> Any:
            return value if isinstance(value, source) else self._build(value, info.context)

        return core_schema.with_info_plain_validator_function(validate)

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {ENTRY: self.kind}  # the schema of a whole flow puts a reference here

    def _build(self, value: Any, context: Any) -> Any:
        if not isinstance(value, dict):
            raise PydanticCustomError("entry", "must be a map with a type")
        name = value.get("type")
        found = self.find(name, context) if isinstance(name, str) else None
        if found is None:
            shown = "null" if name is None else str(name)
            raise PydanticCustomError("unknown_type", "Invalid type: {name}", {"name": shown})
        full = getattr(found, "type_name", "") or name
        try:
            return found.__pydantic_validator__.validate_python(
                value if name == full else {**value, "type": full},
                context=context,
                by_alias=True,
                by_name=False,
            )
        except ValueError:  # a validation error is one
            raise
        except Exception as error:
            details = {"name": full, "reason": f"{type(error).__name__}: {error}"}
            message = "{name} cannot read this entry: {reason}"
            raise PydanticCustomError("plugin", message, details) from error

    def find(self, name: str, context: Any) -> type[Model] | None:
        """Return the class of a type name, None if there is none."""
        if self.table is not None:
            return self.table.get(name)
        if not context or TYPES not in context:
            raise TypeError("validate with context={'types': …}: entries are looked up by type")
        found: type[Model] | None = getattr(context[TYPES], self.kind)(name)
        return found


def refuse(model: Model, violations: Mapping[str, str]) -> None:
    """Raise a validation error for each violation (property name to message); none: return.

    For validators that run after the properties are read: each error gets its property's place.
    """
    if violations:
        raise ValidationError.from_exception_data(
            type(model).__name__,
            [
                {
                    "type": PydanticCustomError("violation", "{reason}", {"reason": message}),
                    "loc": (type(model).model_fields[name].alias or name,),
                    "input": getattr(model, name, None),
                }
                for name, message in violations.items()
            ],
        )
