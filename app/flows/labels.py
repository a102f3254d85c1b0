"""Labels: key and value texts, written as a map or as a list of `{key, value}`."""

from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from app.flows.typed import Model
from app.flows.values import Text

SYSTEM = "system."
"""Keys with this start belong to the system."""

ALLOWED = frozenset({"system.readOnly", "system.renamedFrom", "system.revision"})
"""The system labels that a flow may set itself."""


class Label(Model):
    """One label."""

    key: Annotated[Text, Field(min_length=1)] = Field(description="The key of the label.")
    value: Text = Field(description="The value of the label; numbers and booleans by their text.")


class _LabelForms:
    """Takes a map or a list; keeps a list."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        by_key = core_schema.no_info_after_validator_function(
            _from_map, handler.generate_schema(dict[str, Text])
        )
        return core_schema.tagged_union_schema(
            {"map": by_key, "list": handler(source)},
            discriminator=lambda value: "map" if isinstance(value, dict) else "list",
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        scalar = {"type": ["string", "number", "boolean"]}
        listed = handler(schema["choices"]["list"])
        return {"oneOf": [{"type": "object", "additionalProperties": scalar}, listed]}


def _from_map(labels: dict[str, str]) -> list[Label]:
    return [Label(key=key, value=value) for key, value in labels.items()]


Labels = Annotated[list[Label], _LabelForms()]
"""Labels in the order of the document."""


def label_map(labels: list[Label]) -> dict[str, str]:
    """Return labels as a map, in their order; the first of two with the same key counts."""
    return dict(reversed({label.key: label.value for label in reversed(labels)}.items()))
