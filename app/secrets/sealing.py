"""The values of a document encrypted and decrypted, with their authentication code."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from app.secrets.cipher import Cipher, is_encrypted
from app.secrets.errors import Malformed, Tampered
from app.secrets.metadata import Metadata
from app.secrets.rules import CommentStack, Rules
from app.secrets.scalars import to_bytes
from app.secrets.tree import Branch, Comment, Entry, Leaf, Value
from app.secrets.walking import Path, walk

_ONLY_ENCRYPTED: Final = hashlib.sha256(b"sops").digest()
"""What the authentication code starts with if it covers encrypted values only."""


class _Digest:
    """The authentication code over the values of a document."""

    def __init__(self, rules: Rules) -> None:
        self._hash = hashlib.sha512(_ONLY_ENCRYPTED if rules.mac_only_encrypted else b"")
        self._only = rules.mac_only_encrypted

    def take(self, value: Leaf | Comment, *, encrypted: bool) -> None:
        if not isinstance(value, Comment) and (encrypted or not self._only):
            self._hash.update(to_bytes(value))

    def text(self) -> str:
        return self._hash.hexdigest().upper()


class Opening:
    """Decrypts the values of a document."""

    def __init__(self, cipher: Cipher, rules: Rules) -> None:
        self.cipher = cipher
        self.flags: list[bool] = []
        """For each value and comment in order: whether it was encrypted."""
        self._rules = rules
        self._digest = _Digest(rules)

    def visit(self, value: Leaf | Comment, path: Path, comments: CommentStack) -> Leaf | Comment:
        """Take the next value or comment, and return what becomes of it."""
        comment = isinstance(value, Comment)
        encrypted = self._rules.encrypts(path, comments, is_comment=comment)
        found = self._opened(value, _place(path)) if encrypted else value
        self.flags.append(encrypted)
        self._digest.take(found, encrypted=encrypted)
        return found

    def _opened(self, value: Leaf | Comment, place: str) -> Leaf | Comment:
        if isinstance(value, Comment):
            return self._opened_comment(value, place)
        if not isinstance(value, str):
            raise Malformed("A value of the file should be encrypted and is not")
        return self.cipher.decrypt(value, place)

    def _opened_comment(self, comment: Comment, place: str) -> Comment:
        """Return a comment decrypted; one that somebody wrote in since stays as it is."""
        try:
            made = self.cipher.decrypt(comment.text, place)
        except (Malformed, Tampered):
            return comment
        return made if isinstance(made, Comment) else Comment(str(made))

    def mac(self) -> str:
        """Return the code over the values so far."""
        return self._digest.text()


class Sealing:
    """Encrypts the values of a document."""

    def __init__(self, cipher: Cipher, rules: Rules) -> None:
        self._cipher = cipher
        self._rules = rules
        self._digest = _Digest(rules)

    def visit(self, value: Leaf | Comment, path: Path, comments: CommentStack) -> Leaf | Comment:
        """Take the next value or comment, and return what becomes of it."""
        comment = isinstance(value, Comment)
        encrypted = self._rules.encrypts(path, comments, is_comment=comment)
        self._digest.take(value, encrypted=encrypted)
        return self._cipher.encrypt(value, _place(path)) if encrypted else value

    def mac(self) -> str:
        """Return the code over the values so far."""
        return self._digest.text()


def _place(path: Path) -> str:
    return ":".join(path) + ":"


def check_mac(found: str, metadata: Metadata, cipher: Cipher) -> None:
    """Compare the authentication code; raises `Tampered`."""
    if not is_encrypted(metadata.mac):
        raise Tampered("The file has no message authentication code")
    told = cipher.decrypt(metadata.mac, metadata.modified)
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), found.encode()):
        raise Tampered


def secrets_of(branches: Iterable[Branch], flags: Iterable[bool]) -> Branch:
    """Return the values that were encrypted and are not empty, of all documents."""
    following = iter(flags)

    def visit(value: Leaf | Comment, _: Path, __: CommentStack) -> Leaf | Comment:
        encrypted = next(following)
        return value if encrypted and not isinstance(value, Comment) and value != "" else None

    entries = [entry for branch in branches for entry in walk(branch, visit).entries]
    pruned = _pruned(Branch(tuple(entries)))
    assert isinstance(pruned, Branch)  # noqa: S101 - a map stays a map
    return pruned


def _pruned(value: Value) -> Value:
    """Return a value without nulls, empty maps and empty lists below it."""
    if isinstance(value, tuple):
        items = [_pruned(item) for item in value if not isinstance(item, Comment)]
        return tuple(item for item in items if not _is_nothing(item))
    if not isinstance(value, Branch):
        return value
    kept = [(key, _pruned(item)) for key, item in value.items()]
    return Branch(tuple(Entry(key, item) for key, item in kept if not _is_nothing(item)))


def _is_nothing(value: Value) -> bool:
    return value is None or value == () or value == Branch()
