"""`secrets.sops.yaml`: the names of secrets are readable, the values are SOPS's. Pure.

No value leaves this module: a secret that changes is told by another hash of what is encrypted.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.flows.places import find_places
from app.flows.problems import Path, Problem, path_text, printable
from app.flows.yaml import YamlError, decode, load

_ENCRYPTED = "ENC["
_OWN = "sops"
"""Where SOPS keeps its own data: recipients, when, the message authentication code."""
_PLAIN_SUFFIX = "_unencrypted"
"""Keys that SOPS leaves readable by agreement."""
SCOPE = "_scope"
"""The key that says where a file belongs: no secret."""
ABOUT = "_about_unencrypted"
"""The key below which descriptions of secrets stand: none either."""


class About(NamedTuple):
    """What is told of a secret."""

    description: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SecretFile:
    """The names of the secrets in a file, each with a hash of its encrypted value."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    encrypted: frozenset[str] = frozenset()
    """The names whose values are encrypted, all of them: SOPS vouches for no other name."""
    ciphertexts: frozenset[str] = frozenset()
    """Every encrypted value, `_scope` too."""
    recipients: frozenset[str] = frozenset()
    """The age recipients that the file is encrypted to; empty for what SOPS has not written."""
    about: Mapping[str, About] = field(default_factory=dict)
    """What is told of secrets, by their names."""


def read_secret_file(source: bytes) -> SecretFile:
    """Return the names of the secrets; what is wrong with the file are problems.

    A value that is not encrypted is the error SECRET_PLAINTEXT; its message never repeats it.
    """
    try:
        text = decode(source)
        value = load(text).value
    except YamlError as error:
        return SecretFile({}, (_broken(error),))
    if value is None:
        return SecretFile()
    if not isinstance(value, dict):
        return SecretFile({}, (Problem("SCHEMA", "error", "", 1, 1, "The file is not a map"),))
    own = {str(key): item for key, item in value.items() if key != _OWN}
    plain = [path for key, item in own.items() for path in _plain(item, (key,))]
    problems = tuple(_told(text, plain))
    secrets = {key: _hash(item) for key, item in own.items() if key not in (SCOPE, ABOUT)}
    encrypted = frozenset(key for key in secrets if _is_encrypted(own[key]))
    recipients = _recipients(value.get(_OWN))
    about = _about(own.get(ABOUT))
    return SecretFile(secrets, problems, encrypted, frozenset(_texts(own)), recipients, about)


def _about(told: Any) -> dict[str, About]:
    """Return what is told of secrets; what has another form is left out."""
    if not isinstance(told, dict):
        return {}
    return {str(key): _told_of(each) for key, each in told.items() if isinstance(each, dict)}


def _told_of(told: Mapping[str, Any]) -> About:
    description, tags = told.get("description"), told.get("tags")
    listed = tags.items() if isinstance(tags, dict) else ()
    return About(
        description if isinstance(description, str) else "",
        tuple((str(key), str(value)) for key, value in listed),
    )


def _broken(error: YamlError) -> Problem:
    message = printable(error.message)
    return Problem(error.problem, "error", "", error.line, error.column, message)


def _plain(value: Any, path: Path) -> Iterator[Path]:
    """Yield where values are that SOPS has not encrypted."""
    if str(path[-1]).endswith(_PLAIN_SUFFIX) or value in (None, ""):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _plain(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _plain(item, (*path, index))
    elif not _is_ciphertext(value):
        yield path


def _is_encrypted(value: Any) -> bool:
    """Whether something of a value is encrypted, and nothing but what is empty is not."""
    leaves = [leaf for leaf in _leaves(value) if leaf not in (None, "")]
    return bool(leaves) and all(_is_ciphertext(leaf) for leaf in leaves)


def _texts(own: Mapping[str, Any]) -> Iterator[str]:
    return (leaf for leaf in _leaves(own) if _is_ciphertext(leaf))


def _leaves(value: Any) -> Iterator[Any]:
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
        else:
            yield one


def _is_ciphertext(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(_ENCRYPTED) and value.endswith("]")


def _recipients(own: Any) -> frozenset[str]:
    stanzas = own.get("age") if isinstance(own, dict) else None
    return frozenset(
        str(each["recipient"])
        for each in (stanzas if isinstance(stanzas, list) else ())
        if isinstance(each, dict) and "recipient" in each
    )


def _told(text: str, paths: list[Path]) -> Iterator[Problem]:
    places = find_places(text) if paths else {}
    for path in paths:
        place = places.get(path)
        line, column = (place.key_line, place.key_column) if place else (0, 0)
        message = f"The secret `{printable(str(path[0]))}` is not encrypted"
        fix = "rotate it, since it is in the history now, and encrypt the file with sops"
        yield Problem("SECRET_PLAINTEXT", "error", path_text(path), line, column, message, fix)


def _hash(value: Any) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]
