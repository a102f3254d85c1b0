"""Secret values at rest."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flows.encryption import KIND, MASK, Cipher, NotSealed, is_sealed, opened, veiled

KEY = os.urandom(32)


@given(st.text())
def test_what_is_sealed_can_be_opened(text: str) -> None:
    cipher = Cipher(KEY)
    kept = cipher.sealed(text)
    assert is_sealed(kept)
    assert kept["value"] != text
    found: set[str] = set()
    assert opened({"a": {"b": kept}, "c": [kept]}, cipher, found) == {
        "a": {"b": text}, "c": [text],
    }  # fmt: skip
    assert found == ({text} if text else set())


def test_the_same_text_is_never_sealed_alike() -> None:
    cipher = Cipher(KEY)
    assert cipher.encrypt("a") != cipher.encrypt("a")


@given(st.integers(0, 44), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place: int, change: int) -> None:
    cipher = Cipher(KEY)
    data = bytearray(base64.b64decode(cipher.encrypt("seventeen letters")))
    data[place % len(data)] ^= change
    with pytest.raises(NotSealed):
        cipher.decrypt(base64.b64encode(data).decode())


def test_another_key_opens_nothing() -> None:
    kept = Cipher(KEY).sealed("a")
    other = Cipher(os.urandom(16))
    assert opened({"a": kept}, other, set()) == {"a": kept}
    with pytest.raises(NotSealed):
        other.decrypt("no base64!")


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(b"x" * 31).decode()])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Cipher.of(key)


def test_nothing_sealed_is_the_same_object() -> None:
    value = {"a": {"b": 1}, "type": "x", "value": "y"}
    assert opened(value, Cipher(KEY), set()) is value
    assert opened({"type": KIND}, Cipher(KEY), set()) == {"type": KIND}


def test_veiled() -> None:
    kept = Cipher.of(base64.b64encode(KEY).decode()).sealed("a")
    assert veiled({"a": kept, "b": [kept, 1]}) == {"a": MASK, "b": [MASK, 1]}
