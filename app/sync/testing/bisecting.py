"""Bisecting a flow on a running service: its stored revisions, tried with its tests in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.db.flows import FlowStore
from app.db.records import FlowKey
from app.engine.flow_tests import SuiteRunner
from app.errors import Conflict, Invalid
from app.flows.unit_test_documents import parse_suite
from app.ports import FlowRevision, SuiteResult, SuiteSource
from app.sync.routing import RoutedFiles
from app.sync.testing.bisect import Bisection, Verdict, bisect
from app.sync.testing.stored_tree import StoredTree

_DELETED = "delete"
_UNTRIED = frozenset({"invalid", "redacted"})


@dataclass(frozen=True, slots=True)
class FlowBisection:
    """Which revision of a flow broke its tests."""

    good: FlowRevision
    bad: FlowRevision
    found: Bisection[FlowRevision]
    result: SuiteResult
    """What the tests say of the bad revision."""


class Bisects:
    """Finds the revision that broke the tests of a flow."""

    def __init__(self, flows: FlowStore, files: RoutedFiles, runner: SuiteRunner) -> None:
        """Run tests with `runner` against stored revisions."""
        self._flows = flows
        self._files = files
        self._runner = runner

    async def of(
        self,
        good: FlowRevision,
        bad: FlowRevision,
        source: SuiteSource,
        cases: frozenset[str] | None = None,
    ) -> FlowBisection:
        """Return the first revision after `good` at which the tests fail as they do at `bad`.

        Raises:
            Invalid: when the tests cannot be read, or are of another flow.
            Conflict: when they do not pass at `good`, or do at `bad`.
        """
        key = (good.tenant, good.namespace, good.flow_id)
        _refuse_others(source, key)
        if good.revision >= bad.revision:
            message = f"revision {good.revision} is not older than revision {bad.revision}"
            raise Invalid(message)
        await self._expect(good, source, cases, "good")
        result = await self._expect(bad, source, cases, "bad")

        async def judge(revision: FlowRevision) -> Verdict:
            return verdict_of(await self._run(revision, source, cases))

        found = await bisect(await self._states(key, good, bad), judge)
        return FlowBisection(good, bad, found, result)

    async def _states(
        self, key: FlowKey, good: FlowRevision, bad: FlowRevision
    ) -> Sequence[FlowRevision]:
        """Return the revisions that can be tried, oldest first."""
        every = await self._flows.revisions(*key)
        between = [each for each in every if good.revision < each.revision < bad.revision]
        tried = [x for x in between if x.kind != _DELETED and x.state not in _UNTRIED]
        return [good, *tried, bad]

    async def _expect(
        self,
        revision: FlowRevision,
        source: SuiteSource,
        cases: frozenset[str] | None,
        wanted: Verdict,
    ) -> SuiteResult:
        """Run the tests at an end; raise `Conflict` unless they say what is wanted."""
        result = await self._run(revision, source, cases)
        verdict = verdict_of(result)
        if verdict == wanted:
            return result
        told = {
            "good": "pass",
            "bad": "fail",
            "skipped": f"cannot be run ({'; '.join(result.errors) or 'nothing ran'})",
        }
        at = f"revision {revision.revision}"
        message = f"the tests {told[verdict]} at {at}, which cannot be the {wanted} end"
        raise Conflict(message)

    async def _run(
        self, revision: FlowRevision, source: SuiteSource, cases: frozenset[str] | None
    ) -> SuiteResult:
        tree = StoredTree(self._flows, self._files, commit=revision.commit, instead=revision)
        [result] = await self._runner.run_on([source], tree, cases)
        return result


def verdict_of(result: SuiteResult) -> Verdict:
    """Return what a result says of a state; tests that cannot be run say nothing."""
    if result.errors or result.state == "SKIPPED":
        return "skipped"
    return "good" if result.state == "SUCCESS" else "bad"


def _refuse_others(source: SuiteSource, key: FlowKey) -> None:
    parsed = parse_suite(source.text, namespace=source.namespace, path=source.path)
    if parsed.suite is None:
        raise Invalid("; ".join(map(str, parsed.errors)), problems=list(parsed.problems))
    if (parsed.suite.namespace, parsed.suite.flow_id) != key[1:]:
        message = (
            f"these are tests of {parsed.suite.namespace}.{parsed.suite.flow_id}, not of"
            f" {key[1]}.{key[2]}"
        )
        raise Invalid(message)
