"""Making one review: fetch, merge, validate, plan, test, and tell the forge what came out."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from app.db.pull_records import Pull, Review
from app.errors import Forbidden, HeadwaterError, Invalid, NotFound, Unavailable, Unsupported
from app.ports import Forge, PullRequest, SuiteResult
from app.sync.review import checks
from app.sync.review.bench import (
    DRAFT,
    FORK,
    FULL,
    Bench,
    Enqueue,
    Facts,
    Made,
    context_suffix,
    followed_branch,
    forge_of,
    scope_of,
)
from app.sync.review.checks import CONTEXTS, PLAN, TESTS, VALIDATE, Told
from app.sync.review.comment import write_comment
from app.sync.review.judging import Judge, Judgement, standing
from app.sync.review.merging import MergeResult, fetch_sides, merged
from app.sync.review.plan_text import plan_body, plan_told
from app.sync.review.results import results_json
from app.sync.review.telling import Teller
from app.sync.review.testing import run_tests
from app.sync.worker import SourceWorker
from app.telemetry import get_logger

_LOG = get_logger(__name__)

ASKED = frozenset({"rerequested", "command", "approved"})
"""Causes that make a review anew, even though the same one was made."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a review is about, as the forge tells it now."""

    base_ref: str
    head_ref: str
    """The head's ref in the base repository, "" where that has none."""
    scope: str
    pull: Pull | None = None


