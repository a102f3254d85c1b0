"""Files of tests, run one case after another: the port `FlowTests`."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.config import ExpressionSettings
from app.engine.flow_tests.cases import CaseRun, skipped
from app.engine.flow_tests.closed import Outside
from app.engine.flow_tests.engine import Bench
from app.engine.flow_tests.trees import InThreads, TreeFlows, TreeReader
from app.errors import HeadwaterError, NotFound
from app.expressions import Budget
from app.flows.encryption import Cipher
from app.flows.problems import Problem
from app.flows.typenames import Types
from app.flows.unit_test_documents import ParsedSuite, parse_suite
from app.flows.unit_tests import Suite
from app.ports import CaseResult, FlowTree, Jq, LoadedFlow, SuiteResult, SuiteSource
from app.ports.flow_tests import Verdict

_SIDE_BY_SIDE = 4
"""Files of tests that run at once, whoever asks: cases are work for the processor."""

_ORDER: Sequence[Verdict] = ("ERROR", "FAILED", "SUCCESS", "SKIPPED")


class SuiteRunner:
    """Runs tests of flows in memory; nothing of them reaches the database or the network."""

    def __init__(
        self,
        types: Types,
        jq: Jq,
        expressions: ExpressionSettings | None = None,
        *,
        outside: Outside | None = None,
        seconds: float = 30.0,
    ) -> None:
        """Run tasks of these types; a case may take so many `seconds`.

        Tasks of the types that `outside` names may reach the network and run programs.
        """
        self._types = types
        self._jq = jq
        limits = expressions or ExpressionSettings()
        self._budget = Budget(
            steps=limits.max_steps,
            depth=limits.max_depth,
            output_chars=limits.max_output_chars,
            seconds=limits.max_seconds,
        )
        self._outside = outside
        self._seconds = seconds
        self._turns = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def run(
        self,
        suites: Sequence[SuiteSource],
        tree: FlowTree,
        cases: frozenset[str] | None = None,
    ) -> list[SuiteResult]:
        """Run all enabled cases of the suites, in order; of `cases` only those of these ids."""
        return await self.run_on(suites, InThreads(tree), cases)

    async def run_on(
        self,
        suites: Sequence[SuiteSource],
        tree: TreeReader,
        cases: frozenset[str] | None = None,
    ) -> list[SuiteResult]:
        """Run the suites as `run` does, against a tree that is read as it is needed."""
        with tempfile.TemporaryDirectory(prefix="headwater-tests-") as folder:
            bench = Bench(
                types=self._types,
                jq=self._jq,
                flows=TreeFlows(tree, self._types),
                work=Path(folder),
                cipher=Cipher(os.urandom(32)),
                budget=self._budget,
                now=time.time_ns() // 1000,
                outside=self._outside,
            )
            found: list[SuiteResult] = []
            for source in suites:
                async with self._turns:
                    found.append(await self._suite(bench, source, cases))
            return found

    async def _suite(
        self, bench: Bench, source: SuiteSource, wanted: frozenset[str] | None
    ) -> SuiteResult:
        parsed = parse_suite(source.text, namespace=source.namespace, path=source.path)
        if parsed.suite is None:
            return _unread(source, parsed.errors)
        suite = parsed.suite
        loaded: LoadedFlow | None = None
        errors: list[str] = []
        try:
            loaded = await bench.flows.flow(source.tenant, suite.namespace, suite.flow_id)
        except NotFound:
            errors += _told(parsed.against(None))
        except HeadwaterError as error:
            errors.append(error.message)
        else:
            problems = parsed.against(loaded.flow)
            errors += _told(each for each in problems if each.severity == "error")
        if loaded is None or errors:
            return _result(source, suite, (), errors)
        return _result(source, suite, await self._cases(bench, parsed, loaded, wanted), [])

    async def _cases(
        self,
        bench: Bench,
        parsed: ParsedSuite,
        loaded: LoadedFlow,
        wanted: frozenset[str] | None,
    ) -> list[CaseResult]:
        if (suite := parsed.suite) is None:
            return []
        lines, found = parsed.lines(), list[CaseResult]()
        for case in suite.test_cases:
            if wanted is not None and case.id not in wanted:
                continue
            line = lines.get(case.id, 0)
            if suite.disabled or case.disabled:
                found.append(skipped(case, line))
            else:
                found.append(await CaseRun(bench, loaded, case, self._seconds).result(line))
            await asyncio.sleep(0)  # others have their turn between two cases
        return found


def _told(problems: Iterable[Problem]) -> list[str]:
    return [str(each) for each in problems]


def _unread(source: SuiteSource, problems: Sequence[Problem]) -> SuiteResult:
    name = Path(source.path).stem
    errors = tuple(map(str, problems))
    return SuiteResult(
        name, source.path, source.tenant, source.namespace, "", "ERROR", errors=errors
    )


def _result(
    source: SuiteSource, suite: Suite, cases: Sequence[CaseResult], errors: Sequence[str]
) -> SuiteResult:
    return SuiteResult(
        suite.id,
        source.path,
        source.tenant,
        suite.namespace,
        suite.flow_id,
        "ERROR" if errors else _worst(cases),
        tuple(cases),
        tuple(errors),
    )


def _worst(cases: Sequence[CaseResult]) -> Verdict:
    states = {case.state for case in cases}
    return next((each for each in _ORDER if each in states), "SKIPPED")
