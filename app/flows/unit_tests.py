"""Unit tests of flows, as Kestra writes them: a document of cases for one flow, read with places.

A case starts the flow with its fixtures (inputs, files, mocked tasks) and holds what came out
against its assertions. Texts may be expressions; they are kept as written and rendered by whoever
runs the case.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import Field

from app.flows.defaults import Merged
from app.flows.findings import Finding
from app.flows.flow import Flow
from app.flows.names import EntryId, FlowId, Namespace
from app.flows.problems import Path, Problem
from app.flows.reading import Reading, syntax_problem
from app.flows.suggestions import did_you_mean
from app.flows.topology import all_tasks
from app.flows.typed import Model
from app.flows.typenames import Types
from app.flows.validation import MAX_ERRORS, validate
from app.flows.values import Dynamic, Text
from app.flows.yaml import Document, YamlError, decode, load

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


@dataclass(frozen=True, slots=True)
class ParsedSuite:
    """What a document was read as; the suite is None if there is an error among the problems."""

    suite: Suite | None
    problems: tuple[Problem, ...]
    source: str
    reading: Reading | None = field(default=None, repr=False, compare=False)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the cases from being run."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    def lines(self) -> dict[str, int]:
        """Return the line (from 1) on which each case begins, by its id."""
        if self.suite is None or self.reading is None:
            return {}
        cases = self.suite.test_cases
        return {
            each.id: self.reading.line(("testCases", at, "id")) for at, each in enumerate(cases)
        }

    def against(self, flow: Flow | None) -> tuple[Problem, ...]:
        """Return what does not fit the flow that is tested; None: there is no such flow."""
        if self.suite is None or self.reading is None:
            return ()
        return tuple(self.reading.problems(_misfits(self.suite, flow)))


def parse_suite(
    source: str | bytes, *, namespace: str | None = None, path: str = ""
) -> ParsedSuite:
    """Read a document of tests.

    `namespace` is the one that the place of the document stands for: filled in if the document
    names none, an error if it names another; `path` is named then.
    """
    text, document = _read(source)
    if isinstance(document, YamlError):
        return ParsedSuite(None, (syntax_problem(document),), text)
    raw = document.value
    findings = list(_place(raw, namespace, path))
    if raw.get("namespace") is None and namespace is not None:
        raw["namespace"] = namespace
    reading = Reading(text, Merged(raw, {}), _NO_TYPES, Suite)
    suite, errors = validate(raw, Suite.__pydantic_validator__, _NO_TYPES, reading)
    findings += errors
    if suite is not None:
        findings += list(_rules(suite))[:MAX_ERRORS]
    problems = [syntax_problem(error) for error in document.duplicates[:MAX_ERRORS]]
    problems += reading.problems(findings)
    failed = any(problem.severity == "error" for problem in problems)
    return ParsedSuite(None if failed else suite, tuple(problems), text, reading)


def _read(source: str | bytes) -> tuple[str, Document | YamlError]:
    text = source if isinstance(source, str) else ""
    try:
        text = source if isinstance(source, str) else decode(source)
        document = load(text)
    except YamlError as error:
        return text, error
    if not isinstance(document.value, dict):
        message = "The document is empty" if document.value is None else "The document is not a map"
        return text, YamlError("SCHEMA", message, line=1, column=1)
    return text, document


def _place(raw: Mapping[str, Any], namespace: str | None, path: str) -> Iterator[Finding]:
    written = raw.get("namespace")
    if namespace is not None and written is not None and written != namespace:
        where = f" ({path})" if path else ""
        message = f"The namespace is `{written}`, but the tests lie in `{namespace}`{where}"
        fix = f"write {namespace}, or move the file"
        yield Finding(("namespace",), "NAMESPACE_MISMATCH", message, fix)


def _rules(suite: Suite) -> Iterator[Finding]:
    """Yield what is wrong with a document that has the right form."""
    seen: set[str] = set()
    for at, case in enumerate(suite.test_cases):
        path: Path = ("testCases", at)
        if case.id in seen:
            message = f"There is another case `{case.id}`"
            yield Finding((*path, "id"), "TEST_DUPLICATE_CASE", message, "give it another id")
        seen.add(case.id)
        if not case.assertions and case.expected_state is None:
            message = f"The case `{case.id}` expects nothing"
            fix = "write assertions, or an expectedState"
            yield Finding(path, "TEST_NO_ASSERTION", message, fix, "warning")
        yield from _without_operator(case, path)


def _without_operator(case: TestCase, path: Path) -> Iterator[Finding]:
    for at, assertion in enumerate(case.assertions):
        if next(assertion.operators(), None) is None:
            fix = f"write one of {', '.join(OPERATORS.values())}"
            message = "The assertion compares its value with nothing"
            yield Finding((*path, "assertions", at), "TEST_NO_OPERATOR", message, fix)


def _misfits(suite: Suite, flow: Flow | None) -> Iterator[Finding]:
    if flow is None:
        message = f"There is no flow `{suite.namespace}.{suite.flow_id}`"
        yield Finding(("flowId",), "TEST_FLOW_MISSING", message)
        return
    tasks = [task.id for task in all_tasks(flow)]
    inputs = [each.id for each in flow.inputs]
    triggers = [each.id for each in flow.triggers]
    for at, case in enumerate(suite.test_cases):
        path: Path = ("testCases", at)
        fixtures = case.fixtures
        for index, task in enumerate(fixtures.tasks):
            place = (*path, "fixtures", "tasks", index, "id")
            yield from _unknown("TASK", task.id, tasks, place)
        for index, assertion in enumerate(case.assertions):
            if assertion.task_id is not None:
                place = (*path, "assertions", index, "taskId")
                yield from _unknown("TASK", assertion.task_id, tasks, place)
        for name in fixtures.inputs:
            yield from _unknown_input(name, inputs, (*path, "fixtures", "inputs", name))
        if fixtures.trigger is not None:
            place = (*path, "fixtures", "trigger", "id")
            yield from _unknown("TRIGGER", fixtures.trigger.id, triggers, place)


def _unknown(kind: str, name: str, known: Sequence[str], path: Path) -> Iterator[Finding]:
    if name not in known:
        message = f"The flow has no {kind.lower()} `{name}`"
        yield Finding(path, f"TEST_UNKNOWN_{kind}", message, did_you_mean(name, known))


def _unknown_input(name: str, known: Sequence[str], path: Path) -> Iterator[Finding]:
    """Yield a warning for an input that the flow does not declare; dots nest."""
    if not any(each == name or each.startswith(f"{name}.") for each in known):
        message = f"The flow has no input `{name}`"
        fix = did_you_mean(name, known)
        yield Finding(path, "TEST_UNKNOWN_INPUT", message, fix, "warning", at_key=True)


class _NoTypes:
    """No type of task or trigger is named in a document of tests."""

    def task(self, name: str) -> None:  # noqa: ARG002
        return None

    trigger = condition = runner = task

    def names(self) -> Sequence[str]:
        return ()


_NO_TYPES: Final[Types] = _NoTypes()
