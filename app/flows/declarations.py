"""What a flow declares about its inputs and outputs: one class for each type of input."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AliasChoices, Field, model_validator

from app.flows.names import InputId
from app.flows.patterns import check_pattern
from app.flows.temporal import Instant, LocalDate, LocalTime
from app.flows.typed import ByType, Model, outdated, refuse
from app.flows.values import Duration, Text

ItemType = Literal[
    "STRING",
    "ENUM",
    "SELECT",
    "INT",
    "FLOAT",
    "BOOLEAN",
    "BOOL",
    "DATETIME",
    "DATE",
    "TIME",
    "DURATION",
    "FILE",
    "JSON",
    "YAML",
    "URI",
    "EMAIL",
    "SECRET",
    "ARRAY",
    "MULTISELECT",
    "ION",
    "OBJECT",
]
"""A type that single values, elements of lists and outputs are converted to."""


class DependsOn(Model):
    """When an input exists: the inputs it needs, and a condition on them."""

    inputs: list[Text] = Field(
        default_factory=list, description="Ids of inputs that must exist themselves."
    )
    condition: Text | None = Field(
        None, description="An expression; the input exists only if it is the boolean true."
    )


class Input(Model):
    """What all inputs have in common. Each type of input is a subclass."""

    renamed: ClassVar[Mapping[str, str]] = {"name": "id"}

    id: InputId = Field(
        validation_alias=AliasChoices("id", "name"), description="The id of the input; dots nest."
    )
    type: Text = Field(description="The type of the input.")
    description: Text | None = Field(None, description="What the input is for, in Markdown.")
    display_name: Text | None = Field(None, max_length=64, description="The name shown to people.")
    required: bool = Field(default=True, description="Whether there must be a value.")
    defaults: Any = Field(None, description="The value if none is given; may be an expression.")
    prefill: Any = Field(None, description="A value that is proposed and may be cleared.")
    depends_on: DependsOn | None = Field(None, description="When the input exists.")


class TextInput(Input):
    """What the inputs with a text as their default have in common."""

    defaults: Text | None = Field(
        None, description="The value if none is given; may be an expression."
    )
    prefill: Text | None = Field(None, description="A value that is proposed and may be cleared.")


class _Validated(TextInput):
    validator: Text | None = Field(
        None, description="A regular expression that the whole value must match."
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.validator is not None:
            try:
                check_pattern(self.validator)
            except ValueError as error:
                refuse(self, {"validator": str(error)})
        return self


class StringInput(_Validated):
    """A text."""


class SecretInput(_Validated):
    """A text that is kept encrypted and never shown."""


class EmailInput(TextInput):
    """An e-mail address."""


class UriInput(TextInput):
    """A URI with a host."""


class EnumInput(TextInput):
    """One of several texts."""

    deprecated: ClassVar[str] = "use SELECT"

    values: list[Text] = Field(description="The texts to choose from.")


class SelectInput(TextInput):
    """One of several texts, given or computed."""

    values: list[Text] | None = Field(None, description="The texts to choose from.")
    expression: Text | None = Field(None, description="An expression that yields the texts.")
    allow_custom_value: bool = Field(default=False, description="Whether other texts may be given.")
    is_radio: bool = Field(default=False, description="Show radio buttons.")
    auto_select_first: bool = Field(default=False, description="Choose the first by default.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        refuse(self, _one_of(self, "values", "expression"))
        return self


class MultiselectInput(Input):
    """Several of several texts, given or computed."""

    renamed: ClassVar[Mapping[str, str]] = {**Input.renamed, "options": "values"}

    defaults: list[Text] | Text | None = Field(
        None, description="The values if none are given; may be an expression."
    )
    prefill: list[Text] | Text | None = Field(
        None, description="Values that are proposed and may be cleared."
    )
    values: list[Text] | None = Field(None, description="The texts to choose from.")
    options: list[Text] | None = Field(
        None, json_schema_extra=outdated("use values"), description="The texts to choose from."
    )
    expression: Text | None = Field(None, description="An expression that yields the texts.")
    item_type: ItemType = Field("STRING", description="The type of each value.")
    allow_custom_value: bool = Field(default=False, description="Whether other texts may be given.")
    auto_select_first: bool = Field(default=False, description="Choose the first by default.")

    @property
    def choices(self) -> list[str] | None:
        """The texts to choose from, by either of their names."""
        return self.values if self.values is not None else self.options

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.values is not None and self.options is not None:
            refuse(self, {"options": "`values` and `options` cannot both be set"})
        refuse(self, _one_of(self, "values" if self.options is None else "options", "expression"))
        return self


def _one_of(model: Input, values: str, expression: str) -> dict[str, str]:
    """Return the violation unless exactly one of both is there, or none is needed."""
    given = [getattr(model, name) is not None for name in (values, expression)]
    if all(given):
        return {expression: f"`{values}` and `{expression}` cannot both be set"}
    if not any(given) and not getattr(model, "allow_custom_value", False):
        return {values: f"`{values}` or `{expression}` must be set"}
    return {}


class IntInput(Input):
    """An integer of 32 bits."""

    min: int | None = Field(None, description="The lowest value allowed.")
    max: int | None = Field(None, description="The highest value allowed.")


class FloatInput(Input):
    """A number."""

    min: float | None = Field(None, description="The lowest value allowed.")
    max: float | None = Field(None, description="The highest value allowed.")


class BooleanInput(Input):
    """True or false."""


class DatetimeInput(TextInput):
    """An instant, such as `2024-12-31T23:59:59Z`."""

    after: Instant | None = Field(None, description="The value is later than this.")
    before: Instant | None = Field(None, description="The value is earlier than this.")


class DateInput(TextInput):
    """A date, such as `2024-12-31`."""

    after: LocalDate | None = Field(None, description="The value is later than this.")
    before: LocalDate | None = Field(None, description="The value is earlier than this.")


class TimeInput(TextInput):
    """A time of the day, such as `10:30:00`."""

    after: LocalTime | None = Field(None, description="The value is later than this.")
    before: LocalTime | None = Field(None, description="The value is earlier than this.")


class DurationInput(TextInput):
    """A duration, such as `PT30S`."""

    min: Duration | None = Field(None, description="The shortest value allowed.")
    max: Duration | None = Field(None, description="The longest value allowed.")


class FileInput(TextInput):
    """A file; its value is a URI of the internal storage."""

    extension: Text = Field(".upl", description="The extension of the stored file.")
    allowed_file_extensions: list[Text] | None = Field(
        None, description="Extensions that uploaded files may have."
    )


class DocumentInput(Input):
    """Any value, given as such or as JSON text (JSON, ION, OBJECT, TABLE, FORM), or YAML text."""


class ArrayInput(Input):
    """A list, each element of one type."""

    item_type: ItemType = Field(description="The type of each element.")

    @model_validator(mode="after")
    def _flat(self) -> Self:
        if self.item_type == "ARRAY":
            refuse(self, {"item_type": "`itemType` cannot be `ARRAY`"})
        return self


INPUT_TYPES: Final[Mapping[str, type[Input]]] = {
    "STRING": StringInput,
    "ENUM": EnumInput,
    "SELECT": SelectInput,
    "MULTISELECT": MultiselectInput,
    "INT": IntInput,
    "FLOAT": FloatInput,
    "BOOLEAN": BooleanInput,
    "BOOL": BooleanInput,
    "DATETIME": DatetimeInput,
    "DATE": DateInput,
    "TIME": TimeInput,
    "DURATION": DurationInput,
    "FILE": FileInput,
    "JSON": DocumentInput,
    "YAML": DocumentInput,
    "URI": UriInput,
    "EMAIL": EmailInput,
    "SECRET": SecretInput,
    "ARRAY": ArrayInput,
    "FORM": DocumentInput,
    "ION": DocumentInput,
    "OBJECT": DocumentInput,
    "TABLE": DocumentInput,
}
"""The class of each type of input."""

Inputs = Annotated[list[Annotated[Input, ByType("input", INPUT_TYPES)]], Field()]
"""Inputs, each validated as the type it names."""


class Output(Model):
    """One value that an execution returns."""

    id: InputId = Field(description="The id of the output; dots nest.")
    type: ItemType | None = Field(None, description="The type the value is converted to.")
    value: Any = Field(description="The value, usually with expressions inside.")
    description: Text | None = Field(None, description="What the output is, in Markdown.")
    display_name: Text | None = Field(None, max_length=64, description="The name shown to people.")
    required: bool | None = Field(None, description="Whether there must be a value.")
