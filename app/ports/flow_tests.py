"""Tests of flows (Kestra's unit tests): run in memory, with mocked tasks, against any tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

Verdict = Literal["SUCCESS", "FAILED", "ERROR", "SKIPPED"]


class SuiteSource(NamedTuple):
    """A file of tests."""

    path: str
    tenant: str
    namespace: str
    text: str


class AssertionResult(NamedTuple):
    """What became of one assertion."""

    operator: str
    expected: Any
    actual: Any
    success: bool
    task_id: str = ""
    description: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one test case."""

    id: str
    state: Verdict
    seconds: float
    assertions: tuple[AssertionResult, ...] = ()
    errors: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What became of one file of tests."""

    id: str
    path: str
    tenant: str
    namespace: str
    flow_id: str
    state: Verdict
    cases: tuple[CaseResult, ...] = ()
    errors: tuple[str, ...] = ()
    """Why the file could not be run at all."""


class FlowTree(Protocol):
    """Flows and namespace files of one commit, or of a folder."""

    def flow(self, tenant: str, namespace: str, flow_id: str) -> str | None:
        """Return the source of a flow, None if there is no such flow."""
        ...

    def files(self, tenant: str, namespace: str) -> Mapping[str, bytes]:
        """Return the files of a namespace by path."""
        ...

    def variables(self, tenant: str, namespace: str) -> Mapping[str, Any]:
        """Return the variables that flows of a namespace see; raises `Invalid`."""
        ...


class FlowTests(Protocol):
    """Runs tests of flows; nothing of them reaches the database or the network."""

    async def run(self, suites: Sequence[SuiteSource], tree: FlowTree) -> list[SuiteResult]:
        """Run all enabled cases of the suites, in order."""
        ...
