"""GitHub (implements `ports.Forge`): by a token, or as an App."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.errors import Forbidden, Invalid, NotFound
from app.forges.calls import Api
from app.forges.checks import ChecksApi
from app.forges.github_hooks import HooksApi
from app.forges.statuses import cut, github_status
from app.forges.tokens import Tokens
from app.ports import (
    Approval,
    Check,
    Comment,
    Hook,
    HookDelivery,
    NewPull,
    PullRequest,
)
from app.ports.forges import MOST_TEXT, DeploymentState, Permission

_PAGE = 100
_MOST_DESCRIPTION = 140
_LEVELS: dict[str, Permission] = {"admin": "admin", "write": "write", "read": "read"}


@dataclass(frozen=True, slots=True)
class AppAccess:
    """What a GitHub App has besides: its tokens, and the API as the App itself."""

    tokens: Tokens
    api: Api


class GitHub:
    """A repository at GitHub, or at a GitHub Enterprise Server."""

    kind = "github"

    def __init__(self, api: Api, repository: str, app: AppAccess | None = None) -> None:
        """Ask `api` about `repository`; `app` where it is an App that asks."""
        self.repository = repository
        self.has_checks = app is not None
        self._api = api
        self._app = app
        self._path = f"/repos/{quote(repository)}"
        self._checks = ChecksApi(api, self._path)
        self._hooks = HooksApi(api, self._path, app.api if app else None)

    # -- pull requests ---------------------------------------------------------------------------

    async def current_name(self) -> str:
        """Return the repository's name as it is now."""
        return str((await self._api.get(self._path))["full_name"])

    async def pull(self, number: int) -> PullRequest:
        """Return a pull request (see the port)."""
        return _pull(await self._api.get(f"{self._path}/pulls/{number}"))

    async def pulls(self, *, sha: str | None = None) -> list[PullRequest]:
        """Return open pull requests, or those that hold a commit (see the port)."""
        path = f"{self._path}/commits/{quote(sha)}/pulls" if sha else f"{self._path}/pulls"
        query: dict[str, str | int] = {"per_page": _PAGE}
        if sha is None:
            query |= {"state": "open", "sort": "created", "direction": "asc"}
        return [_pull(each) for each in await self._api.pages(path, query)]

    async def open_pull(self, new: NewPull) -> PullRequest:
        """Open a pull request (see the port)."""
        body = {
            "title": new.title,
            "head": new.head,
            "base": new.base,
            "body": cut(new.body, MOST_TEXT),
            "draft": new.draft,
        }
        made = await self._api.send("POST", f"{self._path}/pulls", body)
        number = int(made["number"])
        if new.labels:
            labels = {"labels": list(new.labels)}
            await self._api.send("POST", f"{self._path}/issues/{number}/labels", labels)
        for reviewer in new.reviewers:
            await self._request_review(number, reviewer)
        return await self.pull(number) if new.labels else _pull(made)

    async def _request_review(self, number: int, reviewer: str) -> None:
        """Ask one at a time: GitHub refuses all of them for one that it does not take."""
        _, slash, team = reviewer.partition("/")
        asked = {"team_reviewers": [team]} if slash else {"reviewers": [reviewer]}
        try:
            await self._api.send("POST", f"{self._path}/pulls/{number}/requested_reviewers", asked)
        except (Invalid, Forbidden, NotFound):
            return

    async def close_pull(self, number: int) -> None:
        """Close a pull request (see the port)."""
        await self._api.send("PATCH", f"{self._path}/pulls/{number}", {"state": "closed"})

    def pull_ref(self, number: int) -> str:
        """Return the ref of a pull request's head."""
        return f"refs/pull/{number}/head"

    async def approvals(self, number: int) -> list[Approval]:
        """Return approving reviews; the last one of each reviewer counts."""
        path = f"{self._path}/pulls/{number}/reviews"
        last: dict[str, dict[str, Any]] = {}
        for review in await self._api.pages(path, {"per_page": _PAGE}):
            user = (review.get("user") or {}).get("login")
            if user and review["state"] not in ("COMMENTED", "PENDING"):
                last[user] = review
        return [
            Approval(user, review.get("commit_id") or "")
            for user, review in last.items()
            if review["state"] == "APPROVED"
        ]

    async def permission(self, user: str) -> Permission:
        """Return what somebody may do; nobody that GitHub does not know may do anything."""
        path = f"{self._path}/collaborators/{quote(user, safe='')}/permission"
        try:
            found = await self._api.get(path)
        except NotFound:
            return "none"
        return _LEVELS.get(found.get("permission", ""), "none")

    # -- comments --------------------------------------------------------------------------------

    async def comments(self, number: int) -> list[Comment]:
        """Return the comments, oldest first."""
        path = f"{self._path}/issues/{number}/comments"
        return [
            Comment(
                str(each["id"]), (each.get("user") or {}).get("login", ""), each.get("body") or ""
            )
            for each in await self._api.pages(path, {"per_page": _PAGE})
        ]

    async def comment(self, number: int, body: str) -> str:
        """Write a comment; return its id."""
        path = f"{self._path}/issues/{number}/comments"
        made = await self._api.send("POST", path, {"body": cut(body, MOST_TEXT)})
        return str(made["id"])

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
        """Tell of a commit: as an App by a check run, else by a commit status."""
        if self._app is not None:
            return await self._checks.publish(check)
        path = f"{self._path}/statuses/{quote(check.sha)}"
        await self._api.send("POST", path, github_status(check))
        return ""

    async def deploy(
        self, sha: str, environment: str, state: DeploymentState, description: str, url: str = ""
    ) -> None:
        """Tell of a deployment: of the one that the commit has in the environment, or a new one."""
        path = f"{self._path}/deployments"
        there = await self._api.get(path, {"sha": sha, "environment": environment, "per_page": 1})
        if there:
            number = there[0]["id"]
        else:
            body = {
                "ref": sha,
                "environment": environment,
                "auto_merge": False,
                "required_contexts": [],
                "description": cut(description, _MOST_DESCRIPTION),
            }
            number = (await self._api.send("POST", path, body))["id"]
        status = {"state": state, "description": cut(description, _MOST_DESCRIPTION)}
        if url:
            status["log_url"] = url
        await self._api.send("POST", f"{path}/{number}/statuses", status)

    # -- webhooks --------------------------------------------------------------------------------

    async def hook(self, url: str) -> Hook | None:
        """Return the webhook that calls `url`: of the App, or of the repository."""
        return await self._hooks.find(url)

    async def failed_deliveries(self, hook: Hook, since: str) -> list[HookDelivery]:
        """Return deliveries that failed and were not repeated well, oldest first."""
        return await self._hooks.failed(hook, since)

    async def redeliver(self, hook: Hook, delivery: HookDelivery) -> None:
        """Ask for a delivery again."""
        await self._hooks.redeliver(hook, delivery)

    async def hook_networks(self) -> list[str]:
        """Return where GitHub delivers from."""
        return [str(each) for each in (await self._api.get("/meta")).get("hooks", [])]

    async def read_token(self) -> tuple[str, str] | None:
        """Return the App's token for Git itself."""
        if self._app is None:
            return None
        return "x-access-token", await self._app.tokens.token()


def _pull(data: dict[str, Any]) -> PullRequest:
    head, base = data["head"], data["base"]
    merged = bool(data.get("merged_at"))
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
        labels=tuple(each["name"] for each in data.get("labels", ())),
        body=data.get("body") or "",
    )
