"""`encrypt()` and `decrypt()` of expressions: AES-GCM under a key that the flow gives in Base64."""

import functools

from app.errors import BadRequest
from app.flows.encryption import Cipher, NotSealed


def encrypt(key: str, plaintext: str) -> str:
    """Return a text encrypted with a key (see `Cipher`).

    Raises:
        BadRequest: when the key is none.
    """
    return _cipher(key).encrypt(plaintext)


def decrypt(key: str, encrypted: str) -> str:
    """Return the text that was encrypted with a key.

    Raises:
        BadRequest: when the key is none or another one, or the text was not encrypted so.
    """
    try:
        return _cipher(key).decrypt(encrypted)
    except NotSealed:
        message = "the text cannot be decrypted: it was encrypted with another key, or changed"
        raise BadRequest(message) from None


@functools.lru_cache(maxsize=16)
def _cipher(key: str) -> Cipher:
    try:
        return Cipher.of(key)
    except ValueError as error:
        raise BadRequest(str(error)) from None
