"""Unit tests of flows, as Kestra writes them: a document of cases for one flow.

A case starts the flow with its fixtures (inputs, files, mocked tasks) and holds what came out
against its assertions. Texts may be expressions; they are kept as written and rendered by whoever
runs the case.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import Field

from app.flows.names import EntryId, FlowId, Namespace
from app.flows.typed import Model
from app.flows.values import Dynamic, Text

UNIT_TEST: Final = "io.kestra.core.tests.flow.UnitTest"
"""The one type of case there is."""

MockedState = Literal["SUCCESS", "WARNING", "FAILED", "SKIPPED", "KILLED", "CANCELLED"]
"""States that a fixture may let a task end in."""

FinalState = Literal["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "PAUSED"]
"""States that a case may expect of its execution."""


class TaskFixture(Model):
    """What stands in for a task: it does not run, and ends at once as this says."""

    id: EntryId = Field(description="The id of the task.")
    value: Text | None = Field(
        None, description="The value of the round of a loop that is meant; all rounds if unset."
    )
    description: Text | None = Field(None, description="Why the task is mocked.")
    outputs: dict[str, Any] = Field(default_factory=dict, description="Its outputs.")
    state: MockedState = Field("SUCCESS", description="The state it ends in.")
    assets: list[Any] | None = Field(None, description="Assets, for lineage only.")


class TriggerFixture(Model):
    """The trigger that seems to have started the execution."""

    id: Text = Field(description="The id of the trigger.")
    type: Text | None = Field(None, description="The type of the trigger.")
    variables: dict[str, Any] = Field(
        default_factory=dict, description="What expressions see as `trigger`."
    )


class Fixtures(Model):
    """What a case starts with."""

    inputs: dict[str, Any] = Field(default_factory=dict, description="Inputs of the execution.")
    files: dict[str, Text] = Field(
        default_factory=dict, description="Files of the namespace, over those of the repository."
    )
    tasks: list[TaskFixture] = Field(default_factory=list, description="Mocked tasks.")
    trigger: TriggerFixture | None = Field(None, description="What started the execution.")


class Assertion(Model):
    """What must hold of a value once the execution has ended: every operator that is given."""

    value: Any = Field(description="The value, an expression as a rule.")
    task_id: Text | None = Field(None, description="The task run in whose place it is seen.")
    description: Text | None = Field(None, description="What it is about.")
    error_message: Text | None = Field(None, description="What is told when it does not hold.")
    equal_to: Any = Field(None, description="The value is equal to this.")
    not_equal_to: Any = Field(None, description="The value is not equal to this.")
    greater_than: Dynamic[float] | None = Field(None, description="It is a greater number.")
    greater_than_or_equal_to: Dynamic[float] | None = Field(
        None, description="It is a number at least as great."
    )
    less_than: Dynamic[float] | None = Field(None, description="It is a smaller number.")
    less_than_or_equal_to: Dynamic[float] | None = Field(
        None, description="It is a number at most as great."
    )
    in_: Dynamic[list[Any]] | None = Field(None, alias="in", description="It is one of these.")
    not_in: Dynamic[list[Any]] | None = Field(None, description="It is none of these.")
    starts_with: Text | None = Field(None, description="Its text begins so.")
    ends_with: Text | None = Field(None, description="Its text ends so.")
    contains: Text | None = Field(None, description="Its text, or its list, holds this.")
    is_null: Dynamic[bool] | None = Field(None, description="Whether it is null or not there.")
    is_not_null: Dynamic[bool] | None = Field(None, description="Whether it is there, not null.")

    def operators(self) -> Iterator[tuple[str, Any]]:
        """Yield the operators that are given, by Kestra's names, and what they expect."""
        for name, alias in OPERATORS.items():
            if (expected := getattr(self, name)) is not None:
                yield alias, expected


OPERATORS: Final[Mapping[str, str]] = {
    name: each.alias or name
    for name, each in Assertion.model_fields.items()
    if name not in {"value", "task_id", "description", "error_message"}
}
"""Fields of an assertion that compare, each with its name in a document."""


class TestCase(Model):
    """One execution of the flow, and what is expected of it."""

    __test__ = False  # pytest takes classes of this name for its own

    id: EntryId = Field(description="The id of the case, unique in the document.")
    type: Literal["io.kestra.core.tests.flow.UnitTest"] = Field(
        UNIT_TEST, description="The type of the case; there is one."
    )
    description: Text | None = Field(None, description="What the case is for.")
    disabled: bool = Field(default=False, description="A disabled case does not run.")
    fixtures: Fixtures = Field(default_factory=Fixtures, description="What it starts with.")
    assertions: list[Assertion] = Field(
        default_factory=list, description="What must hold at the end."
    )
    expected_state: FinalState | None = Field(
        None, description="The state that the execution must end in."
    )


class Suite(Model):
    """A document of cases for one flow."""

    id: EntryId = Field(description="The id of the tests, unique in the namespace.")
    namespace: Namespace = Field(description="The namespace of the flow.")
    flow_id: FlowId = Field(description="The flow that is tested.")
    description: Text | None = Field(None, description="What is tested.")
    disabled: bool = Field(default=False, description="Disabled tests do not run.")
    test_cases: list[TestCase] = Field(min_length=1, description="The cases.")
