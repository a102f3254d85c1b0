"""Scalars get the types and bytes that the real sops gives them."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.secrets.cipher import Cipher
from app.secrets.documents import open_document, read_plain
from app.secrets.errors import Malformed
from app.secrets.scalars import float_text, from_bytes, kind_of, plain_scalar, to_bytes
from tests.secrets.sops import Sops

SCALARS = (Path(__file__).parent / "scalars.txt").read_text().splitlines()
"""Numbers, times, constants, and what only looks like them."""


def sealed(text: str) -> dict[str, str]:
    """The cipher texts of a document by key; nulls are not there."""
    return dict(re.findall(r"^(k\d+): (ENC\[.*\])$", text, re.MULTILINE))


def document(scalars: Iterable[str]) -> str:
    return "".join(f"k{number}: {text}\n" for number, text in enumerate(scalars))


def test_each_scalar_has_the_type_and_the_bytes_that_sops_gives_it(sops: Sops) -> None:
    source = sops.encrypt(document(SCALARS))
    key = open_document(source, [sops.identity]).key
    theirs = {
        place: (
            cipher_text.rsplit("type:", 1)[1][:-1],
            Cipher(key).decrypt(cipher_text, f"{place}:"),
        )
        for place, cipher_text in sealed(source.decode()).items()
    }
    ours = {
        place: (kind_of(value), value)
        for place, value in read_plain(document(SCALARS).encode())[0].items()
        if value is not None
    }
    different = [
        (SCALARS[int(place[1:])], theirs.get(place), ours.get(place))
        for place in theirs.keys() | ours.keys()
        if repr(theirs.get(place)) != repr(ours.get(place))
    ]
    assert different == []


def test_a_number_that_sops_cannot_walk_is_refused(sops: Sops) -> None:
    with pytest.raises(Exception, match="uint64"):
        sops.encrypt("a: 18446744073709551615\n")
    with pytest.raises(Malformed):
        plain_scalar("18446744073709551615")
    with pytest.raises(Malformed):
        plain_scalar("2020-01-02T03:04:05+24:00")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_written_without_an_exponent(number: float) -> None:
    text = float_text(number)
    assert float(text) == number
    assert "e" not in text.lower()
    assert not text.endswith(".0")


@given(st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False))
def test_what_was_made_bytes_comes_back(value: str | bool | float) -> None:
    kind = kind_of(value)
    back = from_bytes(kind, to_bytes(value)) if "\ud800" not in repr(value) else value
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("kind", "content"), [("int", b"x"), ("bool", b"maybe"), ("time", b"now"), ("thing", b"x")]
)
def test_other_bytes_are_malformed(kind: str, content: bytes) -> None:
    with pytest.raises(Malformed):
        from_bytes(kind, content)
