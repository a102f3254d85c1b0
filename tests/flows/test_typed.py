"""Parts of flow documents: how their classes share the fields that they inherit."""

import pytest
from pydantic import Field, ValidationError

from app.flows.typed import Model


class Animal(Model):
    """What the others inherit from."""

    leg_count: int = Field(4, description="How many legs.")
    name: str = "anonymous"


class Dog(Animal):
    """Inherits everything as it is."""


class Bird(Animal):
    """Says something else about one field, and adds one."""

    leg_count: int = Field(2, description="Two, mostly.")
    wing_span: int = 1


class Wild(Model):
    """A second base with a field of the same name."""

    name: str = "Wild"


class WildAnimal(Wild, Animal):
    """Has two bases: the first one has the last word."""


def test_inherited_fields_are_shared() -> None:
    assert Dog.model_fields["leg_count"] is Animal.model_fields["leg_count"]
    assert Bird.model_fields["name"] is Animal.model_fields["name"]


def test_what_a_class_says_itself_is_its_own() -> None:
    assert Bird(wing_span=3).leg_count == 2
    assert Bird.model_fields["leg_count"].description == "Two, mostly."
    assert Animal().leg_count == Dog().leg_count == 4


def test_of_two_bases_the_first_one_counts() -> None:
    assert WildAnimal().name == "Wild"
    assert WildAnimal.model_fields["name"] is Wild.model_fields["name"]
    assert WildAnimal().leg_count == 4


def test_shared_fields_are_read_by_the_names_of_documents() -> None:
    assert Dog.model_validate({"legCount": 3}, by_name=False).leg_count == 3
    assert set(Dog.model_json_schema()["properties"]) == {"legCount", "name"}
    with pytest.raises(ValidationError):
        Dog.model_validate({"wingSpan": 3})
