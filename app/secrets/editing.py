"""Changing the secrets of a file: one key at the top, one value."""

import re
from typing import Final

from app.flows.secret_files import ABOUT
from app.secrets.documents import SCOPE, OpenDocument
from app.secrets.errors import Malformed, MisplacedSecrets, SecretError
from app.secrets.metadata import OWN
from app.secrets.rules import Comments
from app.secrets.tree import Branch, Leaf, Value

MAX_KEY: Final = 256
_RESERVED: Final = (OWN, SCOPE, ABOUT)
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class BadKey(SecretError):
    """This is no name of a secret."""

    code = "SECRET_KEY"


def check_key(key: str) -> str:
    """Return the name of a secret; raises `BadKey`."""
    if not _NAME.fullmatch(key) or len(key) > MAX_KEY or key in _RESERVED:
        message = f"{key[:80]!r} is no name of a secret: letters, digits, `_`, `-` and dots"
        raise BadKey(message)
    return key


def scope_of(tenant: str, namespace: str | None) -> str:
    """Return what `_scope` says in a file of a place."""
    return f"{tenant}/{namespace}" if namespace else tenant


def keys_of(document: OpenDocument | Branch) -> list[str]:
    """Return the names of the secrets in the order of the file."""
    branches = (document,) if isinstance(document, Branch) else document.branches
    names = [key for branch in branches for key, _ in branch.items() if key not in (SCOPE, ABOUT)]
    return list(dict.fromkeys(names))


def put(document: OpenDocument, key: str, value: Leaf) -> OpenDocument:
    """Return the file with a secret set.

    Raises:
        Malformed: the rules of the file would leave it readable, or it is empty.
    """
    if value in ("", None):
        raise Malformed("A secret must not be empty: SOPS does not protect empty values")
    _check_hidden(document, key)
    first, *rest = document.branches or (Branch(),)
    for number, branch in enumerate(rest):
        if any(each == key for each, _ in branch.items()):
            rest[number] = branch.with_value(key, value)
            return document.with_branches([first, *rest])
    return document.with_branches([first.with_value(key, value), *rest])


def without(document: OpenDocument, key: str) -> OpenDocument:
    """Return the file without a secret; nothing happens if it is not there."""
    return document.with_branches([branch.without(key) for branch in document.branches])


def for_place(document: OpenDocument, scope: str) -> OpenDocument:
    """Return the file bound to a place by its `_scope`.

    A file that names another place is refused: it was made for that.

    Raises:
        MisplacedSecrets: see above. Malformed: the rules of the file leave `_scope` readable.
    """
    found = document.branches[0].get(SCOPE) if document.branches else None
    if found is not None:
        if found != scope:
            raise MisplacedSecrets(f"The file was encrypted for another place than {scope}")
        return document
    _check_hidden(document, SCOPE)
    first, *rest = document.branches or (Branch(),)
    entries = Branch().with_value(SCOPE, scope).entries + first.entries
    return document.with_branches([Branch(entries), *rest])


def is_hidden(document: OpenDocument, key: str) -> bool:
    """Whether the rules of a file encrypt a key at the top (without comments before it)."""
    return document.metadata.rules.encrypts((key,), (Comments(),), is_comment=False)


def _check_hidden(document: OpenDocument, key: str) -> None:
    if not is_hidden(document, key):
        rules = document.metadata.rules
        message = f"`{rules.kind}: {rules.pattern}` of the file leaves `{key}` readable"
        raise Malformed(message)


def has_plain(document: OpenDocument) -> list[str]:
    """Return the keys at the top that hold a value which the rules leave readable."""
    secret = {key for key, _ in document.encrypted.items()}
    held = {
        key for branch in document.branches for key, value in branch.items() if _is_something(value)
    }
    return [key for key in keys_of(document) if key in held - secret]


def _is_something(value: Value) -> bool:
    if isinstance(value, Branch):
        return any(_is_something(item) for _, item in value.items())
    if isinstance(value, tuple):
        return any(_is_something(item) for item in value)
    return value not in (None, "")
