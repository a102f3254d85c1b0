"""Whatever happens in whatever order: the laws of reviews, over random stories."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Unavailable
from tests.git.scratch import Scratch
from tests.review.desk import Desk, RecordedTests, flow, path, suite_of
from tests.sync.rig import BROKEN

NUMBERS = st.sampled_from([1, 2, 3])
FORK = 3
"""The one of the three pull requests that comes from a fork."""

STEPS = st.one_of(
    st.tuples(st.just("push"), NUMBERS, st.sampled_from(["good", "bad", "readme", "clash"])),
    st.tuples(st.just("base"), st.sampled_from(["shop", "other", "clash"]), st.none()),
    st.tuples(st.just("draft"), NUMBERS, st.booleans()),
    st.tuples(st.just("close"), NUMBERS, st.sampled_from(["closed", "merged", "open"])),
    st.tuples(st.just("approve"), st.sampled_from(["boss", "eve"]), st.booleans()),
    st.tuples(st.just("again"), NUMBERS, st.sampled_from(["validate", "plan", "tests"])),
    st.tuples(st.just("away"), st.integers(1, 3), st.none()),
    st.tuples(st.just("restart"), st.none(), st.none()),
    st.tuples(st.just("lost"), st.none(), st.none()),
)
STORIES = st.lists(STEPS, min_size=3, max_size=9)


class World:
    """A desk, and people around it who do as a story says."""

    def __init__(self, folder: Path) -> None:
        self.scratch = Scratch(folder / "acme" / "flows.git")
        self.scratch.commit(
            {path("a"): flow("a"), path("c", "other"): flow("c"), suite("a"): suite_of()}
        )
        self.tests = RecordedTests()
        self.desk = Desk(folder / "data", self.scratch, tests=self.tests)
        self.desk.forge.permissions = {"boss": "write", "eve": "read"}
        self.count = 0
        self.approved: set[str] = set()
        self.strange: set[str] = set()
        """Every head that the fork ever had."""
        self.silent = False

    async def step(self, name: str, first: Any, second: Any) -> None:
        self.count += 1
        await getattr(self, f"_{name}")(first, second)

    async def _tell(self, action: str, number: int) -> None:
        if self.silent:  # the delivery is lost: the next sweep has to find it
            self.silent = False
            return
        await self.desk.tell("pull", action, number=number)

    async def _push(self, number: int, kind: str) -> None:
        text = str(self.count)
        changes: dict[str, Any] = {
            "good": {
                path("a" if number == 1 else f"n{number}"): flow(
                    "a" if number == 1 else f"n{number}", text
                )
            },
            "bad": {path("bad"): BROKEN + text.encode()},
            "readme": {"README": text.encode()},
            "clash": {"shared": f"{number} {text}".encode(), path("a"): flow("a", text)},
        }[kind]
        fork = {"head_repo": "stranger/flows"} if number == FORK else {}
        pull = self.desk.propose(number, changes, state="open", **fork)
        if number == FORK:
            self.strange.add(pull.head_sha)
        await self._tell("synchronize", number)

    async def _base(self, what: str, _: None) -> None:
        name = "shared" if what == "clash" else path(f"b{self.count}", what)
        text = b"base" if what == "clash" else flow(f"b{self.count}")
        self.scratch.commit({name: text + b"\n# " + str(self.count).encode()})
        await self.desk.outcome()
        await self.desk.sync.reporter.settled()
        await self.desk.reviews.settled()

    async def _draft(self, number: int, draft: bool) -> None:
        if number in self.desk.forge.pull_requests:
            self.desk.forge.change_pull(number, draft=draft)
            await self._tell("converted_to_draft" if draft else "ready_for_review", number)

    async def _close(self, number: int, state: str) -> None:
        if number in self.desk.forge.pull_requests:
            self.desk.forge.change_pull(number, state=state)
            await self._tell("reopened" if state == "open" else "closed", number)

    async def _approve(self, who: str, newest: bool) -> None:
        pull = self.desk.forge.pull_requests.get(FORK)
        if pull is None:
            return
        sha = pull.head_sha if newest else "0" * 40
        if who == "boss" and newest and pull.state == "open":
            self.approved.add(sha)
        await self.desk.comment(FORK, who, f"/headwater ok-to-test {sha}")

    async def _again(self, number: int, name: str) -> None:
        pull = self.desk.forge.pull_requests.get(number)
        if pull is not None:
            check = f"headwater/{name}"
            await self.desk.tell("check", "rerequested", sha=pull.head_sha, identifier=check)

    async def _away(self, times: int, _: None) -> None:
        self.desk.forge.failures = [Unavailable("away", retry_after=0) for _ in range(times)]
        await self.desk.reviews.sweep()
        await self.desk.reviews.settled()
        self.desk.forge.failures = []

    async def _restart(self, *_: None) -> None:
        await self.desk.restart()
        await self.desk.reviews.settled()

    async def _lost(self, *_: None) -> None:
        self.silent = True

    async def rest(self) -> None:
        """Let a sweep find what nobody told of, and wait for what comes of it."""
        self.desk.forge.failures = []
        await self.desk.reviews.sweep()
        await self.desk.reviews.settled()

    # -- the laws -----------------------------------------------------------------------------

    async def check(self) -> None:
        for number, pull in self.desk.forge.pull_requests.items():
            told = self.desk.told(pull.head_sha)
            if pull.state == "open":
                self._check_open(number, told, draft=pull.draft)
            waiting = await self.desk.pulls.reviews("main", number, states=("queued", "running"))
            assert waiting == [], "nothing waits for ever"
        self._check_heads()
        self._check_comments()
        self._check_tests()

    def _check_open(self, number: int, told: dict[str, str], *, draft: bool) -> None:
        assert told["validate"] in ("success", "failure"), "every head has a result"
        if draft:
            return
        assert told["plan"] in ("success", "neutral")
        head = self.desk.forge.pull_requests[number].head_sha
        if number == FORK and head not in self.approved:
            assert told["tests"] in ("queued", "neutral")
        else:
            assert told["tests"] in ("success", "neutral")

    def _check_heads(self) -> None:
        """No check goes on of a commit that is nobody's head any more."""
        heads = {each.head_sha for each in self.desk.forge.pull_requests.values()}
        for check in self.desk.forge.checks.values():
            if check.sha not in heads:
                assert check.state != "in_progress", check

    def _check_comments(self) -> None:
        for number in self.desk.forge.pull_requests:
            plans = [each for each in self.desk.forge.bodies(number) if each.startswith("<!--")]
            assert len(plans) <= 1, "one comment for each pull request"

    def _check_tests(self) -> None:
        """Nothing of a head of the fork ran that nobody approved."""
        for check in self.desk.forge.published:
            if check.context == "headwater/tests" and check.title.endswith("passed"):
                assert check.sha not in self.strange - self.approved


def suite(name: str) -> str:
    return f"tenants/main/namespaces/shop/tests/{name}.yaml"


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(STORIES)
async def test_every_story_ends_well(story: list[tuple[str, Any, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        async with world.desk.running():
            await world.desk.reviews.settled()
            for step in story:
                await world.step(*step)
            await world.rest()
            await world.check()
