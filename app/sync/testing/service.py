"""Tests of flows on a running service: which there are, running them, what became of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.db.flows import FlowStore
from app.db.suite_runs import SuiteRun, SuiteRuns
from app.engine.flow_tests import SuiteRunner
from app.engine.flow_tests.documents import suite_json
from app.ports import Clock, SuiteResult
from app.sync.routing import RoutedFiles
from app.sync.sources import SourceSet
from app.sync.testing.stored_tree import StoredTree
from app.sync.testing.suite_files import SuiteFile, SuiteFiles


class SuiteService:
    """Runs files of tests at what is active, and remembers the results."""

    def __init__(
        self,
        workers: SourceSet,
        files: RoutedFiles,
        flows: FlowStore,
        runs: SuiteRuns,
        runner: SuiteRunner,
        clock: Clock,
    ) -> None:
        """Read tests and flows of these sources; run them with `runner`."""
        self.files = SuiteFiles(workers)
        self.runs = runs
        self.runner = runner
        self._namespace_files = files
        self._flows = flows
        self._clock = clock

    def wanted(
        self,
        suites: Sequence[SuiteFile],
        namespace: str | None = None,
        flow_id: str | None = None,
        *,
        below: bool = True,
    ) -> list[SuiteFile]:
        """Return those of the tests that are of a flow, or of a namespace (and those below)."""
        return [
            each
            for each in suites
            if (namespace is None or _is_in(each.namespace, namespace, below=below))
            and (flow_id is None or (each.parsed.suite and each.parsed.suite.flow_id == flow_id))
        ]

    async def run(self, file: SuiteFile, cases: frozenset[str] | None = None) -> SuiteRun:
        """Run tests (of `cases` only those) against what runs now; return what became of them."""
        tree = StoredTree(self._flows, self._namespace_files)
        started = self._clock.now()
        [result] = await self.runner.run_on([file.source], tree, cases)
        run = SuiteRun(
            file.tenant,
            file.namespace,
            file.id,
            result.flow_id,
            result.state,
            file.commit,
            started,
            self._clock.now(),
        )
        run = replace(run, result=_body(result, run))
        await self.runs.add(run)
        return run


def _body(result: SuiteResult, run: SuiteRun) -> dict[str, Any]:
    return {**suite_json(result), "testSuiteId": run.suite_id, "commit": run.commit}


def _is_in(name: str, namespace: str, *, below: bool) -> bool:
    return name == namespace or (below and name.startswith(f"{namespace}."))
