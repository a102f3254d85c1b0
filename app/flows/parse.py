"""Parsing flow documents: the typed flow, or every problem with its place."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

from app.flows.conditions import Condition
from app.flows.defaults import Merged, merge_defaults
from app.flows.findings import Finding
from app.flows.flow import Flow, PluginDefault
from app.flows.problems import Problem
from app.flows.reading import Reading, syntax_problem
from app.flows.rules import check_entry, check_flow
from app.flows.tasks import Task
from app.flows.triggers import Trigger
from app.flows.typed import ByType, Typed
from app.flows.typenames import Types
from app.flows.usages import Analyser, Known, check_templates
from app.flows.validation import MAX_ERRORS, validate
from app.flows.yaml import Document, YamlError, decode, load

DefaultsOf = Callable[[str], Sequence[PluginDefault]]
"""Returns the plugin defaults that a namespace has from outside its flows."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a document was parsed to. The flow is None if there is an error among the problems."""

    flow: Flow | None
    problems: tuple[Problem, ...]
    source: str

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the flow from being used."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems that do not."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")


@dataclass(frozen=True, slots=True)
class ParsedEntry:
    """What a single task, trigger or condition was parsed to; None if there is an error."""

    entry: Typed | None
    problems: tuple[Problem, ...]
    source: str


def parse_flow(
    source: str | bytes,
    *,
    types: Types,
    tenant: str = "main",
    namespace: str | None = None,
    path: str = "",
    revision: int | None = None,
    defaults: Sequence[PluginDefault] | DefaultsOf = (),
    check: Analyser | None = None,
) -> Parsed:
    """Parse the YAML of one flow.

    Args:
        source: the text, or its bytes in UTF-8.
        types: the task, trigger and condition types.
        tenant: the tenant that the flow belongs to.
        namespace: the namespace that the place of the document stands for: filled in if the
            document names none, an error if it names another.
        path: the file that the document comes from, named in the problem of a wrong namespace.
        revision: the revision of the flow; one in the document counts for nothing.
        defaults: plugin defaults of the namespace and of the tenant, most important first, or what
            returns those of a namespace.
        check: checks templates. What it finds become warnings, since Kestra accepts such flows and
            fails only when the template is used; but a secret in a wrong place is an error.
    """
    text, document = _read(source)
    if isinstance(document, YamlError):
        return Parsed(None, (syntax_problem(document),), text)
    raw = document.value
    findings = list(_place(raw, tenant, namespace, path))
    _fill(raw, tenant, namespace, revision)
    try:
        outside = defaults(str(raw.get("namespace"))) if callable(defaults) else defaults
        merged = merge_defaults(raw, types, outside=outside)
    except YamlError as error:
        return Parsed(None, (syntax_problem(error),), text)
    reading = Reading(text, merged, types, Flow)
    flow, errors = validate(merged.raw, _FLOW, types, reading)
    findings += errors
    findings += itertools.islice(check_flow(reading.nodes, types), MAX_ERRORS)
    findings += _check_templates(merged.raw, check, Known.of(reading.nodes))
    problems = _problems(document, reading, findings)
    return Parsed(None if _failed(problems) else flow, problems, text)


def parse_entry(
    source: str | bytes,
    kind: type[Typed],
    *,
    types: Types,
    check: Analyser | None = None,
    given: Mapping[str, Any] | None = None,
) -> ParsedEntry:
    """Parse the YAML or JSON of a single entry; `kind` is Task, Trigger or Condition.

    Properties that it does not name come from `given`.
    """
    text, document = _read(source)
    if isinstance(document, YamlError):
        return ParsedEntry(None, (syntax_problem(document),), text)
    marker, validator = _entry_validator(kind)
    for name, value in (given or {}).items():
        document.value.setdefault(name, value)
    merged = Merged(document.value, {})
    reading = Reading(text, merged, types, marker)
    entry, findings = validate(merged.raw, validator, types, reading)
    findings += itertools.islice(check_entry(reading.nodes), MAX_ERRORS)
    findings += _check_templates(merged.raw, check)
    problems = _problems(document, reading, findings)
    return ParsedEntry(None if _failed(problems) else entry, problems, text)


_FLOW: Final[Any] = Flow.__pydantic_validator__
_KINDS: Final[dict[type[Typed], str]] = {
    Task: "task",
    Trigger: "trigger",
    Condition: "condition",
}


@functools.cache
def _entry_validator(kind: type[Typed]) -> tuple[ByType, SchemaValidator]:
    marker = ByType(_KINDS[kind])
    annotation: Any = Annotated[kind, marker]
    validator: Any = TypeAdapter(annotation).validator
    return marker, validator


def parse_document(source: str | bytes) -> dict[str, Any]:
    """Return the map that a document holds, whatever it is.

    Raises:
        YamlError: when it cannot be read or is no map.
    """
    _, document = _read(source)
    if isinstance(document, YamlError):
        raise document
    return dict(document.value)


def _read(source: str | bytes) -> tuple[str, Document | YamlError]:
    """Return the text and the document, which is a map, or why it cannot be read."""
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


def _fill(raw: dict[str, Any], tenant: str, namespace: str | None, revision: int | None) -> None:
    """Put in what the place of the document decides, not the document."""
    raw["tenantId"] = tenant
    raw["revision"] = revision
    if raw.get("namespace") is None and namespace is not None:
        raw["namespace"] = namespace


def _place(raw: dict[str, Any], tenant: str, namespace: str | None, path: str) -> Iterator[Finding]:
    """Yield where the document contradicts the place where it lies."""
    written = raw.get("namespace")
    if namespace is not None and written is not None and written != namespace:
        where = f" ({path})" if path else ""
        message = f"The namespace is `{written}`, but the flow lies in `{namespace}`{where}"
        fix = f"write {namespace}, or move the file"
        yield Finding(("namespace",), "NAMESPACE_MISMATCH", message, fix)
    if raw.get("tenantId") not in (None, tenant):
        message = f"The tenant is `{raw['tenantId']}`, but the flow belongs to `{tenant}`"
        yield Finding(("tenantId",), "NAMESPACE_MISMATCH", message, "leave it out")


def _check_templates(
    raw: Any, analyser: Analyser | None, known: Known | None = None
) -> Iterator[Finding]:
    if analyser is None:
        return iter(())
    return itertools.islice(check_templates(raw, analyser, known), MAX_ERRORS)


def _problems(document: Document, reading: Reading, findings: list[Finding]) -> tuple[Problem, ...]:
    problems = [syntax_problem(error) for error in document.duplicates[:MAX_ERRORS]]
    if findings:
        problems += reading.problems(findings)
    return tuple(problems)


def _failed(problems: tuple[Problem, ...]) -> bool:
    return any(problem.severity == "error" for problem in problems)
