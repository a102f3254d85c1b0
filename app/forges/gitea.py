"""Gitea and Forgejo (implement `ports.Forge`): much as GitHub, without checks and deployments."""

from contextlib import suppress
from typing import ClassVar
from urllib.parse import quote

from app.errors import Forbidden, Invalid, NotFound
from app.forges.github_like import GitHubLike, pull_of
from app.forges.lacking import NoDeliveryLog, NoDeployments, NoNetworks, NoTokens
from app.forges.statuses import cut
from app.ports import Hook, NewPull, PullRequest
from app.ports.forges import MOST_TEXT


class Gitea(NoDeliveryLog, NoDeployments, NoNetworks, NoTokens, GitHubLike):
    """A repository at Gitea or Forgejo."""

    kind = "gitea"
    has_checks = False
    page: ClassVar = {"limit": 50}
    verdicts: ClassVar = frozenset({"APPROVED", "REQUEST_CHANGES"})

    async def pulls(self, *, sha: str | None = None) -> list[PullRequest]:
        """Return open pull requests, or those whose head a commit is, and the one it merged."""
        query: dict[str, str | int] = {"state": "open", "sort": "oldest", **self.page}
        found = [pull_of(each) for each in await self._api.pages(f"{self._path}/pulls", query)]
        if sha is None:
            return found
        return [each for each in found if each.head_sha == sha] + await self._merged(sha)

    async def _merged(self, sha: str) -> list[PullRequest]:
        try:
            return [pull_of(await self._api.get(f"{self._path}/commits/{quote(sha)}/pull"))]
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
            with suppress(Invalid, NotFound, Forbidden):
                await self._label(number, new.labels)
        await self.request_reviews(number, new.reviewers)
        return await self.pull(number)

    async def hook(self, url: str) -> Hook | None:
        """Return the webhook that calls `url`."""
        for each in await self._api.pages(f"{self._path}/hooks", {**self.page}):
            if (each.get("config") or {}).get("url") == url:
                events = frozenset(each.get("events", ()))
                return Hook(str(each["id"]), events, active=bool(each.get("active")))
        return None
