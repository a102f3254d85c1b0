"""What GitHub's API and those that were made after it (Gitea, Forgejo) have in common."""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from app.errors import Forbidden, Invalid, NotFound
from app.forges.calls import Api
from app.forges.statuses import cut, github_status
from app.ports import Approval, Check, Comment, PullRequest
from app.ports.forges import MOST_TEXT, Permission

_LEVELS: dict[str, Permission] = {
    "owner": "admin",
    "admin": "admin",
    "write": "write",
    "read": "read",
}


class GitHubLike:
    """A repository: its pull requests, comments and commit statuses (parts of `ports.Forge`)."""

    page: ClassVar[dict[str, int]]
    """How a list is asked for in large pages."""
    verdicts: ClassVar[frozenset[str]]
    """States of a review that replace what its author said before."""

    def __init__(self, api: Api, repository: str) -> None:
        """Ask `api` about `repository`."""
        self.repository = repository
        self._api = api
        self._path = f"/repos/{quote(repository)}"

    async def current_name(self) -> str:
        """Return the repository's name as it is now."""
        return str((await self._api.get(self._path))["full_name"])

    # -- pull requests ---------------------------------------------------------------------------

    async def pull(self, number: int) -> PullRequest:
        """Return a pull request."""
        return pull_of(await self._api.get(f"{self._path}/pulls/{number}"))

    async def close_pull(self, number: int) -> None:
        """Close a pull request."""
        await self._api.send("PATCH", f"{self._path}/pulls/{number}", {"state": "closed"})

    def pull_ref(self, number: int) -> str:
        """Return the ref of a pull request's head."""
        return f"refs/pull/{number}/head"

    async def approvals(self, number: int) -> list[Approval]:
        """Return approving reviews; the last verdict of each reviewer counts."""
        path = f"{self._path}/pulls/{number}/reviews"
        last: dict[str, dict[str, Any]] = {}
        for review in await self._api.pages(path, {**self.page}):
            user = (review.get("user") or {}).get("login")
            if user and review["state"] in self.verdicts:
                last[user] = review
        return [
            Approval(user, review.get("commit_id") or "")
            for user, review in last.items()
            if review["state"] == "APPROVED" and not review.get("dismissed")
        ]

    async def permission(self, user: str) -> Permission:
        """Return what somebody may do; nobody that the forge does not know may do anything."""
        path = f"{self._path}/collaborators/{quote(user, safe='')}/permission"
        try:
            found = await self._api.get(path)
        except NotFound:
            return "none"
        return _LEVELS.get(found.get("permission", ""), "none")

    async def _label(self, number: int, labels: tuple[str, ...]) -> None:
        path = f"{self._path}/issues/{number}/labels"
        await self._api.send("POST", path, {"labels": list(labels)})

    async def request_reviews(self, number: int, reviewers: Sequence[str]) -> None:
        """Ask for reviews; whom the forge does not take is left out."""
        for reviewer in reviewers:
            await self._request_review(number, reviewer)

    async def _request_review(self, number: int, reviewer: str) -> None:
        """Ask one at a time: all of them are refused for one that is not taken."""
        _, slash, team = reviewer.partition("/")
        asked = {"team_reviewers": [team]} if slash else {"reviewers": [reviewer]}
        try:
            await self._api.send("POST", f"{self._path}/pulls/{number}/requested_reviewers", asked)
        except (Invalid, Forbidden, NotFound):
            return

    # -- comments --------------------------------------------------------------------------------

    async def comments(self, number: int) -> list[Comment]:
        """Return the comments, oldest first."""
        path = f"{self._path}/issues/{number}/comments"
        return [
            Comment(
                str(each["id"]), (each.get("user") or {}).get("login", ""), each.get("body") or ""
            )
            for each in await self._api.pages(path, {**self.page})
        ]

    async def comment(self, number: int, body: str) -> str:
        """Write a comment; return its id."""
        path = f"{self._path}/issues/{number}/comments"
        return str((await self._api.send("POST", path, {"body": cut(body, MOST_TEXT)}))["id"])

    async def edit_comment(self, number: int, comment_id: str, body: str) -> None:  # noqa: ARG002 - other forges need the number
        """Replace a comment."""
        path = f"{self._path}/issues/comments/{quote(comment_id, safe='')}"
        await self._api.send("PATCH", path, {"body": cut(body, MOST_TEXT)})

    async def acknowledge(self, number: int, comment_id: str) -> None:  # noqa: ARG002 - as above
        """React with eyes."""
        path = f"{self._path}/issues/comments/{quote(comment_id, safe='')}/reactions"
        await self._api.send("POST", path, {"content": "eyes"})

    # -- what is told of commits -----------------------------------------------------------------

    async def publish(self, check: Check) -> str:
        """Tell of a commit by a commit status."""
        path = f"{self._path}/statuses/{quote(check.sha)}"
        await self._api.send("POST", path, github_status(check))
        return ""


def pull_of(data: dict[str, Any]) -> PullRequest:
    """Read a pull request; GitHub says when it was merged, Gitea that it was."""
    head, base = data["head"], data["base"]
    merged = bool(data.get("merged_at") or data.get("merged"))
    return PullRequest(
        number=int(data["number"]),
        title=data["title"],
        author=(data.get("user") or {}).get("login", ""),
        state="merged" if merged else "open" if data["state"] == "open" else "closed",
        draft=bool(data.get("draft")),
        head_sha=head["sha"],
        head_ref=head["ref"],
        head_repo=(head.get("repo") or {}).get("full_name", ""),
        base_sha=base["sha"],
        base_ref=base["ref"],
        base_repo=base["repo"]["full_name"],
        url=data.get("html_url", ""),
        merged_sha=data.get("merge_commit_sha") if merged else None,
        labels=tuple(each["name"] for each in data.get("labels") or ()),
        body=data.get("body") or "",
    )
