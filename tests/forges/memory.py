"""A forge in memory (implements `ports.Forge`): tests read and set its state, plain fields."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from app.errors import Forbidden, HeadwaterError, Invalid, NotFound, Unsupported
from app.ports import (
    Annotation,
    Approval,
    Check,
    Comment,
    Hook,
    HookDelivery,
    NewPull,
    PullRequest,
)
from app.ports.forges import MOST_TEXT, DeploymentState, Permission

BOT = "headwater[bot]"


class Review(NamedTuple):
    """A review; the last one of a user counts."""

    user: str
    sha: str
    state: str = "APPROVED"


class Deployment(NamedTuple):
    """What was told of a deployment."""

    sha: str
    environment: str
    state: DeploymentState
    description: str
    url: str


class MemoryForge:
    """One repository at a forge that never was."""

    def __init__(
        self, repository: str = "acme/flows", *, kind: str = "github", has_checks: bool = True
    ) -> None:
        self.kind = kind
        self.repository = repository
        self.has_checks = has_checks
        self.pull_requests: dict[int, PullRequest] = {}
        self.commits: dict[int, set[str]] = {}
        """Commits of a pull request besides its head and its merge."""
        self.reviewers: dict[int, tuple[str, ...]] = {}
        self.reviews: dict[int, list[Review]] = {}
        self.permissions: dict[str, Permission] = {}
        self.threads: dict[int, list[Comment]] = {}
        self.eyes: list[tuple[int, str]] = []
        """Comments that were acknowledged."""
        self.checks: dict[str, Check] = {}
        """What each check says now, by its id; statuses by `sha/context`."""
        self.published: list[Check] = []
        """Everything that was told, in order."""
        self.deployments: list[Deployment] = []
        self.hooks: dict[str, Hook] = {}
        """Webhooks by the address they call."""
        self.deliveries: list[HookDelivery] = []
        self.redelivered: list[str] = []
        """Ids of deliveries that were asked for again."""
        self.networks: list[str] = []
        self.renamed_to = ""
        self.token: tuple[str, str] | None = None
        self.failures: list[HeadwaterError] = []
        """Raised by the next calls, one each."""
        self.broken: dict[str, HeadwaterError] = {}
        """Raised by every call of a method."""
        self.edits_all = False
        """Whether we may change comments of others, as who may write at GitHub can."""
        self.has_fork_refs = True
        """Whether heads of forks have a ref here; at Bitbucket they have none."""
        self.calls: list[str] = []
        """The methods that were called, in order."""
        self._ids = count(1)

    # -- for tests ----------------------------------------------------------------------------

    def add_pull(self, number: int | None = None, **values: object) -> PullRequest:
        """Open a pull request of somebody else; `values` are fields of `PullRequest`."""
        number = number or self._next_number()
        fields: dict[str, object] = {
            "title": f"Change {number}",
            "author": "ann",
            "state": "open",
            "draft": False,
            "head_sha": f"{number:040x}",
            "head_ref": f"change-{number}",
            "head_repo": self.repository,
            "base_sha": "0" * 40,
            "base_ref": "main",
            "base_repo": self.repository,
            "url": f"https://forge.example/{self.repository}/pull/{number}",
        }
        pull = PullRequest(number=number, **(fields | values))  # type: ignore[arg-type]
        self.pull_requests[number] = pull
        self.threads.setdefault(number, [])
        return pull

    def change_pull(self, number: int, **values: object) -> PullRequest:
        """Change fields of a pull request: a push, a merge, an edit."""
        pull = replace(self.pull_requests[number], **values)  # type: ignore[arg-type]
        self.pull_requests[number] = pull
        return pull

    def say(self, number: int, author: str, body: str) -> str:
        """Write a comment as somebody; return its id."""
        comment = Comment(str(next(self._ids)), author, body)
        self.threads.setdefault(number, []).append(comment)
        return comment.id

    def bodies(self, number: int) -> list[str]:
        """Return the texts of a pull request's comments."""
        return [each.body for each in self.threads.get(number, [])]

    def check_of(self, sha: str, context: str) -> Check | None:
        """Return what was told last about a commit under a name."""
        told = [each for each in self.published if (each.sha, each.context) == (sha, context)]
        return told[-1] if told else None

    def annotations(self, sha: str, context: str) -> Sequence[Annotation]:
        """Return the annotations that a commit has under a name."""
        check = self.check_of(sha, context)
        return check.annotations if check else ()

    # -- the port -----------------------------------------------------------------------------

    async def current_name(self) -> str:
        await self._called("current_name")
        return self.renamed_to or self.repository

    async def pull(self, number: int) -> PullRequest:
        await self._called("pull")
        return self._pull(number)

    async def pulls(self, *, sha: str | None = None) -> list[PullRequest]:
        await self._called("pulls")
        found = [self.pull_requests[number] for number in sorted(self.pull_requests)]
        if sha is None:
            return [each for each in found if each.state == "open"]
        return [each for each in found if sha in self._commits(each)]

    async def open_pull(self, new: NewPull) -> PullRequest:
        await self._called("open_pull")
        there = [each for each in self.pull_requests.values() if each.state == "open"]
        if any((each.head_ref, each.base_ref) == (new.head, new.base) for each in there):
            message = f"a pull request already exists for {new.head}"
            raise Invalid(message)
        pull = self.add_pull(
            title=new.title,
            author=BOT,
            draft=new.draft,
            head_ref=new.head,
            base_ref=new.base,
            labels=new.labels,
            body=new.body,
        )
        self.reviewers[pull.number] = tuple(each for each in new.reviewers if each != BOT)
        return pull

    async def request_reviews(self, number: int, reviewers: Sequence[str]) -> None:
        await self._called("request_reviews")
        self._pull(number)
        asked = [*self.reviewers.get(number, ()), *(each for each in reviewers if each != BOT)]
        self.reviewers[number] = tuple(dict.fromkeys(asked))

    async def close_pull(self, number: int) -> None:
        await self._called("close_pull")
        if self._pull(number).state == "open":
            self.change_pull(number, state="closed")

    def pull_ref(self, number: int) -> str:
        pull = self.pull_requests.get(number)
        if pull is not None and pull.is_fork and not self.has_fork_refs:
            message = f"there is no ref of pull request {number}: it is of a fork"
            raise Unsupported(message)
        return f"refs/pull/{number}/head"

    async def approvals(self, number: int) -> list[Approval]:
        await self._called("approvals")
        self._pull(number)
        last: dict[str, Review] = {}
        for review in self.reviews.get(number, []):
            if review.state != "COMMENTED":
                last[review.user] = review
        return [Approval(each.user, each.sha) for each in last.values() if each.state == "APPROVED"]

    async def permission(self, user: str) -> Permission:
        await self._called("permission")
        return self.permissions.get(user, "none")

    async def comments(self, number: int) -> list[Comment]:
        await self._called("comments")
        self._pull(number)
        return list(self.threads[number])

    async def comment(self, number: int, body: str) -> str:
        await self._called("comment")
        self._pull(number)
        _check_text(body)
        return self.say(number, BOT, body)

    async def edit_comment(self, number: int, comment_id: str, body: str) -> None:
        await self._called("edit_comment")
        place = self._comment(number, comment_id)
        _check_text(body)
        there = self.threads[number][place]
        if there.author != BOT and not self.edits_all:
            message = f"comment {comment_id} is of {there.author}"
            raise Forbidden(message)
        self.threads[number][place] = there._replace(body=body)

    async def acknowledge(self, number: int, comment_id: str) -> None:
        await self._called("acknowledge")
        self._comment(number, comment_id)
        self.eyes.append((number, comment_id))

    async def publish(self, check: Check) -> str:
        await self._called("publish")
        for text in (check.title, check.summary, check.text):
            _check_text(text)
        self.published.append(check)
        if not self.has_checks:
            self.checks[f"{check.sha}/{check.context}"] = check
            return ""
        known = check.id if check.id in self.checks else str(next(self._ids))
        assert known is not None
        self.checks[known] = replace(check, id=known)
        return known

    async def deploy(
        self, sha: str, environment: str, state: DeploymentState, description: str, url: str = ""
    ) -> None:
        await self._called("deploy")
        self.deployments.append(Deployment(sha, environment, state, description, url))

    async def hook(self, url: str) -> Hook | None:
        await self._called("hook")
        return self.hooks.get(url)

    async def failed_deliveries(self, hook: Hook, since: str) -> list[HookDelivery]:
        await self._called("failed_deliveries")
        good = {each.guid for each in self.deliveries if each.ok}
        failed = {
            each.guid: each
            for each in self.deliveries
            if not each.ok and each.guid not in good and each.delivered_at >= since
        }
        return list(failed.values())

    async def redeliver(self, hook: Hook, delivery: HookDelivery) -> None:
        await self._called("redeliver")
        self.redelivered.append(delivery.id)

    async def hook_networks(self) -> list[str]:
        await self._called("hook_networks")
        return list(self.networks)

    async def read_token(self) -> tuple[str, str] | None:
        await self._called("read_token")
        return self.token

    # -- within -------------------------------------------------------------------------------

    async def _called(self, name: str) -> None:
        """Yield, as the real ones do, and fail if a test wants it."""
        self.calls.append(name)
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        if name in self.broken:
            raise self.broken[name]

    def _next_number(self) -> int:
        return max(self.pull_requests, default=0) + 1

    def _pull(self, number: int) -> PullRequest:
        found = self.pull_requests.get(number)
        if found is None:
            message = f"{self.repository} has no pull request {number}"
            raise NotFound(message)
        return found

    def _commits(self, pull: PullRequest) -> set[str | None]:
        return {pull.head_sha, pull.merged_sha, *self.commits.get(pull.number, ())}

    def _comment(self, number: int, comment_id: str) -> int:
        for place, each in enumerate(self.threads.get(number, [])):
            if each.id == comment_id:
                return place
        message = f"pull request {number} has no comment {comment_id}"
        raise NotFound(message)


def _check_text(text: str) -> None:
    if len(text) > MOST_TEXT:
        message = f"a text has {len(text)} characters, {MOST_TEXT} are allowed"
        raise Invalid(message)
