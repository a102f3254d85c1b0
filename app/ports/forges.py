"""What a Git forge (GitHub, GitLab, Gitea, Bitbucket) is asked and told: one repository each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

PullState = Literal["open", "closed", "merged"]
Permission = Literal["none", "read", "write", "admin"]
CheckState = Literal["queued", "in_progress", "success", "failure", "neutral", "cancelled"]
Level = Literal["failure", "warning", "notice"]
DeploymentState = Literal["pending", "in_progress", "success", "failure", "inactive"]

MOST_TEXT = 65_535
"""Characters that a summary, text or comment may have at GitHub; others take at least as many."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request (GitLab: merge request). Repositories are `owner/name`."""

    number: int
    title: str
    author: str
    state: PullState
    draft: bool
    head_sha: str
    head_ref: str
    head_repo: str
    base_sha: str
    base_ref: str
    base_repo: str
    url: str = ""
    merged_sha: str | None = None
    labels: tuple[str, ...] = ()
    body: str = ""

    @property
    def is_fork(self) -> bool:
        """Whether its head is in a repository of somebody else (or in one that is gone)."""
        return self.head_repo.casefold() != self.base_repo.casefold()


class NewPull(NamedTuple):
    """A pull request to open."""

    head: str
    base: str
    title: str
    body: str
    draft: bool = False
    reviewers: tuple[str, ...] = ()
    """Logins, and `org/team`."""
    labels: tuple[str, ...] = ()


class Comment(NamedTuple):
    """A comment of a pull request."""

    id: str
    author: str
    body: str


class Annotation(NamedTuple):
    """Something about lines of a file. Lines and columns count from 1; column 0: not known."""

    path: str
    line: int
    level: Level
    title: str
    message: str
    column: int = 0
    end_line: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """What is told about a commit under one name: a check run, else a commit status.

    `id` is what `publish` returned for the same check before; without it a new one is made.
    """

    sha: str
    context: str
    """Such as `headwater/validate`."""
    state: CheckState
    title: str
    summary: str = ""
    text: str = ""
    url: str = ""
    annotations: Sequence[Annotation] = ()
    actions: Sequence[tuple[str, str, str]] = ()
    """Buttons: label, description, identifier."""
    id: str | None = None


class Approval(NamedTuple):
    """An approving review: of whom, of which head."""

    user: str
    sha: str


class HookDelivery(NamedTuple):
    """A delivery as the forge's own log has it; `guid` is the same for a redelivery."""

    id: str
    guid: str
    event: str
    ok: bool
    delivered_at: str


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook of the repository that points here."""

    id: str
    events: frozenset[str] = frozenset()
    active: bool = True
    detail: Mapping[str, Any] = field(default_factory=dict)


class Forge(Protocol):
    """One repository at a forge.

    Raises, all of them: `Unavailable` (with `retry_after` where the forge tells one) when the
    forge does not answer, is over its limit or fails; `AuthFailed` for refused credentials;
    `NotFound`; `Forbidden` when the token may not; `Invalid` for what the forge will not take;
    `Unsupported` for what this forge has not. Texts of errors carry no credentials.
    """

    kind: str
    """github | gitlab | gitea | bitbucket"""
    repository: str
    """`owner/name`"""
    has_checks: bool
    """Whether checks carry annotations; commit statuses do not."""

    async def current_name(self) -> str:
        """Return the repository's name as it is now: it may have been renamed."""
        ...

    async def pull(self, number: int) -> PullRequest:
        """Return a pull request."""
        ...

    async def pulls(self, *, sha: str | None = None) -> list[PullRequest]:
        """Return the open pull requests; with `sha` those, open or not, that hold a commit."""
        ...

    async def open_pull(self, new: NewPull) -> PullRequest:
        """Open a pull request; reviewers that the forge does not take are left out."""
        ...

    async def request_reviews(self, number: int, reviewers: Sequence[str]) -> None:
        """Ask for reviews of a pull request; whom the forge does not take is left out."""
        ...

    async def close_pull(self, number: int) -> None:
        """Close a pull request without merging it."""
        ...

    def pull_ref(self, number: int) -> str:
        """Return the ref of the base repository that a pull request's head has."""
        ...

    async def approvals(self, number: int) -> list[Approval]:
        """Return the approving reviews that still hold, one a user."""
        ...

    async def permission(self, user: str) -> Permission:
        """Return what somebody may do in the repository."""
        ...

    async def comments(self, number: int) -> list[Comment]:
        """Return the comments of a pull request, oldest first."""
        ...

    async def comment(self, number: int, body: str) -> str:
        """Write a comment; return its id."""
        ...

    async def edit_comment(self, number: int, comment_id: str, body: str) -> None:
        """Replace a comment; raises `NotFound` when it is gone."""
        ...

    async def acknowledge(self, number: int, comment_id: str) -> None:
        """Show that a comment was seen (eyes)."""
        ...

    async def publish(self, check: Check) -> str:
        """Tell about a commit; return the id of the check for its next change ("" for statuses)."""
        ...

    async def deploy(
        self, sha: str, environment: str, state: DeploymentState, description: str, url: str = ""
    ) -> None:
        """Tell of a deployment of a commit."""
        ...

    async def hook(self, url: str) -> Hook | None:
        """Return the webhook whose address is `url`, None if there is none."""
        ...

    async def failed_deliveries(self, hook: Hook, since: str) -> list[HookDelivery]:
        """Return deliveries since a time (RFC 3339) that failed and were not repeated well."""
        ...

    async def redeliver(self, hook: Hook, delivery: HookDelivery) -> None:
        """Ask for a delivery again."""
        ...

    async def hook_networks(self) -> list[str]:
        """Return the networks (CIDR) that the forge delivers from."""
        ...

    async def read_token(self) -> tuple[str, str] | None:
        """Return user name and short-lived token for Git itself, None where there are none."""
        ...
