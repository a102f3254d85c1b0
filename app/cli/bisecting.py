"""Bisecting a clone: its commits that touch a flow's namespace, tried with a file of tests."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.cli.options import Format
from app.cli.outcome import FAILED, NOT_FOUND, OK, USAGE, CommandError
from app.cli.printing import Table, progress, show
from app.cli.repositories import Shape, commit_view, new_memory, repository
from app.engine.flow_tests import SuiteRunner
from app.errors import HeadwaterError
from app.flows.unit_test_documents import parse_suite
from app.git.clone import Clone
from app.git.history import Commit, history
from app.git.layout import Layout
from app.plugins.registry import Registry
from app.ports import SuiteResult, SuiteSource
from app.runners.jq import JqChildren
from app.sync.planning.memory import Memory
from app.sync.review.testing import MergedFlows
from app.sync.testing.bisect import Bisection, Verdict, bisect
from app.sync.testing.bisecting import verdict_of
from app.telemetry import configure_logging


def bisect_clone(
    file: Path, ends: tuple[str, str], cases: Sequence[str], shape: Shape, output: Format
) -> int:
    """Find the commit between two that broke the tests in a file; exit 1 if it cannot be told."""
    configure_logging("ERROR")
    with repository(file.absolute().parent) as clone:
        source = _source(file, clone, shape.rules)
        trial = _Trial(clone, shape.rules, source, frozenset(cases) or None)
        try:
            found = asyncio.run(trial.bisect(*(clone.resolve(each) for each in ends)))
        except HeadwaterError as error:
            raise CommandError(error.message, NOT_FOUND) from None
    return _told(found, output)


def _source(file: Path, clone: Clone, layout: Layout) -> SuiteSource:
    """Return the tests in a file; their tenant is that of its place, else the layout's."""
    data = file.read_bytes()
    inside = file.resolve()
    top = clone.top.resolve() if clone.top else None
    path = inside.relative_to(top).as_posix() if top and inside.is_relative_to(top) else str(file)
    place = layout.place(path)
    parsed = parse_suite(data, namespace=place.namespace if place else None, path=path)
    if parsed.suite is None:
        problems = "\n".join(map(str, parsed.errors))
        message = f"{file} is no file of tests:\n{problems}"
        raise CommandError(message, USAGE)
    tenant = place.tenant if place and place.tenant else layout.tenant
    return SuiteSource(path, tenant, parsed.suite.namespace, data.decode())


class _Trial:
    """Runs one file of tests at commits of a clone."""

    def __init__(
        self, clone: Clone, layout: Layout, source: SuiteSource, cases: frozenset[str] | None
    ) -> None:
        self._clone = clone
        self._layout = layout
        self._source = source
        self._cases = cases
        self._memory: Memory = new_memory()

    async def bisect(self, good: str, bad: str) -> Bisection[Commit]:
        """Return what is found between two commits.

        Raises:
            CommandError: when there is nothing between them, or they are no good and bad end.
        """
        folder = self._layout.namespace_folder(self._source.tenant, self._source.namespace)
        launcher = self._clone.launcher
        walk = history(launcher, bad, base=good, root=folder)
        commits = [commit for commit, changes in walk if changes]
        jq = JqChildren()
        runner = SuiteRunner(Registry.load(), jq)
        try:
            await self._expect(runner, good, "good")
            if not commits:
                message = f"no commit between {good[:12]} and {bad[:12]} touches {folder}"
                raise CommandError(message, USAGE)
            await self._expect(runner, bad, "bad")

            async def judge(commit: Commit) -> Verdict:
                verdict = verdict_of(await self._run(runner, commit.sha))
                progress(f"{commit.sha[:12]} {verdict}: {commit.subject}")
                return verdict

            # The good end is no candidate: the first commit stands in for it and is not asked.
            return await bisect([commits[0], *commits], judge)
        finally:
            await jq.close()

    async def _expect(self, runner: SuiteRunner, commit: str, wanted: Verdict) -> None:
        result = await self._run(runner, commit)
        verdict = verdict_of(result)
        progress(f"{commit[:12]} {verdict} ({wanted} expected)")
        if verdict != wanted:
            reason = f": {'; '.join(result.errors)}" if result.errors else ""
            message = f"the tests are {verdict} at {commit[:12]}, not {wanted}{reason}"
            raise CommandError(message, USAGE)

    async def _run(self, runner: SuiteRunner, commit: str) -> SuiteResult:
        view = commit_view(self._clone, commit, self._layout, self._memory)
        [result] = await runner.run([self._source], MergedFlows(view), self._cases)
        return result


def _told(found: Bisection[Commit], output: Format) -> int:
    suspects = [_json(each) for each in found.suspects]
    body: dict[str, Any] = {
        "firstBad": _json(found.first_bad) if found.first_bad else None,
        "suspects": suspects,
        "runs": [{"commit": each.sha, "verdict": verdict} for each, verdict in found.runs],
    }
    rows = [
        (each["commit"][:12], each["author"], each["date"], each["subject"]) for each in suspects
    ]
    headings = ("FIRST BAD" if found.first_bad else "ONE OF", "AUTHOR", "DATE", "SUBJECT")
    show(body, output, names=[each["commit"] for each in suspects], table=Table(headings, rows))
    return OK if found.first_bad else FAILED


def _json(commit: Commit) -> dict[str, Any]:
    return {
        "commit": commit.sha,
        "author": commit.author_name,
        "date": datetime.fromtimestamp(commit.authored_at / 1_000_000, UTC).isoformat(),
        "subject": commit.subject,
    }
