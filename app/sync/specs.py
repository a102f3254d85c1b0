"""Settings of sources as they are stored and shown, and what others than the operator may set."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from pydantic import ValidationError

from app.config import SourceSettings
from app.errors import BadRequest, Invalid
from app.git.location import Location, remote
from app.git.names import is_ref_name
from app.sync.selecting import parse_range

SETTABLE: Final = frozenset(
    {
        "repo", "ref", "root", "layout", "tenant", "tenants", "namespaces", "production",
        "poll_seconds", "atomic", "edit_mode", "on_force_push", "subflows", "revision",
        "credentials", "deployments", "forge",
    }
)  # fmt: skip
"""What the API, or a repository that delegates, may say of a source.

No secrets and no files of the machine: those only the operator names. No `forge_url`: a token would
go there. No signature policy, size limits, windows and hooks, for they protect from such sources.
"""

_FORGE = ("forge_url", "forge_token", "forge_app_id", "forge_key_file", "forge_installation")
_GIT = (
    "username", "token", "push_username", "push_token", "ssh_key_file", "push_ssh_key_file",
    "known_hosts_file",
)  # fmt: skip
_PRIVATE = {"hook_key", "hook_secret", "hook_secrets", *_FORGE, *_GIT} | {
    name for name in SourceSettings.model_fields if name.endswith("_file")
}


def public_spec(spec: SourceSettings) -> str:
    """Return settings as JSON, without secrets and files, and without what is by default."""
    shown = spec.model_dump(mode="json", exclude=_PRIVATE, exclude_defaults=True)
    return orjson.dumps(shown, option=orjson.OPT_SORT_KEYS).decode()


def read_spec(wished: Mapping[str, Any]) -> SourceSettings:
    """Return the settings of a source that the API or a repository describes.

    Raises:
        Invalid: naming each property that is wrong, or is not theirs to set.
    """
    foreign = sorted(set(wished) - SETTABLE)
    if foreign:
        raise Invalid(
            f"{', '.join(map(str, foreign))}: only the configuration of the server may set this;"
            f" a source may say {', '.join(sorted(SETTABLE))}"
        )
    if not isinstance(wished.get("repo"), str):
        raise Invalid("repo: the address of the repository is needed")
    try:
        return SourceSettings.model_validate(dict(wished))
    except ValidationError as error:
        lines = [f"{_place(each['loc'])}: {each['msg']}" for each in error.errors()]
        raise Invalid("; ".join(lines)) from None


def checked_spec(
    wished: Mapping[str, Any], configured: Mapping[str, SourceSettings]
) -> SourceSettings:
    """Return the settings that somebody else than the operator wishes.

    Raises:
        Invalid, BadRequest: naming what is wrong, or is not theirs to say.
    """
    spec = read_spec(wished)
    check_address(spec, configured)
    with_credentials(spec, configured)
    kind, name = spec.ref_kind
    if kind == "semver":
        parse_range(name)
    elif not is_ref_name(name):
        raise BadRequest(f"ref: {name[:80]!r} is no name of a branch, a tag or a commit")
    return spec


def _place(path: tuple[int | str, ...]) -> str:
    return ".".join(map(str, path)) or "source"


def with_credentials(
    spec: SourceSettings, configured: Mapping[str, SourceSettings]
) -> SourceSettings:
    """Return settings with the credentials of the source that they name.

    Raises:
        BadRequest: when there is no such source, or its repository is at another host.
    """
    if spec.credentials is None:
        return spec
    lender = configured.get(spec.credentials)
    if lender is None:
        there = ", ".join(configured)
        raise BadRequest(
            f"credentials: there is no source {spec.credentials!r} in the"
            f" configuration; there are: {there}"
        )
    if _host(spec.repo) is None or _host(spec.repo) != _host(lender.repo):
        raise BadRequest(
            f"credentials: those of source {spec.credentials!r} are only for the host of its own"
            " repository"
        )
    names = [*_GIT, *(_FORGE if spec.forge is not None and spec.forge == lender.forge else ())]
    given = {name: getattr(lender, name) for name in names if getattr(spec, name) is None}
    return spec.model_copy(update=given)


def check_address(spec: SourceSettings, configured: Mapping[str, SourceSettings]) -> None:
    """Refuse an address that the operator would not want this machine to call.

    A source of the API or of a repository is reached by https or ssh; a host of this machine's own
    network only where the configuration has a repository there, too.

    Raises:
        BadRequest: naming the rule.
    """
    location = _location(spec.repo)
    if location is None:
        raise BadRequest("repo: an address by https or ssh is needed: https://…, user@host:path")
    is_known = is_configured(spec.repo, configured)
    if location.kind == "http" and not is_known:
        raise BadRequest("repo: http is only for hosts that the configuration has a source of")
    if location.is_internal and not is_known:
        raise BadRequest(
            f"repo: {location.host} is an address inside of a network; the configuration must have"
            " a source of that host first"
        )


def is_configured(repo: str | None, configured: Mapping[str, SourceSettings]) -> bool:
    """Whether the configuration has a source of the same host."""
    return _host(repo) in {_host(each.repo) for each in configured.values()}


def _location(repo: str | None) -> Location | None:
    """Return where a remote is, None for a path on disk and for no repository."""
    if repo is None or repo.startswith("file:") or not ("://" in repo or "@" in repo):
        return None
    return remote(repo, allow_http=True)


def _host(repo: str | None) -> str | None:
    """Return kind, host and port: what credentials are bound to."""
    try:
        location = _location(repo)
    except BadRequest:
        return None
    if location is None:
        return None
    if location.kind != "ssh":
        return location.base_url
    port = urlsplit(location.url).port if "://" in location.url else None
    return f"ssh://{location.host}:{port or 22}"
