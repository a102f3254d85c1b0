"""Gitea and Forgejo (implement `ports.Forge`): much as GitHub, without checks and deployments."""

from typing import Any
from urllib.parse import quote

from app.errors import Forbidden, Invalid, NotFound
from app.forges.calls import Api
from app.forges.lacking import NoDeliveryLog, NoDeployments, NoNetworks, NoTokens
from app.forges.statuses import cut, github_status
from app.ports import (
    Approval,
    Check,
    Comment,
    Hook,
    NewPull,
    PullRequest,
)
from app.ports.forges import MOST_TEXT, Permission

_PAGE = 50
_LEVELS: dict[str, Permission] = {
    "owner": "admin",
    "admin": "admin",
    "write": "write",
    "read": "read",
}


class Gitea(NoDeliveryLog, NoDeployments, NoNetworks, NoTokens):
    """A repository at Gitea or Forgejo."""

    kind = "gitea"
    has_checks = False

    def __init__(self, api: Api, repository: str) -> None:
        """Ask `api` about `repository`."""
        self.repository = repository
        self._api = api
        self._path = f"/repos/{quote(repository)}"

    # -- pull requests ---------------------------------------------------------------------------

    async def current_name(self) -> str:
        """Return the repository's name as it is now."""
        return str((await self._api.get(self._path))["full_name"])

    async def pull(self, number: int) -> PullRequest:
        """Return a pull request."""
        return _pull(await self._api.get(f"{self._path}/pulls/{number}"))

    async def pulls(self, *, sha: str | None = None) -> list[PullRequest]:
        """Return open pull requests, or those whose head a commit is, and the one it merged."""
        query: dict[str, str | int] = {"state": "open", "sort": "oldest", "limit": _PAGE}
        found = [_pull(each) for each in await self._api.pages(f"{self._path}/pulls", query)]
        if sha is None:
            return found
        return [each for each in found if each.head_sha == sha] + await self._merged(sha)

    async def _merged(self, sha: str) -> list[PullRequest]:
        try:
            return [_pull(await self._api.get(f"{self._path}/commits/{quote(sha)}/pull"))]
        except NotFound:
            return []

    async def open_pull(self, new: NewPull) -> PullRequest:
        """Open a pull request; reviewers and labels that Gitea does not take are left out."""
        body = {
            "title": f"WIP: {new.title}" if new.draft else new.title,
            "head": new.head,
            "base": new.base,
            "body": cut(new.body, MOST_TEXT),
        }
        number = int((await self._api.send("POST", f"{self._path}/pulls", body))["number"])
        if new.labels:
            path = f"{self._path}/issues/{number}/labels"
            await self._try_to("POST", path, {"labels": list(new.labels)})
        for reviewer in new.reviewers:
            _, slash, team = reviewer.partition("/")
            asked = {"team_reviewers": [team]} if slash else {"reviewers": [reviewer]}
            await self._try_to("POST", f"{self._path}/pulls/{number}/requested_reviewers", asked)
        return await self.pull(number)

    async def _try_to(self, method: str, path: str, body: dict[str, Any]) -> None:
        try:
            await self._api.send(method, path, body)
        except (Invalid, NotFound, Forbidden):
            return

    async def close_pull(self, number: int) -> None:
        """Close a pull request."""
        await self._api.send("PATCH", f"{self._path}/pulls/{number}", {"state": "closed"})

    def pull_ref(self, number: int) -> str:
        """Return the ref of a pull request's head."""
        return f"refs/pull/{number}/head"

    async def approvals(self, number: int) -> list[Approval]:
        """Return approving reviews; the last one of each reviewer counts."""
        path = f"{self._path}/pulls/{number}/reviews"
        last: dict[str, dict[str, Any]] = {}
        for review in await self._api.pages(path, {"limit": _PAGE}):
            user = (review.get("user") or {}).get("login")
            if user and review["state"] in ("APPROVED", "REQUEST_CHANGES"):
                last[user] = review
        return [
            Approval(user, review.get("commit_id") or "")
            for user, review in last.items()
            if review["state"] == "APPROVED" and not review.get("dismissed")
        ]

    async def permission(self, user: str) -> Permission:
        """Return what somebody may do."""
        path = f"{self._path}/collaborators/{quote(user, safe='')}/permission"
        try:
            found = await self._api.get(path)
        except NotFound:
            return "none"
        return _LEVELS.get(found.get("permission", ""), "none")

    # -- comments --------------------------------------------------------------------------------

    async def comments(self, number: int) -> list[Comment]:
        """Return the comments, oldest first."""
        return [
            Comment(str(each["id"]), (each.get("user") or {}).get("login", ""), each["body"])
            for each in await self._api.pages(f"{self._path}/issues/{number}/comments")
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

    # -- webhooks --------------------------------------------------------------------------------

    async def hook(self, url: str) -> Hook | None:
        """Return the webhook that calls `url`."""
        for each in await self._api.pages(f"{self._path}/hooks", {"limit": _PAGE}):
            if (each.get("config") or {}).get("url") == url:
                events = frozenset(each.get("events", ()))
                return Hook(str(each["id"]), events, active=bool(each.get("active")))
        return None


def _pull(data: dict[str, Any]) -> PullRequest:
    head, base = data["head"], data["base"]
    merged = bool(data.get("merged"))
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
