"""GitHub (implements `ports.Forge`): by a token, or as an App."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from app.forges.calls import Api
from app.forges.checks import ChecksApi
from app.forges.github_hooks import HooksApi
from app.forges.github_like import GitHubLike, pull_of
from app.forges.statuses import cut
from app.forges.tokens import Tokens
from app.ports import Check, Hook, HookDelivery, NewPull, PullRequest
from app.ports.forges import MOST_TEXT, DeploymentState

_MOST_DESCRIPTION = 140


@dataclass(frozen=True, slots=True)
class AppAccess:
    """What a GitHub App has besides: its tokens, and the API as the App itself."""

    tokens: Tokens
    api: Api


class GitHub(GitHubLike):
    """A repository at GitHub, or at a GitHub Enterprise Server."""

    kind = "github"
    page: ClassVar = {"per_page": 100}
    verdicts: ClassVar = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})

    def __init__(self, api: Api, repository: str, app: AppAccess | None = None) -> None:
        """Ask `api` about `repository`; `app` where it is an App that asks."""
        super().__init__(api, repository)
        self.has_checks = app is not None
        self._app = app
        self._checks = ChecksApi(api, self._path)
        self._hooks = HooksApi(api, self._path, app.api if app else None)

    # -- pull requests ---------------------------------------------------------------------------

    async def pulls(self, *, sha: str | None = None) -> list[PullRequest]:
        """Return open pull requests, or those that hold a commit (see the port)."""
        path = f"{self._path}/commits/{quote(sha)}/pulls" if sha else f"{self._path}/pulls"
        query: dict[str, str | int] = {**self.page}
        if sha is None:
            query |= {"state": "open", "sort": "created", "direction": "asc"}
        return [pull_of(each) for each in await self._api.pages(path, query)]

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
            await self._label(number, new.labels)
        await self.request_reviews(number, new.reviewers)
        return await self.pull(number) if new.labels else pull_of(made)

    # -- what is told of commits -----------------------------------------------------------------

    async def publish(self, check: Check) -> str:
        """Tell of a commit: as an App by a check run, else by a commit status."""
        if self._app is not None:
            return await self._checks.publish(check)
        return await super().publish(check)

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
