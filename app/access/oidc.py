"""Who logs in by OpenID Connect, and where a login may lead: pure rules."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_GROUPS = 1_000
_MOST_NAME = 200

_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f-\x9f\u2028\u2029]*")
_MOST_LOCAL = 2_000


def is_local(target: str) -> bool:
    r"""Whether a page that a login leads to is one of this service.

    A path that begins with one slash. Browsers read `//host` and `/\host` as another site, and they
    drop tabs and line breaks before they read (security case 86).
    """
    return len(target) <= _MOST_LOCAL and _LOCAL.fullmatch(target) is not None


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, as a provider knows them."""

    issuer: str
    subject: str
    username: str
    email: str = ""
    """Only an address that the provider has verified."""
    first_name: str = ""
    last_name: str = ""
    groups: tuple[str, ...] = ()
    """Names of groups of the instance."""
    session: str = ""
    """The provider's own session (`sid`)."""


def identity_of(
    provider: str, claims: Mapping[str, Any], groups: Iterable[str], session: str = ""
) -> Identity:
    """Return whom checked claims are about.

    Only a verified e-mail address is a name by itself. Others may have been chosen by the person:
    they get the provider's id before them, with a colon, so that `access.yaml` cannot mean them.
    """
    email = _text(claims, "email").lower() if claims.get("email_verified") is True else ""
    subject = str(claims["sub"])
    first, last = _text(claims, "given_name"), _text(claims, "family_name")
    if not (first or last):
        first, _, last = _text(claims, "name").partition(" ")
    return Identity(
        issuer=str(claims["iss"]),
        subject=subject,
        username=email or f"{provider}:{_text(claims, 'preferred_username') or subject}",
        email=email,
        first_name=first,
        last_name=last.strip(),
        groups=tuple(groups),
        session=session,
    )


def groups_of(value: Any, names: Mapping[str, str], *, keep: bool) -> tuple[str, ...]:
    """Return the groups that a claim means.

    Args:
        value: What the claim holds: a list of names, or one name.
        names: Name at the provider -> ours.
        keep: Whether others count under their own name.
    """
    listed = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    texts = [each for each in listed[:MOST_GROUPS] if isinstance(each, str) and each]
    ours = (names.get(each, each if keep else None) for each in texts)
    return tuple(dict.fromkeys(each for each in ours if each))


def _text(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim that is a text, without control characters and not too long."""
    value = claims.get(name)
    if not isinstance(value, str):
        return ""
    return "".join(char for char in value if char.isprintable())[:_MOST_NAME].strip()
