"""Age: the data key of a document, wrapped for each recipient.

Only X25519 and SSH keys are read. `age1<name>1…` names a program that age would start: refused.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import pyrage

from app.secrets.errors import Malformed, SecretError, Tampered, UnsupportedKeySource, WrongKey

DATA_KEY_BYTES: Final = 32
MAX_STANZAS: Final = 100
"""How many recipients a file may have; each costs a try with each identity."""

_SECRET: Final = "AGE-SECRET-KEY-1"  # noqa: S105 - no password
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)
_OF_PROGRAM: Final = re.compile(r"age1([a-z0-9+._-]+)1[a-z0-9]+", re.IGNORECASE)


class Stanza(NamedTuple):
    """The data key wrapped for one recipient."""

    recipient: str
    wrapped: str
    """An armored age file."""


class BadRecipient(SecretError):
    """This is no age recipient."""

    code = "SECRET_RECIPIENT"


class BadIdentity(SecretError):
    """This is no age identity."""

    code = "SECRET_IDENTITY"


def new_identity() -> tuple[str, str]:
    """Return a new age identity and its recipient."""
    made = pyrage.x25519.Identity.generate()
    return str(made), str(made.to_public())


def recipient_of(identity: str) -> str:
    """Return the recipient of an age identity; raises `BadIdentity`."""
    found = _identities([identity])
    public = getattr(found[0], "to_public", None) if found else None
    if public is None:
        raise BadIdentity("Only an identity of age itself tells its recipient")
    return str(public())


def check_recipient(recipient: str) -> str:
    """Return a recipient as it is written into files.

    Raises:
        UnsupportedKeySource: an age plugin's.
        BadRecipient: not one at all.
    """
    text = recipient.strip()
    _parsed(text)
    return text


def wrap(key: bytes, recipients: Iterable[str]) -> tuple[Stanza, ...]:
    """Return the data key wrapped for each recipient; raises as `check_recipient`."""
    return tuple(
        Stanza(text, pyrage.encrypt(key, [_parsed(text)], armored=True).decode())
        for text in dict.fromkeys(each.strip() for each in recipients)
    )


def unwrap(stanzas: Sequence[Stanza], identities: Iterable[str]) -> bytes:
    """Return the data key.

    Raises:
        BadIdentity: a text among the identities is none.
        WrongKey: no identity opens any of the stanzas.
        UnsupportedKeySource: all recipients are of age plugins.
        Tampered: what was wrapped is no data key.
    """
    if len(stanzas) > MAX_STANZAS:
        raise Malformed(f"The file has more than {MAX_STANZAS} recipients")
    known = _identities(identities)
    for stanza in _likely_first(stanzas, known):
        try:
            key = pyrage.decrypt(stanza.wrapped.encode(), known) if known else None
        except pyrage.DecryptError:
            continue
        if key is not None:
            return _data_key(bytes(key))
    raise _refusal(stanzas)


def _data_key(key: bytes) -> bytes:
    if len(key) != DATA_KEY_BYTES:
        raise Tampered("What the file holds for its recipient is no data key")
    return key


def _likely_first(stanzas: Sequence[Stanza], known: Sequence[Any]) -> list[Stanza]:
    """Put the stanzas first that name a recipient of ours."""
    ours = {str(each.to_public()) for each in known if hasattr(each, "to_public")}
    return sorted(stanzas, key=lambda stanza: stanza.recipient not in ours)


def _refusal(stanzas: Sequence[Stanza]) -> SecretError:
    programs = [_program(stanza.recipient) for stanza in stanzas]
    if stanzas and all(programs):
        return UnsupportedKeySource(f"the age plugin {programs[0]}")
    names = ", ".join(_short(stanza.recipient) for stanza in stanzas[:5])
    return WrongKey(
        f"None of the age identities at hand opens the file; it is encrypted to {names or 'nobody'}"
    )


def _short(recipient: str) -> str:
    printed = "".join(each for each in recipient if each.isprintable())
    return printed if len(printed) <= 70 else f"{printed[:67]}..."


def _program(recipient: str) -> str | None:
    """Return the plugin that a recipient names; X25519 recipients hold no further `1`."""
    match = _OF_PROGRAM.fullmatch(recipient)
    return match[1] if match else None


def _parsed(recipient: str) -> Any:
    program = _program(recipient)
    if program is not None:
        raise UnsupportedKeySource(f"the age plugin {program}")
    kind = pyrage.ssh if recipient.startswith("ssh-") else pyrage.x25519
    try:
        return kind.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        message = f"`{_short(recipient)}` is no age recipient; it begins with age1 or ssh-"
        raise BadRecipient(message) from None


def _identities(texts: Iterable[str]) -> list[Any]:
    """Return the identities of texts, each a key or the content of a key file."""
    return [found for text in texts for found in _identities_of(text)]


def _identities_of(text: str) -> Iterable[Any]:
    for pem in _PEM.findall(text):
        try:
            yield pyrage.ssh.Identity.from_buffer(pem.encode())
        except pyrage.IdentityError:
            raise BadIdentity("An SSH identity cannot be read, or has a passphrase") from None
    for line in _PEM.sub("", text).splitlines():
        key = line.strip()
        if key and not key.startswith("#"):
            yield _age_identity(key)


def _age_identity(key: str) -> Any:
    if not key.upper().startswith(_SECRET):
        raise BadIdentity(f"An age identity begins with {_SECRET}; age plugins are not supported")
    try:
        return pyrage.x25519.Identity.from_str(key)
    except pyrage.IdentityError:
        raise BadIdentity("An age identity cannot be read; is it complete?") from None
