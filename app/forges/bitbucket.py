"""Bitbucket Cloud (implements `ports.Forge`): pull requests, comments, build statuses.

People are named by their `uuid`: nicknames are neither unique nor fixed, and who may run a command
is decided by this name.
"""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from app.errors import NotFound, Unsupported
from app.forges.calls import Api
from app.forges.lacking import NoDeliveryLog, NoDeployments, NoNetworks, NoTokens
from app.forges.statuses import cut
from app.ports import (
    Approval,
    Check,
    Comment,
    Hook,
    NewPull,
    PullRequest,
)
from app.ports.forges import CheckState, Permission, PullState

_PAGE = 50
_MOST_COMMENT = 32_768
_MOST_KEY = 40
_MOST_DESCRIPTION = 255
_FULL_SHA = 40
_STATES: dict[CheckState, str] = {
    "queued": "INPROGRESS",
    "in_progress": "INPROGRESS",
    "success": "SUCCESSFUL",
    "failure": "FAILED",
    "neutral": "SUCCESSFUL",
    "cancelled": "STOPPED",
}
_PULL_STATES: dict[str, PullState] = {"OPEN": "open", "MERGED": "merged"}
_LEVELS: dict[str, Permission] = {"admin": "admin", "write": "write", "read": "read"}


class Bitbucket(NoDeliveryLog, NoDeployments, NoNetworks, NoTokens):
    """A repository at Bitbucket Cloud."""

    kind = "bitbucket"
    has_checks = False

    def __init__(self, api: Api, repository: str) -> None:
        """Ask `api` about `repository`."""
        self.repository = repository
        self._api = api
        self._path = f"/repositories/{quote(repository)}"
        self._heads: dict[int, str] = {}
        """Branches of the pull requests that were asked for; those of forks have none here."""
        self._full: dict[str, str] = {}
        """Object ids by their first digits, which are all that pull requests have."""

    # -- pull requests ---------------------------------------------------------------------------

    async def current_name(self) -> str:
        """Return the repository's name as it is now."""
        return str((await self._api.get(self._path))["full_name"])

    async def pull(self, number: int) -> PullRequest:
        """Return a pull request."""
        return await self._pull(await self._api.get(f"{self._path}/pullrequests/{number}"))

    async def pulls(self, *, sha: str | None = None) -> list[PullRequest]:
        """Return open pull requests, or those that hold a commit."""
        query: dict[str, str | int] = {"pagelen": _PAGE}
        if sha is None:
            path = f"{self._path}/pullrequests"
            query |= {"state": "OPEN", "sort": "created_on"}
        else:
            path = f"{self._path}/commit/{quote(sha)}/pullrequests"
        found = await self._api.pages(path, query, key="values")
        if sha is None:
            return [await self._pull(each) for each in found]
        return [await self.pull(int(each["id"])) for each in found]

    async def open_pull(self, new: NewPull) -> PullRequest:
        """Open a pull request; reviewers are left out: people's names are not in CODEOWNERS."""
        body = {
            "title": new.title,
            "description": cut(new.body, _MOST_COMMENT),
            "source": {"branch": {"name": new.head}},
            "destination": {"branch": {"name": new.base}},
            "draft": new.draft,
        }
        return await self._pull(await self._api.send("POST", f"{self._path}/pullrequests", body))

    async def request_reviews(self, number: int, reviewers: Sequence[str]) -> None:
        """Ask nobody, as when one is opened."""

    async def close_pull(self, number: int) -> None:
        """Decline a pull request."""
        await self._api.send("POST", f"{self._path}/pullrequests/{number}/decline")

    def pull_ref(self, number: int) -> str:
        """Return the branch of a pull request that was asked for: Bitbucket has no other ref.

        Raises:
            Unsupported: for one of a fork, whose head this repository does not have.
        """
        if number not in self._heads:
            message = f"Bitbucket Cloud has no ref of pull request {number}: it is of a fork"
            raise Unsupported(message)
        return self._heads[number]

    async def approvals(self, number: int) -> list[Approval]:
        """Return who approves the head: a push withdraws approvals where the repository says so."""
        data = await self._api.get(f"{self._path}/pullrequests/{number}")
        head = await self._whole(data["source"]["commit"])
        return [
            Approval(each["user"]["uuid"], head)
            for each in data.get("participants", ())
            if each.get("approved")
        ]

    async def permission(self, user: str) -> Permission:
        """Return what somebody, named by `uuid`, may do."""
        workspace, _, name = self.repository.partition("/")
        path = f"/workspaces/{quote(workspace)}/permissions/repositories/{quote(name)}"
        wanted = user.replace('"', "").replace("\\", "")
        try:
            found = await self._api.get(path, {"q": f'user.uuid="{wanted}"'})
        except NotFound:
            return "none"
        for each in found.get("values", ()):
            if each["user"]["uuid"] == user:
                return _LEVELS.get(each["permission"], "none")
        return "none"

    async def _pull(self, data: dict[str, Any]) -> PullRequest:
        source, target = data["source"], data["destination"]
        state = _PULL_STATES.get(data["state"], "closed")
        merge = data.get("merge_commit")
        number = int(data["id"])
        theirs = (source.get("repository") or {}).get("full_name", "")
        if theirs.casefold() == target["repository"]["full_name"].casefold():
            self._heads[number] = f"refs/heads/{source['branch']['name']}"
        return PullRequest(
            number=number,
            title=data["title"],
            author=(data.get("author") or {}).get("uuid", ""),
            state=state,
            draft=bool(data.get("draft")),
            head_sha=await self._whole(source["commit"]),
            head_ref=source["branch"]["name"],
            head_repo=theirs,
            base_sha=await self._whole(target["commit"]),
            base_ref=target["branch"]["name"],
            base_repo=target["repository"]["full_name"],
            url=((data.get("links") or {}).get("html") or {}).get("href", ""),
            merged_sha=await self._whole(merge) if state == "merged" and merge else None,
            body=data.get("description") or "",
        )

    async def _whole(self, commit: dict[str, Any] | None) -> str:
        """Return a whole object id: pull requests have twelve digits of it."""
        short = str((commit or {}).get("hash", ""))
        if not short or len(short) >= _FULL_SHA:
            return short
        if short not in self._full:
            try:
                found = await self._api.get(f"{self._path}/commit/{quote(short)}")
            except NotFound:
                return short  # of a fork that is gone
            self._full[short] = str(found["hash"])
        return self._full[short]

    # -- comments --------------------------------------------------------------------------------

    async def comments(self, number: int) -> list[Comment]:
        """Return the comments, oldest first, without those at lines."""
        found = await self._api.pages(
            self._comments(number), {"pagelen": _PAGE, "sort": "created_on"}, key="values"
        )
        return [
            Comment(str(each["id"]), (each.get("user") or {}).get("uuid", ""), _raw(each))
            for each in found
            if not each.get("deleted") and not each.get("inline")
        ]

    async def comment(self, number: int, body: str) -> str:
        """Write a comment; return its id."""
        content = {"content": {"raw": cut(body, _MOST_COMMENT)}}
        return str((await self._api.send("POST", self._comments(number), content))["id"])

    async def edit_comment(self, number: int, comment_id: str, body: str) -> None:
        """Replace a comment."""
        path = f"{self._comments(number)}/{quote(comment_id, safe='')}"
        await self._api.send("PUT", path, {"content": {"raw": cut(body, _MOST_COMMENT)}})

    async def acknowledge(self, number: int, comment_id: str) -> None:
        """Refuse: comments of Bitbucket have no reactions."""
        message = f"Bitbucket has no reactions: comment {comment_id} of {number} stays as it is"
        raise Unsupported(message)

    def _comments(self, number: int) -> str:
        return f"{self._path}/pullrequests/{number}/comments"

    # -- what is told of commits -----------------------------------------------------------------

    async def publish(self, check: Check) -> str:
        """Tell of a commit by a build status."""
        status = {
            "key": _key(check.context),
            "name": check.context,
            "state": _STATES[check.state],
            "description": cut(check.title, _MOST_DESCRIPTION),
            "url": check.url or f"https://bitbucket.org/{self.repository}/commits/{check.sha}",
        }
        path = f"{self._path}/commit/{quote(check.sha)}/statuses/build"
        await self._api.send("POST", path, status)
        return ""

    # -- webhooks --------------------------------------------------------------------------------

    async def hook(self, url: str) -> Hook | None:
        """Return the webhook that calls `url`."""
        query = {"pagelen": _PAGE}
        for each in await self._api.pages(f"{self._path}/hooks", query, key="values"):
            if each.get("url") == url:
                events = frozenset(each.get("events", ()))
                return Hook(str(each["uuid"]), events, active=bool(each.get("active")))
        return None


def _raw(comment: dict[str, Any]) -> str:
    return (comment.get("content") or {}).get("raw") or ""


def _key(context: str) -> str:
    """Return a context as a key, which is short: long ones end in a digest."""
    if len(context) <= _MOST_KEY:
        return context
    digest = hashlib.sha256(context.encode()).hexdigest()[:8]
    return f"{context[: _MOST_KEY - 9]}-{digest}"
