"""Which client speaks to a source's forge."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.config import OidcSettings, SourceSettings
from app.errors import BadRequest
from app.forges.bitbucket import Bitbucket
from app.forges.calls import Access, Api, Headers
from app.forges.gitea import Gitea
from app.forges.github import AppAccess, GitHub
from app.forges.gitlab import GitLab
from app.forges.repositories import repository_of
from app.plugins.http import AddressPolicy, Egress, LateClient, Limits
from app.ports import Clock, Forge

if TYPE_CHECKING:
    from app.forges.oidc import Issuers

_PER_HOST = 8
_GITHUB = "https://api.github.com"
_GITLAB = "https://gitlab.com/api/v4"
_BITBUCKET = "https://api.bitbucket.org/2.0"
_GITHUB_HEADERS = (
    ("accept", "application/vnd.github+json"),
    ("x-github-api-version", "2022-11-28"),
)
_MOST_BYTES = 16 << 20


class Forges:
    """The clients of all forges of a node, over connections of their own.

    They may call whatever `forge_url` names, also on this machine: an administrator set it. Tasks,
    which anybody writes, keep their own client with its stricter rules.
    """

    def __init__(self, clock: Clock, egress: Egress | None = None) -> None:
        """Nothing is connected yet; what is never called at all is never called here either."""
        anywhere = AddressPolicy(allow_loopback=True, allow_private=True)
        self._clock = clock
        self._issuers: Issuers | None = None
        self.http = LateClient(
            anywhere if egress is None else egress.trusted(),
            per_host=_PER_HOST,
            inline_bytes=_MOST_BYTES,
            limits=Limits(total=60.0, body_bytes=_MOST_BYTES),
        )

    def of(self, spec: SourceSettings) -> Forge | None:
        """Return what speaks to the forge of a source, None where it has none.

        Raises:
            BadRequest: when the source's settings do not suffice.
        """
        if spec.forge is None:
            return None
        return _MAKERS[spec.forge](self, spec)

    async def claims(self, oidc: OidcSettings, token: str) -> Mapping[str, Any]:
        """Return what a token of an OpenID Connect issuer claims (see `Issuers`).

        Raises:
            Unauthorized: when the token is not good. Unavailable: when the issuer does not answer.
        """
        from app.forges.oidc import Issuers  # noqa: PLC0415 - its library takes 0.3 s to load

        if self._issuers is None:
            self._issuers = Issuers(self.http, self._clock)
        return await self._issuers.claims(oidc, token)

    async def close(self) -> None:
        """Close all connections."""
        await self.http.close()

    def _github(self, spec: SourceSettings) -> GitHub:
        url = spec.forge_url or _GITHUB
        repository = repository_of(spec.repo or "", url)
        if (spec.forge_app_id is None) != (spec.forge_key_file is None):
            raise BadRequest("a GitHub App needs both forge_app_id and forge_key_file")
        if spec.forge_app_id is None or spec.forge_key_file is None:
            return GitHub(self._api("GitHub", url, _bearer(spec), _GITHUB_HEADERS), repository)
        return self._github_app(spec, url, repository, spec.forge_app_id, spec.forge_key_file)

    def _github_app(
        self, spec: SourceSettings, url: str, repository: str, app_id: str, key_file: Path
    ) -> GitHub:
        # Its library takes 0.3 s to load, and most nodes are no App.
        from app.forges.github_app import AppKey, AppTokens  # noqa: PLC0415 - see above

        key = AppKey(app_id, key_file, self._clock)
        own = Access("GitHub", url, key.headers, headers=_GITHUB_HEADERS)
        as_app = Api(self.http, own, self._clock)
        tokens = AppTokens(as_app, repository, self._clock, spec.forge_installation)
        access = Access("GitHub", url, tokens.headers, tokens.forget, _GITHUB_HEADERS)
        return GitHub(Api(self.http, access, self._clock), repository, AppAccess(tokens, as_app))

    def _gitlab(self, spec: SourceSettings) -> GitLab:
        url = spec.forge_url or _GITLAB
        repository = repository_of(spec.repo or "", url, nested=True)
        return GitLab(self._api("GitLab", url, _bearer(spec)), repository, spec.ref_kind[1])

    def _gitea(self, spec: SourceSettings) -> Gitea:
        if spec.forge_url is None:
            raise BadRequest("a Gitea or Forgejo needs forge_url, such as https://host/api/v1")
        repository = repository_of(spec.repo or "", spec.forge_url)
        return Gitea(self._api("Gitea", spec.forge_url, _bearer(spec)), repository)

    def _bitbucket(self, spec: SourceSettings) -> Bitbucket:
        url = spec.forge_url or _BITBUCKET
        repository = repository_of(spec.repo or "", url)
        return Bitbucket(self._api("Bitbucket", url, _bearer(spec)), repository)

    def _api(self, name: str, url: str, headers: Headers, more: Headers = ()) -> Api:
        if urlsplit(url).scheme not in ("http", "https"):
            message = f"forge_url {url} is no address of an API"
            raise BadRequest(message)

        async def authorize() -> Headers:
            return headers

        return Api(self.http, Access(name, url, authorize, headers=more), self._clock)


_MAKERS: Mapping[str, Callable[[Forges, SourceSettings], Forge]] = {
    "github": Forges._github,  # noqa: SLF001 - it is the class above
    "gitlab": Forges._gitlab,  # noqa: SLF001
    "gitea": Forges._gitea,  # noqa: SLF001
    "bitbucket": Forges._bitbucket,  # noqa: SLF001
}


def _bearer(spec: SourceSettings) -> Headers:
    token = spec.forge_token or spec.token
    return [("authorization", f"Bearer {token.get_secret_value()}")] if token else []
