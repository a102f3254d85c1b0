"""What a flow declares about its inputs and outputs."""

from typing import Annotated, Any

from pydantic import AliasChoices, Field

from app.flows.names import InputId
from app.flows.typed import ByType, Model
from app.flows.values import Text


class Input(Model):
    """What all inputs have in common."""

    id: InputId = Field(
        validation_alias=AliasChoices("id", "name"), description="The id of the input; dots nest."
    )
    type: Text = Field(description="The type of the input.")


class Output(Model):
    """One value that an execution returns."""

    id: InputId = Field(description="The id of the output; dots nest.")
    type: Text | None = Field(None, description="The type the value is converted to.")
    value: Any = Field(description="The value, usually with expressions inside.")


INPUT_TYPES: dict[str, type[Input]] = {}

Inputs = Annotated[list[Annotated[Input, ByType("input", INPUT_TYPES)]], Field()]
"""Inputs, each validated as the type it names."""
