"""Reading documents of unit tests: the typed suite, or every problem with its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.flows.defaults import Merged
from app.flows.findings import Finding
from app.flows.flow import Flow
from app.flows.problems import Path, Problem
from app.flows.reading import Reading, syntax_problem
from app.flows.suggestions import did_you_mean
from app.flows.topology import all_tasks
from app.flows.typenames import Types
from app.flows.unit_tests import OPERATORS, Suite, TestCase
from app.flows.validation import MAX_ERRORS, validate
from app.flows.yaml import Document, YamlError, decode, load


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
    suite, errors = validate(raw, _SUITE, _NO_TYPES, reading)
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
_SUITE: Final[Any] = Suite.__pydantic_validator__
