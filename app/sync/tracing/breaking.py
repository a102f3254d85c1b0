"""Which commit broke a flow, as its executions tell: the last good one, and the first bad after."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.db.commits import CommitStore
from app.db.flows import FlowStore
from app.db.outcomes import BAD, GOOD, Outcome, OutcomeStore
from app.db.records import CommitRecord, FlowKey
from app.errors import HeadwaterError, Invalid
from app.executions import Execution, State
from app.ports import FlowRevision
from app.sync.tracing.blaming import Blames, Origin

Verdict = Literal["healthy", "commit", "surroundings", "outside", "never-worked"]
"""`commit`: another revision of the flow; `surroundings`: the same one with other namespace files
or variables; `outside`: neither changed."""

_MOST = 50
"""Commits that are listed."""

Read = Callable[[str, str], Awaitable[Execution]]
"""Returns an execution by its tenant and id."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed in an execution: the task that failed last, and what it said."""

    task_id: str
    error: str


@dataclass(frozen=True, slots=True)
class Breakage:
    """What is known of why a flow fails."""

    verdict: Verdict
    message: str
    last_good: Outcome | None = None
    first_bad: Outcome | None = None
    failures: int = 0
    failure: Failure | None = None
    suspects: Sequence[Origin] = ()
    """Revisions of the flow, oldest first, one of which broke it."""
    commits: Sequence[CommitRecord] = ()
    """Commits around an unchanged flow, newest first."""
    likely: Origin | None = None
    """The suspect that changed what failed, or the only one."""


class Breakages:
    """Answers what broke flows."""

    def __init__(
        self,
        flows: FlowStore,
        outcomes: OutcomeStore,
        commits: CommitStore,
        blames: Blames,
        read: Read,
    ) -> None:
        """Ask these stores; `read` returns executions."""
        self._flows = flows
        self._outcomes = outcomes
        self._commits = commits
        self._blames = blames
        self._read = read

    async def of(self, key: FlowKey, execution: Execution | None = None) -> Breakage:
        """Return what broke a flow, or made an execution of it fail.

        Raises:
            Invalid: when that execution did not fail.
        """
        bad = await self._bad(key, execution)
        if bad is None:
            return Breakage("healthy", "no execution of the flow has failed")
        good = await self._outcomes.newest(key, GOOD, before=bad)
        first = await self._outcomes.oldest(key, BAD, after=good) or bad
        if execution is None:
            newer = await self._outcomes.newest(key, GOOD)
            if newer is not None and newer.created_at > bad.created_at:
                message = f"it works again: execution {newer.id} ended as {newer.state}"
                return Breakage("healthy", message, last_good=newer)
        count = await self._outcomes.count(key, BAD, since=first)
        failure = await self._failure(key[0], first)
        if good is None:
            return await self._never_worked(key, first, count, failure)
        if good.revision != first.revision:
            return await self._changed(key, good, first, count, failure)
        return await self._unchanged(key, good, first, count, failure)

    async def _bad(self, key: FlowKey, execution: Execution | None) -> Outcome | None:
        if execution is None:
            return await self._outcomes.newest(key, BAD)
        if execution.state is not State.FAILED:
            message = f"execution {execution.id} is {execution.state}: only failed ones are traced"
            raise Invalid(message)
        return Outcome(
            execution.id,
            execution.revision,
            execution.commit,
            execution.state.value,
            execution.created_at,
        )

    async def _failure(self, tenant: str, bad: Outcome) -> Failure | None:
        try:
            execution = await self._read(tenant, bad.id)
        except HeadwaterError:
            return None
        failed = [run for run in execution.task_runs.values() if run.state is State.FAILED]
        told = [run for run in failed if run.error] or failed
        if not told:
            return None
        return Failure(told[-1].task, told[-1].error or "")

    # -- verdicts -----------------------------------------------------------------------------

    async def _never_worked(
        self, key: FlowKey, bad: Outcome, count: int, failure: Failure | None
    ) -> Breakage:
        suspects = await self._between(key, 0, bad.revision)
        message = f"no execution before {bad.id} went well: there is nothing to compare with"
        return Breakage("never-worked", message, None, bad, count, failure, suspects)

    async def _changed(
        self, key: FlowKey, good: Outcome, bad: Outcome, count: int, failure: Failure | None
    ) -> Breakage:
        suspects = await self._between(key, good.revision, bad.revision)
        likely = await self._likely(key, bad, failure, suspects)
        first, last = good.revision, bad.revision
        message = f"revision {first} worked, revision {last} fails"
        if len(suspects) > 1:
            message += f"; {len(suspects)} revisions came in between, a bisect tells which it was"
        if likely is not None:
            message += f"; most likely it was {_named(likely)}"
        return Breakage("commit", message, good, bad, count, failure, suspects, likely=likely)

    async def _unchanged(
        self, key: FlowKey, good: Outcome, bad: Outcome, count: int, failure: Failure | None
    ) -> Breakage:
        if good.commit == bad.commit:
            message = (
                f"no commit: execution {good.id} of the same one went well. Its inputs, secrets or"
                " the services that it calls have changed"
            )
            return Breakage("outside", message, good, bad, count, failure)
        revision = await self._flows.find(*key, revision=bad.revision)
        commits = await self._commits.between(
            revision.source_id, good.commit, bad.commit, limit=_MOST
        )
        message = (
            f"the flow is the same, but it ran with commit {good.commit[:12]} and fails with"
            f" {bad.commit[:12]}: look at the files and variables of its namespace, and at the"
            " flows that it calls"
        )
        return Breakage("surroundings", message, good, bad, count, failure, commits=commits)

    async def _between(self, key: FlowKey, good: int, bad: int) -> list[Origin]:
        """Return the revisions after `good` up to `bad`; where it went back, `bad` alone."""
        every = await self._flows.revisions(*key)
        wanted = [each for each in every if good < each.revision <= bad] or [
            each for each in every if each.revision == bad
        ]
        shown = [each for each in wanted if each.kind != "delete" and each.state != "invalid"]
        return await self._blames.origins(shown[-_MOST:])

    async def _likely(
        self, key: FlowKey, bad: Outcome, failure: Failure | None, suspects: Sequence[Origin]
    ) -> Origin | None:
        if len(suspects) == 1:
            return suspects[0]
        if failure is None:
            return None
        revision: FlowRevision = await self._flows.find(*key, revision=bad.revision)
        try:
            blamed = await self._blames.of(revision)
        except HeadwaterError:
            return None
        task = next((x for x in blamed if x.part == ("task", failure.task_id)), None)
        numbers = {each.revision.revision: each for each in suspects}
        return None if task is None else numbers.get(task.origin.revision.revision)


def _named(origin: Origin) -> str:
    revision = origin.revision
    pull = f" (#{origin.pull})" if origin.pull else ""
    return (
        f"revision {revision.revision}: commit {revision.commit[:12]}{pull} by"
        f" {revision.author_name}, {revision.subject!r}"
    )
