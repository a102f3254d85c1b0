"""URLs of calls: parsed once, by the parser of the client that connects (no second opinion)."""

import functools
import re
from dataclasses import dataclass
from urllib.parse import unquote

from pyreqwest.http import Url

from app.plugins.http.failure import CallRefused

# The parser drops control characters and takes user names with an @; both hide where a call goes.
_SUSPICIOUS = re.compile(r"[\x00-\x1f\x7f\\]|^[^/?#]*//[^/?#]*@[^/?#]*@")
_USER = re.compile(r"//[^/?#]*@")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads."""

    url: Url
    text: str
    secure: bool
    host: str
    """The name, or the address without brackets."""
    literal: bool
    """Whether the host is an address, not a name."""
    port: int
    place: str
    """`host:port` for people."""
    origin: str
    credentials: tuple[str, str] | None
    """User name and password of the URL."""


@functools.lru_cache(4096)
def parse_url(text: str) -> Target:
    """Parse an http or https URL.

    Raises:
        CallRefused: it is none, or one that hides where it leads.
    """
    if _SUSPICIOUS.search(text):
        raise _refused(text, "it holds control characters, backslashes or two @")
    try:
        url = Url(text)
    except ValueError as error:
        raise _refused(text, str(error)) from None
    host = url.host_str
    if url.scheme not in ("http", "https") or not host:
        raise _refused(text, "only http and https can be called")
    credentials = None
    if url.username or url.password:
        credentials = (unquote(url.username), unquote(url.password or ""))
        url = url.with_username("").with_password(None)
    port = url.port_or_known_default or 80
    return Target(
        url=url,
        text=str(url),
        secure=url.scheme == "https",
        host=host.strip("[]"),
        literal=url.domain is None,
        port=port,
        place=f"{host}:{port}",
        origin=url.origin_ascii,
        credentials=credentials,
    )


def join_url(target: Target, location: str) -> Target:
    """Return where a redirect leads; raises `CallRefused`."""
    try:
        joined = str(target.url.join(location))
    except ValueError as error:
        raise _refused(location, str(error)) from None
    return parse_url(joined)


def _refused(text: str, why: str) -> CallRefused:
    text = _USER.sub("//…@", text)  # a password may stand there
    shown = text if len(text) <= 200 else text[:200] + "…"
    return CallRefused(f"the URL {shown!r} cannot be called: {why}", host="", sent=False)