class Maker:
    """Makes reviews."""

    def __init__(
        self, bench: Bench, judge: Judge, facts: Facts, enqueue: Enqueue, made: Made
    ) -> None:
        """`facts` is asked for each plan, `made` hears of each review that came to an end."""
        self._bench = bench
        self._judge = judge
        self._facts = facts
        self._enqueue = enqueue
        self._made = made
        self._tellers: dict[str, Teller] = {}
        """Of reviews that are being made, or could not be made, by their ids."""

    async def make(self, review: Review) -> None:
        """Make a review and store what came out.

        Raises:
            Unavailable, RemoteUnreachable: when it can be made later. Others: when it cannot.
        """
        worker = self._bench.workers.get(review.source_id)
        forge = forge_of(worker)
        target = await self._target(worker, forge, review)
        if target is None:
            await self._bench.store.drop(review, self._bench.clock.now())
            return
        teller = await self._teller(replace(review, scope=target.scope))
        self._tellers[review.id] = teller
        try:
            await self._begin(worker, target, teller)
        except asyncio.CancelledError:  # superseded: nobody fails it any more
            self._tellers.pop(review.id, None)
            raise
        del self._tellers[review.id]

    async def fail(self, review: Review, message: str) -> None:
        """Note that a review cannot be made, and tell why."""
        begun = self._tellers.pop(review.id, None)
        done = replace(review, state="failed", error=message, ended_at=self._bench.clock.now())
        if not await self._bench.store.update(done):
            return
        with suppress(HeadwaterError):  # the forge may be what failed
            teller = begun or await self._teller(done)
            waiting = [name for name, state in teller.states.items() if state == "in_progress"]
            await teller.tell_each(dict.fromkeys(waiting or [VALIDATE], checks.failed(message)))

    async def _teller(self, review: Review) -> Teller:
        worker = self._bench.workers.get(review.source_id)
        suffix = context_suffix(worker, self._bench.workers)
        teller = Teller(self._bench, forge_of(worker), review, suffix)
        await teller.remember()
        return teller

    async def _target(self, worker: SourceWorker, forge: Forge, review: Review) -> Target | None:
        """Return what is reviewed, None when nobody needs it any more."""
        if not review.number:
            base_ref = review.cause.partition(":")[2].removeprefix("refs/heads/")
            return Target(base_ref or followed_branch(worker) or "", review.head_sha, FULL)
        try:
            pull = await forge.pull(review.number)
        except NotFound:
            return None
        known = await self._bench.store.save(worker.id, pull, self._bench.clock.now())
        if pull.state != "open":
            return None
        if pull.head_sha != review.head_sha:
            await self._follow(worker, pull)
            return None
        base_ref = pull.base_ref.removeprefix("refs/heads/")
        try:
            head_ref = forge.pull_ref(review.number)
        except Unsupported:  # a fork, whose head this forge keeps to itself
            head_ref = ""
        return Target(base_ref, head_ref, scope_of(pull, known), known)

    async def _follow(self, worker: SourceWorker, pull: PullRequest) -> None:
        """Review the head that there is now: nobody told of it."""
        newer = Review(
            worker.id, pull.number, pull.head_sha, "synchronize", self._bench.clock.now()
        )
        states = ("queued", "running", "done")
        known = await self._bench.store.reviews(
            worker.id, pull.number, head=pull.head_sha, states=states
        )
        if not known:
            await self._enqueue(worker, newer)  # ends the review that is being made

    async def _begin(self, worker: SourceWorker, target: Target, teller: Teller) -> None:
        is_followed = target.base_ref == followed_branch(worker)
        if is_followed and target.head_ref:
            await self._review(worker, target, teller)
        else:
            await self._leave(teller, checks.NOT_HERE if is_followed else checks.NOT_FOLLOWED)

    async def _leave(self, teller: Teller, why: Told) -> None:
        """End a review that nothing can be said in, also where that cannot be told either."""
        try:
            await teller.tell_each(dict.fromkeys(CONTEXTS, why))
        except (NotFound, Invalid, Forbidden) as error:
            if why is not checks.NOT_HERE:
                raise
            _LOG.info("commit of a fork takes no checks", error=error.message)
        await self._finish(teller.review, "neutral")

    async def _review(self, worker: SourceWorker, target: Target, teller: Teller) -> None:
        review, mirror = teller.review, worker.parts.repository.mirror
        sides = await asyncio.to_thread(
            fetch_sides, mirror, target.base_ref, target.head_ref, review.number
        )
        if sides.head != review.head_sha:
            message = f"the forge's ref of pull request {review.number} is not at its head yet"
            raise Unavailable(message, retry_after=1)
        teller.review = replace(review, base_sha=sides.base, state="running")
        if await self._was_made(teller.review):
            await self._bench.store.drop(review, self._bench.clock.now())
            return
        if not await self._bench.store.update(teller.review):
            return
        await teller.tell_each(dict.fromkeys(_wanted(target), checks.RUNNING))
        result = await asyncio.to_thread(merged, mirror, sides)
        teller.review = replace(teller.review, merge_tree=result.tree or None)
        if result.is_clean:
            await self._judged(worker, target, result, teller)
            return
        told = dict.fromkeys(_wanted(target), checks.NOT_PLANNED)
        told[VALIDATE] = checks.conflicting(result.clashes, target.base_ref)
        await teller.tell_each(told)
        conflicts = [{"path": each.path, "message": each.message} for each in result.clashes]
        await self._finish(replace(teller.review, plan={"conflicts": conflicts}), "failure")

    async def _was_made(self, review: Review) -> bool:
        """Return whether the same review was made before, and nobody asked for another one."""
        if review.cause.partition(":")[0] in ASKED:
            return False
        made = await self._bench.store.reviews(
            review.source_id, review.number, head=review.head_sha, states=("done",)
        )
        return any((each.base_sha, each.scope) == (review.base_sha, review.scope) for each in made)

    async def _judged(
        self, worker: SourceWorker, target: Target, result: MergeResult, teller: Teller
    ) -> None:
        """Validate, plan and test what merges."""
        now = datetime.fromtimestamp(self._bench.clock.now() / 1_000_000, UTC)
        judged = await asyncio.to_thread(self._judge.judge, worker.id, worker.parts, result, now)
        stored = await worker.parts.sources.findings(worker.id)
        found = judged.plan.findings
        touched = judged.touched
        told = checks.validated(found, standing(stored, judged), touched)
        await teller.tell(VALIDATE, await asyncio.to_thread(told.hidden, judged.leaked.hidden))
        plan = judged.plan
        tests: dict[str, Any] = {}
        if target.scope != DRAFT:
            plan = await self._facts(plan)
            await self._planned(worker, target, judged._replace(plan=plan), teller)
            tests = await self._tested(target, judged, teller)
        shown = await asyncio.to_thread(lambda: judged.leaked.hidden_in(plan.to_json()))
        done = replace(
            teller.review, plan=shown, findings=shown["findings"], tests=tests, touched=touched
        )
        await self._finish(done, teller.outcome)

    async def _planned(
        self, worker: SourceWorker, target: Target, judged: Judgement, teller: Teller
    ) -> None:
        plan, leaked = judged.plan, judged.leaked
        await teller.tell(PLAN, await asyncio.to_thread(plan_told, plan, leaked))
        if target.pull is not None:
            number = target.pull.number
            link = self._bench.address(worker.id, number, "/plan")
            body = await asyncio.to_thread(plan_body, plan, leaked, target.pull, link)
            await self._commented(worker, target.pull, body, only_update=plan.is_empty)

    async def _commented(
        self, worker: SourceWorker, pull: Pull, body: str, *, only_update: bool
    ) -> None:
        try:
            await write_comment(
                forge_of(worker), self._bench.store, pull, body, only_update=only_update
            )
        except Forbidden as error:  # the checks tell the same
            _LOG.warning("comment not written", source=worker.id, error=error.message)

    async def _tested(self, target: Target, judged: Judgement, teller: Teller) -> dict[str, Any]:
        results: Sequence[SuiteResult] = ()
        if target.scope == FORK:
            told: Told = checks.awaiting(teller.review.head_sha)
        elif self._bench.tests is None:
            told = checks.ran(())
        else:
            results = await run_tests(self._bench.tests, judged)
            told = checks.ran(results)
        hide = judged.leaked
        await teller.tell(TESTS, await asyncio.to_thread(told.hidden, hide.hidden))
        return await asyncio.to_thread(lambda: hide.hidden_in(results_json(results)))

    async def _finish(self, review: Review, outcome: str) -> None:
        at = self._bench.clock.now()
        done = replace(review, state="done", outcome=outcome, ended_at=at)
        if await self._bench.store.update(done):
            self._made(done)


def _wanted(target: Target) -> tuple[str, ...]:
    """Return the checks that a review makes: a draft is validated, and no more."""
    return (VALIDATE,) if target.scope == DRAFT else CONTEXTS
