"""Which repository of a forge an address of Git means. Pure."""

from urllib.parse import urlsplit

from app.errors import BadRequest


def repository_of(address: str, forge_url: str = "", *, nested: bool = False) -> str:
    """Return `owner/name` of a repository's address; `nested`: groups may hold groups (GitLab).

    The path of `forge_url` before `/api/` comes before the owner where a forge is not at the root.

    Raises:
        BadRequest: when the address does not name a repository of a forge.
    """
    parts = [part for part in _path(address).removesuffix(".git").split("/") if part]
    prefix = urlsplit(forge_url).path.partition("/api/")[0].strip("/")
    if nested and prefix and parts[: prefix.count("/") + 1] == prefix.split("/"):
        parts = parts[prefix.count("/") + 1 :]
    if len(parts) < 2:
        message = f"{address} names no repository of a forge: owner/name is needed"
        raise BadRequest(message)
    return "/".join(parts if nested else parts[-2:])


def _path(address: str) -> str:
    if "://" in address:
        return urlsplit(address).path
    host, colon, path = address.partition(":")
    return path if colon and "/" not in host else address
