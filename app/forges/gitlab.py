"""GitLab (implements `ports.Forge`): merge requests, notes, commit statuses."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from app.errors import Invalid, NotFound
from app.forges.calls import Api
from app.forges.gitlab_hooks import HooksApi
from app.forges.lacking import NoNetworks, NoTokens
from app.forges.statuses import cut
from app.ports import (
    Approval,
    Check,
    Comment,
    Hook,
    HookDelivery,
    NewPull,
    PullRequest,
)
from app.ports.forges import CheckState, DeploymentState, Permission, PullState

_PAGE = 100
_MOST_NOTE = 1_000_000
_MOST_DESCRIPTION = 255
_STATES: dict[CheckState, str] = {
    "queued": "pending",
    "in_progress": "running",
    "success": "success",
    "failure": "failed",
    "neutral": "success",
    "cancelled": "canceled",
}
_DEPLOYED: dict[DeploymentState, str] = {
    "pending": "created",
    "in_progress": "running",
    "success": "success",
    "failure": "failed",
    "inactive": "canceled",
}
_PULL_STATES: dict[str, PullState] = {"opened": "open", "merged": "merged"}
_DEVELOPER, _MAINTAINER, _GUEST = 30, 40, 10


class GitLab(NoNetworks, NoTokens):
    """A project at GitLab."""

    kind = "gitlab"
    has_checks = False

    def __init__(self, api: Api, repository: str, ref: str) -> None:
        """Ask `api` about `repository`; `ref` is the followed branch, for deployments."""
        self.repository = repository
        self._api = api
        self._ref = ref
        self._path = f"/projects/{quote(repository, safe='')}"
        self._hooks = HooksApi(api, self._path)
        self._names: dict[int, str] = {}
        """Projects by their number: forks."""

    # -- merge requests --------------------------------------------------------------------------

    async def current_name(self) -> str:
        """Return the repository's name as it is now."""
        return str((await self._api.get(self._path))["path_with_namespace"])

    async def pull(self, number: int) -> PullRequest:
        """Return a merge request."""
        return await self._pull(await self._api.get(f"{self._path}/merge_requests/{number}"))

    async def pulls(self, *, sha: str | None = None) -> list[PullRequest]:
        """Return open merge requests, or those that hold a commit."""
        query: dict[str, str | int] = {"per_page": _PAGE}
        if sha is None:
            path = f"{self._path}/merge_requests"
            query |= {"state": "opened", "order_by": "created_at", "sort": "asc"}
        else:
            path = f"{self._path}/repository/commits/{quote(sha, safe='')}/merge_requests"
        return [await self._pull(each) for each in await self._api.pages(path, query)]

    async def open_pull(self, new: NewPull) -> PullRequest:
        """Open a merge request; reviewers that GitLab does not know are left out."""
        body: dict[str, Any] = {
            "source_branch": new.head,
            "target_branch": new.base,
            "title": f"Draft: {new.title}" if new.draft else new.title,
            "description": cut(new.body, _MOST_NOTE),
        }
        if new.labels:
            body["labels"] = ",".join(new.labels)
        if known := await self._user_ids(new.reviewers):
            body["reviewer_ids"] = known
        return await self._pull(await self._api.send("POST", f"{self._path}/merge_requests", body))

    async def request_reviews(self, number: int, reviewers: Sequence[str]) -> None:
        """Ask for reviews, besides those that were asked for."""
        path = f"{self._path}/merge_requests/{number}"
        asked = [int(each["id"]) for each in (await self._api.get(path)).get("reviewers") or ()]
        wanted = list(dict.fromkeys([*asked, *await self._user_ids(reviewers)]))
        if wanted != asked:
            await self._api.send("PUT", path, {"reviewer_ids": wanted})

    async def close_pull(self, number: int) -> None:
        """Close a merge request."""
        path = f"{self._path}/merge_requests/{number}"
        await self._api.send("PUT", path, {"state_event": "close"})

    def pull_ref(self, number: int) -> str:
        """Return the ref of a merge request's head."""
        return f"refs/merge-requests/{number}/head"

    async def approvals(self, number: int) -> list[Approval]:
        """Return who approves. GitLab keeps no commit with an approval: it is of the head, unless
        the project is set to drop approvals when something is pushed, which is its default.
        """
        path = f"{self._path}/merge_requests/{number}"
        head = (await self._api.get(path)).get("sha") or ""
        found = await self._api.get(f"{path}/approvals")
        return [Approval(each["user"]["username"], head) for each in found.get("approved_by", ())]

    async def permission(self, user: str) -> Permission:
        """Return what somebody may do, also as a member of a group."""
        number = await self._user_id(user)
        if number is None:
            return "none"
        try:
            member = await self._api.get(f"{self._path}/members/all/{number}")
        except NotFound:
            return "none"
        level = int(member.get("access_level", 0))
        if member.get("state", "active") != "active" or level < _GUEST:
            return "none"
        return "admin" if level >= _MAINTAINER else "write" if level >= _DEVELOPER else "read"

    async def _user_ids(self, reviewers: Sequence[str]) -> list[int]:
        """Return the people whom GitLab knows; groups cannot be asked."""
        people = [await self._user_id(each) for each in reviewers if "/" not in each]
        return [each for each in people if each is not None]

    async def _user_id(self, user: str) -> int | None:
        for found in await self._api.get("/users", {"username": user}):
            if found["username"].casefold() == user.casefold():
                return int(found["id"])
        return None

    async def _pull(self, data: dict[str, Any]) -> PullRequest:
        state = _PULL_STATES.get(data["state"], "closed")
        return PullRequest(
            number=int(data["iid"]),
            title=data["title"],
            author=(data.get("author") or {}).get("username", ""),
            state=state,
            draft=bool(data.get("draft")),
            head_sha=data.get("sha") or "",
            head_ref=data["source_branch"],
            head_repo=await self._name(data.get("source_project_id"), data["target_project_id"]),
            base_sha=(data.get("diff_refs") or {}).get("base_sha") or "",
            base_ref=data["target_branch"],
            base_repo=self.repository,
            url=data.get("web_url", ""),
            merged_sha=_merged(data) if state == "merged" else None,
            labels=tuple(data.get("labels", ())),
            body=data.get("description") or "",
        )

    async def _name(self, project: int | None, own: int) -> str:
        """Return the path of a project, "" for one that is gone or hidden."""
        if project == own:
            return self.repository
        if project is None:
            return ""
        if project not in self._names:
            try:
                found = await self._api.get(f"/projects/{project}")
            except NotFound:
                return ""
            self._names[project] = str(found["path_with_namespace"])
        return self._names[project]

    # -- notes -----------------------------------------------------------------------------------

    async def comments(self, number: int) -> list[Comment]:
        """Return the notes that people wrote, oldest first."""
        query: dict[str, str | int] = {"sort": "asc", "order_by": "created_at", "per_page": _PAGE}
        return [
            Comment(str(each["id"]), (each.get("author") or {}).get("username", ""), each["body"])
            for each in await self._api.pages(self._notes(number), query)
            if not each.get("system")
        ]

    async def comment(self, number: int, body: str) -> str:
        """Write a note; return its id."""
        note = {"body": cut(body, _MOST_NOTE)}
        return str((await self._api.send("POST", self._notes(number), note))["id"])

    async def edit_comment(self, number: int, comment_id: str, body: str) -> None:
        """Replace a note."""
        path = f"{self._notes(number)}/{quote(comment_id, safe='')}"
        await self._api.send("PUT", path, {"body": cut(body, _MOST_NOTE)})

    async def acknowledge(self, number: int, comment_id: str) -> None:
        """React with eyes."""
        path = f"{self._notes(number)}/{quote(comment_id, safe='')}/award_emoji"
        await self._api.send("POST", path, {"name": "eyes"})

    def _notes(self, number: int) -> str:
        return f"{self._path}/merge_requests/{number}/notes"

    # -- what is told of commits -----------------------------------------------------------------

    async def publish(self, check: Check) -> str:
        """Tell of a commit by a commit status; the same state again is no error."""
        status = {
            "state": _STATES[check.state],
            "name": check.context,
            "description": cut(check.title, _MOST_DESCRIPTION),
        }
        if check.url:
            status["target_url"] = check.url
        try:
            path = f"{self._path}/statuses/{quote(check.sha, safe='')}"
            await self._api.send("POST", path, status)
        except Invalid as error:
            if "Cannot transition status" not in error.message:
                raise
        return ""

    async def deploy(
        self, sha: str, environment: str, state: DeploymentState, description: str, url: str = ""
    ) -> None:
        """Tell of a deployment; GitLab takes no description."""
        del description, url
        path = f"{self._path}/deployments"
        query: dict[str, str | int] = {
            "environment": environment,
            "order_by": "id",
            "sort": "desc",
            "per_page": _PAGE,
        }
        there = [each for each in await self._api.get(path, query) if each["sha"] == sha]
        if there:
            await self._api.send("PUT", f"{path}/{there[0]['id']}", {"status": _DEPLOYED[state]})
            return
        body = {
            "environment": environment,
            "sha": sha,
            "ref": self._ref,
            "tag": False,
            "status": _DEPLOYED[state],
        }
        await self._api.send("POST", path, body)

    # -- webhooks --------------------------------------------------------------------------------

    async def hook(self, url: str) -> Hook | None:
        """Return the webhook that calls `url`."""
        return await self._hooks.find(url)

    async def failed_deliveries(self, hook: Hook, since: str) -> list[HookDelivery]:
        """Return deliveries that failed and were not repeated well, oldest first."""
        return await self._hooks.failed(hook, since)

    async def redeliver(self, hook: Hook, delivery: HookDelivery) -> None:
        """Ask for a delivery again."""
        await self._hooks.redeliver(hook, delivery)


def _merged(data: dict[str, Any]) -> str | None:
    found = data.get("merge_commit_sha") or data.get("squash_commit_sha") or data.get("sha")
    return str(found) if found else None
