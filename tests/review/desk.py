"""A sync service with reviews on it, following a repository at a forge in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.db.pull_records import Review
from app.db.pulls import PullStore
from app.db.sql import Write
from app.errors import Unavailable
from app.ports import Check, FlowTests, FlowTree, PullRequest, SuiteResult, SuiteSource
from app.ports.flow_tests import AssertionResult, CaseResult
from app.storage import LocalStorage
from app.sync.model import HookEvent
from app.sync.review.service import Reviews
from app.sync.service import SyncService
from tests.forges.memory import MemoryForge
from tests.git.scratch import Content, Scratch
from tests.sync.rig import REGISTRY, Rig, flow, path

HOUR = 3_600_000_000
VALIDATE, PLAN, TESTS = "headwater/validate", "headwater/plan", "headwater/tests"


def suite_of(flow_id: str = "a") -> bytes:
    """Return a file of tests with one case."""
    case = "  - id: one\n    type: io.kestra.core.tests.flow.UnitTest\n    assertions:\n"
    held = "      - value: x\n        equalTo: x\n"
    return f"id: t\nnamespace: shop\nflowId: {flow_id}\ntestCases:\n{case}{held}".encode()


class RecordedTests:
    """Runs no test: remembers what it was asked (implements `ports.FlowTests`)."""

    def __init__(self) -> None:
        self.asked: list[list[SuiteSource]] = []
        self.flows: dict[tuple[str, str, str], str | None] = {}
        self.files: dict[str, bytes] = {}
        self.fails = False

    async def run(self, suites: Sequence[SuiteSource], tree: FlowTree) -> list[SuiteResult]:
        self.asked.append(list(suites))
        results = []
        for each in suites:
            key = (each.tenant, each.namespace, "a")
            self.flows[key] = tree.flow(*key)
            self.files = dict(tree.files(each.tenant, each.namespace))
            state = "FAILED" if self.fails else "SUCCESS"
            wrong = AssertionResult("equalTo", 1, 2, success=not self.fails)
            case = CaseResult("one", state, 0.01, (wrong,), (), 7)  # type: ignore[arg-type]
            name = each.path.rsplit("/", 1)[-1]
            results.append(
                SuiteResult(name, each.path, each.tenant, each.namespace, "a", state, (case,))  # type: ignore[arg-type]
            )
        return results


class Desk(Rig):
    """A rig whose source has a forge."""

    def __init__(self, folder: Path, scratch: Scratch, **git: Any) -> None:
        self.forge = MemoryForge(has_checks=git.pop("has_checks", True))
        self.tests: FlowTests | None = git.pop("tests", None)
        super().__init__(
            folder, git.pop("url", None), repo=str(scratch.path), forge="github", **git
        )
        self.scratch = scratch
        self.pulls: PullStore
        self.reviews: Reviews

    async def open(self) -> None:
        await super().open()
        self.sync = SyncService(
            self.settings,
            self.store,
            self.flows,
            self.audit,
            REGISTRY,
            self.clock,
            forge_of=lambda spec: self.forge if spec.forge else None,
            storage=LocalStorage(self.folder / "storage"),
        )
        self.pulls = PullStore(self.database)
        self.reviews = Reviews(self.sync, self.pulls, tests=self.tests, url="https://hw.example/")
        self.heard: list[Review] = []
        self.reviews.heard.append(self._hear)
        self.reviews.listen(self.sync.inbox, self.sync.reporter)

    async def _hear(self, review: Review) -> None:
        self.heard.append(review)

    async def start(self) -> None:
        await super().start()
        await self.reviews.start()
        await self.reviews.settled()  # or the first sweep finds what a test has just begun

    async def stop(self) -> None:
        await self.reviews.stop()
        await super().stop()

    # -- what people do -----------------------------------------------------------------------

    def propose(
        self, number: int, changes: dict[str, Content], *, parent: str | None = None, **pull: Any
    ) -> PullRequest:
        """Open a pull request with one commit on top of main (or of `parent`), or push to it."""
        start = [parent or self.scratch.tip()]
        head = self.scratch.commit(changes, branch=f"change-{number}", parents=start)
        self.scratch.git("update-ref", f"refs/pull/{number}/head", head)
        if pull.get("head_repo", self.forge.repository) != self.forge.repository:
            self.scratch.git("update-ref", "-d", f"refs/heads/change-{number}")
        if number in self.forge.pull_requests:
            return self.forge.change_pull(number, head_sha=head, **pull)
        return self.forge.add_pull(number, head_sha=head, **pull)

    async def tell(self, event: str, action: str = "", **fields: Any) -> None:
        """Deliver a hint, and wait for what comes of it."""
        await self.hint(event, action, **fields)
        await self.reviews.settled()

    async def hint(self, event: str, action: str = "", **fields: Any) -> None:
        """Deliver a hint."""
        hint = HookEvent(
            source_id=fields.pop("source_id", "main"),
            provider="github",
            delivery_id="d1",
            event=event,
            action=action,
            **fields,
        )
        for listener in self.sync.inbox.heard:
            await listener(hint)

    async def comment(self, number: int, author: str, text: str) -> None:
        """Write a comment and let the forge tell of it."""
        comment = self.forge.say(number, author, text)
        await self.tell(
            "comment", "created", number=number, comment=text, comment_id=comment, actor=author
        )

    # -- what is there ------------------------------------------------------------------------

    def check(self, sha: str, context: str = VALIDATE) -> Check:
        """Return what a check says now."""
        found = self.forge.check_of(sha, context)
        assert found is not None, f"no check {context}"
        return found

    def told(self, sha: str) -> dict[str, str]:
        """Return context -> state of everything that was told about a commit."""
        states = {each.context: each.state for each in self.forge.published if each.sha == sha}
        return {name.removeprefix("headwater/"): state for name, state in states.items()}

    async def later(self, table: str, span: int = HOUR) -> None:
        """Let everything in a table have ended so many µs before."""
        query = f"UPDATE {table} SET ended_at = ended_at - ?"
        await self.database.submit([Write(query, [(span,)])])

    async def made(self, number: int) -> list[Review]:
        """Return the reviews of a pull request that came to an end, oldest first."""
        return (await self.pulls.reviews("main", number, states=("done", "failed")))[::-1]


__all__ = [
    "PLAN",
    "TESTS",
    "VALIDATE",
    "Desk",
    "RecordedTests",
    "Unavailable",
    "flow",
    "path",
    "suite_of",
]
