"""`secrets.sops.yaml`: the names of secrets are readable, the values are SOPS's. Pure.

No value leaves this module: a secret that changes is told by another hash of what is encrypted.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.flows.places import find_places
from app.flows.problems import Path, Problem, path_text, printable
from app.flows.yaml import YamlError, decode, load

_ENCRYPTED = "ENC["
_OWN = "sops"
"""Where SOPS keeps its own data: recipients, when, the message authentication code."""
_PLAIN_SUFFIX = "_unencrypted"
"""Keys that SOPS leaves readable by agreement."""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """The names of the secrets in a file, each with a hash of its encrypted value."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


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
    return SecretFile({key: _hash(item) for key, item in own.items()}, tuple(_told(text, plain)))


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
    elif not (isinstance(value, str) and value.startswith(_ENCRYPTED) and value.endswith("]")):
        yield path


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
