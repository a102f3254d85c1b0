"""What requests are made of: the address of a service, paths, a tenant, and a token."""

import re
from typing import Final
from urllib.parse import quote, urlsplit

from app.cli.outcome import USAGE, CommandError

_TOKEN = re.compile(r"[!-~]*")
_ELSEWHERE: Final = ("", ".", "..")
"""Parts that lead to another place than the one that is meant: lists, and what is above."""


def service_address(text: str) -> str:
    """Return an address without the space around it and the slash at its end.

    Raises:
        CommandError: when it is no HTTP address.
    """
    address = text.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_one = False
    if not is_one:
        message = f"{text.strip()!r} is no address of a service: it begins with http:// or https://"
        raise CommandError(message, USAGE)
    return address


def path_of(*parts: str) -> str:
    """Return the path of the API that the parts lead to.

    Raises:
        CommandError: when one names nothing: then the path would be that of something else.
    """
    for part in parts:
        if part in _ELSEWHERE:
            place = "/".join(each or "''" for each in parts)
            raise CommandError(f"{part!r} names nothing, in {place}: give a name or an id", USAGE)
    return "/".join(("/api/v1", *(quote(each, safe="") for each in parts)))


def token_of(text: str, origin: str) -> str:
    """Return a token without the space around it, which files and variables often have.

    Raises:
        CommandError: when it cannot be one; the message names its origin and never itself.
    """
    token = text.strip()
    if _TOKEN.fullmatch(token) is None:
        message = f"the token {origin} holds characters that no token has; copy it once more"
        raise CommandError(message, USAGE)
    return token


def tenant_of(text: str) -> str:
    """Return a tenant.

    Raises:
        CommandError: when none can be called so.
    """
    from app.config.tenant_names import TENANT_NAME, tenant_name_problem

    if not TENANT_NAME.match(text):
        raise CommandError(tenant_name_problem(text), USAGE)
    return text
