"""One encrypted value: AES-256-GCM with the path of the value as additional data."""

import base64
import binascii
import os
import re
from collections import defaultdict
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.secrets.errors import Malformed, Tampered
from app.secrets.scalars import from_bytes, kind_of, to_bytes
from app.secrets.tree import Comment, Leaf

_BASE64 = "[A-Za-z0-9+/=]"
_ENCRYPTED: Final = re.compile(
    rf"ENC\[AES256_GCM,data:({_BASE64}*),iv:({_BASE64}+),tag:({_BASE64}+),type:([a-z0-9]+)\]"
)
_IV_BYTES: Final = 32
"""Longer than usual, as SOPS has it."""
_TAG_BYTES: Final = 16
_COMMENT: Final = "comment"


class _Parts(NamedTuple):
    data: bytes
    iv: bytes
    kind: str


class Cipher:
    """Encrypts and decrypts the values of one document by its data key.

    What was decrypted keeps its cipher text when it is encrypted again in the same place, so that
    a change of one value is a change of one line.
    """

    def __init__(self, key: bytes) -> None:
        """Take a data key of 32 bytes."""
        self._raw = key
        self._key = AESGCM(key)
        self._known: dict[tuple[str, bytes, str], list[str]] = defaultdict(list)

    def again(self) -> "Cipher":
        """Return a cipher by the same key that knows the same cipher texts."""
        other = Cipher(self._raw)
        other._known.update({place: list(texts) for place, texts in self._known.items()})
        return other

    def decrypt(self, text: str, place: str) -> Leaf | Comment:
        """Return the value of a cipher text.

        Raises:
            Malformed: it is no cipher text of SOPS.
            Tampered: it was made by another key or for another place.
        """
        if not text:
            return ""
        parts = _parse(text)
        try:
            content = self._key.decrypt(parts.iv, parts.data, place.encode())
        except (InvalidTag, ValueError):
            raise Tampered(
                "A value of the file was changed, moved or encrypted by another key"
            ) from None
        self._known[parts.kind, content, place].append(text)
        if parts.kind == _COMMENT:
            return Comment(content.decode("utf-8", "replace"))
        return from_bytes(parts.kind, content)

    def encrypt(self, value: Leaf | Comment, place: str) -> str:
        """Return the cipher text of a value; the empty text stays empty."""
        comment = isinstance(value, Comment)
        content = value.text.encode() if isinstance(value, Comment) else to_bytes(value)
        if not content:
            return ""
        kind = _COMMENT if comment else kind_of(value)  # type: ignore[arg-type]
        known = self._known.get((kind, content, place))
        return known.pop(0) if known else self._new(kind, content, place)

    def _new(self, kind: str, content: bytes, place: str) -> str:
        iv = os.urandom(_IV_BYTES)
        sealed = self._key.encrypt(iv, content, place.encode())
        data, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
        fields = (base64.b64encode(each).decode() for each in (data, iv, tag))
        return "ENC[AES256_GCM,data:{},iv:{},tag:{},type:{}]".format(*fields, kind)


def is_encrypted(value: object) -> bool:
    """Whether a value has the form of a cipher text."""
    return isinstance(value, str) and _ENCRYPTED.fullmatch(value) is not None


def _parse(text: str) -> _Parts:
    match = _ENCRYPTED.fullmatch(text)
    if match is None:
        raise Malformed("A value of the file should be encrypted and is not")
    data, iv, tag, kind = match.groups()
    try:
        parts = [base64.b64decode(each, validate=True) for each in (data, iv, tag)]
    except binascii.Error:
        raise Malformed("An encrypted value of the file is not written in base64") from None
    return _Parts(parts[0] + parts[2], parts[1], kind)
