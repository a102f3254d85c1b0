"""`headwater test`: runs the unit tests of flows offline, by the engine that a service runs."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from app.cli.options import Format
from app.cli.outcome import FAILED, OK, USAGE, CommandError
from app.cli.printing import Table, progress, show
from app.cli.suites import Batch, batches
from app.config import HttpSettings, RunnerSettings
from app.engine.flow_tests import SuiteRunner
from app.engine.flow_tests.closed import Outside
from app.engine.flow_tests.documents import suite_json
from app.engine.flow_tests.junit import junit, reasons
from app.plugins.http import http_client
from app.plugins.registry import Registry
from app.ports import SuiteResult
from app.runners.choice import NodeRunners
from app.runners.jq import JqChildren
from app.telemetry import configure_logging

_BAD = frozenset({"FAILED", "ERROR"})


def run(
    *paths: Annotated[Path, Parameter(help="Files and folders; the working directory by default.")],
    case: Annotated[
        list[str] | None, Parameter(name="--case", negative=(), help="Only cases of this id.")
    ] = None,
    junit_file: Annotated[
        Path | None, Parameter(name="--junit", help="Write JUnit XML to this file.")
    ] = None,
    allow: Annotated[
        list[str] | None,
        Parameter(
            name="--allow",
            negative=(),
            help="Let tasks of these types reach the network and run programs (`*` for anything):"
            " `io.kestra.plugin.scripts.*`.",
        ),
    ] = None,
    output: Annotated[Format, Parameter(name=["--output", "-o"], help="How to print.")] = "table",
) -> int:
    """Run unit tests of flows; exit 1 when a case fails or cannot be run.

    Tests are YAML files with `testCases` (in a repository of flows: below `tests/`). Tasks that
    have a fixture are mocked; others run for real, except that none reaches the network.
    """
    configure_logging("ERROR")
    found = batches(paths, Registry.load())
    results = asyncio.run(_run(found, frozenset(case) if case else None, allow or ()))
    if case and not any(result.cases for result in results):
        message = f"there is no case {', '.join(case)}"
        raise CommandError(message, USAGE)
    rows = [row for result in results for row in _rows(result)]
    names = [f"{result.namespace}.{result.id}" for result in results]
    headings = ("STATE", "TESTS", "CASE", "SECONDS", "WHY")
    show([suite_json(each) for each in results], output, names=names, table=Table(headings, rows))
    if junit_file is not None:
        _write(junit_file, junit(results))
    return _told(results)


def _write(file: Path, report: str) -> None:
    try:
        file.write_text(report, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}", USAGE) from None


async def _run(
    found: Sequence[Batch], cases: frozenset[str] | None, allow: Sequence[str]
) -> list[SuiteResult]:
    jq, http = JqChildren(), http_client(HttpSettings(allow_loopback=True))
    outside = Outside(http, NodeRunners(RunnerSettings()), allow) if allow else None
    runner = SuiteRunner(Registry.load(), jq, outside=outside)
    try:
        return [
            result
            for batch in found
            for result in await runner.run(batch.suites, batch.tree, cases)
        ]
    finally:
        await jq.close()
        await http.close()


def _rows(result: SuiteResult) -> list[tuple[str, ...]]:
    why: dict[str, list[str]] = {}
    for name, message in reasons(result):
        why.setdefault(name, []).append(message)
    suite = f"{result.namespace}.{result.id}"
    rows: list[tuple[str, ...]] = [(result.state, suite, "", "", told) for told in why.get("", ())]
    for case in result.cases:
        first, *rest = why.get(case.id) or [""]
        rows.append((case.state, suite, case.id, f"{case.seconds:.3f}", first))
        rows += [("", "", "", "", each) for each in rest]
    return rows


def _told(results: Sequence[SuiteResult]) -> int:
    """Tell how many there were of each; return the exit code."""
    states: list[str] = [case.state for result in results for case in result.cases]
    states += ["ERROR" for result in results if result.errors]
    counts = [
        f"{states.count(state)} {word}"
        for state, word in (
            ("SUCCESS", "passed"),
            ("FAILED", "failed"),
            ("ERROR", "in error"),
            ("SKIPPED", "skipped"),
        )
        if state in states or state == "SUCCESS"
    ]
    files = "1 file" if len(results) == 1 else f"{len(results)} files"
    progress(f"{files}: {', '.join(counts)}")
    return FAILED if _BAD.intersection(states) else OK
