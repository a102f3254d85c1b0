"""What a request begins with: the address of a service, and the token that is sent to it."""

import re
from urllib.parse import urlsplit

from app.cli.outcome import USAGE, CommandError

_TOKEN = re.compile(r"[!-~]*")


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
