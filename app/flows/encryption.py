"""Secret values at rest: AES-GCM under the server's key, in the form Kestra keeps them.

A sealed value is the map `{type: io.kestra.datatype:aes_encrypted, value: …}`; its text is Base64
of a nonce of 12 bytes, the ciphertext and a tag of 16 bytes.
"""

import base64
import binascii
import hmac
import json
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from app.errors import Invalid
from app.flows.convert import ConversionError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KIND: Final = "io.kestra.datatype:aes_encrypted"
TRACED: Final = "headwater:holds_secrets"
"""The type of a sealed value in which secrets were found; `shown` is what is shown of it."""
MASK: Final = "********"
"""What is shown in the place of a secret."""

_NONCE = 12
_LENGTHS = (16, 24, 32)


class NotSealed(Invalid):
    """A value cannot be decrypted with the key of this server."""

    code = "NOT_DECRYPTABLE"


class Cipher:
    """Encrypts and decrypts texts under one key."""

    def __init__(self, key: bytes) -> None:
        """Use a key of 16, 24 or 32 bytes.

        Raises:
            ValueError: for a key of another length.
        """
        if len(key) not in _LENGTHS:
            message = f"the key has {len(key)} bytes; 32 are needed (16 and 24 are accepted)"
            raise ValueError(message)
        self._key = key

    @cached_property
    def _aead(self) -> "AESGCM":
        # 5 MB that a service without secret values saves.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see above

        return AESGCM(self._key)

    @classmethod
    def of(cls, key: str) -> Self:
        """Use a key written in Base64; raises `ValueError`."""
        try:
            return cls(base64.b64decode(key.strip(), validate=True))
        except binascii.Error:
            message = "the key is not Base64"
            raise ValueError(message) from None

    def derived(self, purpose: str) -> Self:
        """Return a cipher for one purpose: what it has sealed, no other opens (HMAC-SHA256)."""
        return type(self)(hmac.digest(self._key, purpose.encode(), "sha256"))

    def encrypt(self, text: str) -> str:
        """Return the encrypted text."""
        nonce = os.urandom(_NONCE)
        sealed = self._aead.encrypt(nonce, text.encode("utf-8", "surrogatepass"), None)
        return base64.b64encode(nonce + sealed).decode()

    def decrypt(self, encrypted: str) -> str:
        """Return the plain text.

        Raises:
            NotSealed: when it was changed, or encrypted under another key.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - loaded already

        try:
            data = base64.b64decode(encrypted, validate=True)
            plain = self._aead.decrypt(data[:_NONCE], data[_NONCE:], None)
            return plain.decode("utf-8", "surrogatepass")
        except (binascii.Error, InvalidTag, ValueError):
            message = "a secret value cannot be decrypted: it was made under another key"
            raise NotSealed(message) from None

    def sealed(self, text: str) -> dict[str, str]:
        """Return a text as it is kept."""
        return {"type": KIND, "value": self.encrypt(text)}

    def traced(self, value: Any, secrets: Iterable[str], shown: Any) -> dict[str, Any]:
        """Return a value as it is kept that holds secrets; `shown` is what is shown of it."""
        sealed = self.encrypt(json.dumps([value, sorted(secrets)]))
        return {"type": TRACED, "value": sealed, "shown": shown}


def sealing(cipher: Cipher | None) -> Callable[[str], Any]:
    """Return what makes of a secret text what is kept of it; raises `ConversionError`."""

    def refuse(_: str) -> Any:
        message = "this server has no key for secret values: set HEADWATER_ENCRYPTION__KEY"
        raise ConversionError(message)

    return refuse if cipher is None else cipher.sealed


# Every output of every task is looked through: asking for the scalars first is three times as fast
# as asking whether a value is one of the abstract `Mapping`.
_SCALARS = (str, int, float, type(None))


def is_sealed(value: Any) -> bool:
    """Whether a value is a sealed text, or a sealed value that holds secrets."""
    return (
        isinstance(value, dict)
        and value.get("type") in (KIND, TRACED)
        and isinstance(value.get("value"), str)
    )


def opened(value: Any, cipher: Cipher, found: set[str]) -> Any:
    """Return a structure with all sealed texts in its maps decrypted, which are added to `found`.

    Without any it is the structure itself. What another key has sealed stays sealed.
    """
    if not value:
        return value

    def open_one(sealed: Mapping[str, Any]) -> Any:
        is_traced = sealed["type"] == TRACED
        try:
            text = cipher.decrypt(sealed["value"])
        except NotSealed:
            return sealed.get("shown", MASK) if is_traced else sealed
        if is_traced:
            value, secrets = json.loads(text)
            found.update(secrets)
            return value
        if text:
            found.add(text)
        return text

    return _changed(value, open_one)


def veiled(value: Any) -> Any:
    """Return a structure with asterisks for all sealed texts; without any it is the same."""
    return _changed(value, _mask) if value else value


def _mask(sealed: Mapping[str, Any]) -> Any:
    return sealed.get("shown", MASK) if sealed["type"] == TRACED else MASK


def _changed(value: Any, change: Callable[[Mapping[str, Any]], Any]) -> Any:
    """Return a structure with its sealed texts changed.

    Lists are looked into only where they begin with one, so that large outputs cost nothing.
    """
    if isinstance(value, list):
        sealed = bool(value) and is_sealed(value[0])
        return [_changed(item, change) for item in value] if sealed else value
    if is_sealed(value):
        return change(value)
    if not isinstance(value, (dict, Mapping)):
        return value
    changed = {}
    for key, item in value.items():
        if not isinstance(item, _SCALARS):
            made = _changed(item, change)
            if made is not item:
                changed[key] = made
    return {**value, **changed} if changed else value
