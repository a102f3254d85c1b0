"""Conditions of triggers and listeners: their shape. What they mean is decided elsewhere."""

from pydantic import Field

from app.flows.typed import Typed
from app.flows.values import Text


class Condition(Typed):
    """A condition. A condition type is a subclass with its own properties."""

    type: Text = Field(description="The full name of the condition type.")


CONDITIONS: tuple[type[Condition], ...] = ()
