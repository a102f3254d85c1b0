"""The texts that logs must not show, in the forms that programs are likely to print them in."""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

_SHORT = 6
"""A shorter secret is masked as it is only: its forms are found anywhere."""

_PIECE = 8
"""A line or an entry of a secret is a secret of its own from this length on."""

_LONG = 65_536
"""The forms of a longer secret are not looked for."""

_MIXED = (0, 2, 3)
"""How many characters of Base64 also hold bits of the 0, 1 or 2 bytes before."""


class Secrets(set[str]):
    """Secrets; whatever is added brings its forms along."""

    __slots__ = ()

    def add(self, text: str) -> None:
        """Take a secret."""
        if text not in self:
            super().add(text)
            super().update(forms(text))

    def update(self, *texts: Iterable[str]) -> None:
        """Take several."""
        for each in texts:
            for text in each:
                self.add(text)


def forms(text: str) -> set[str]:
    """Return how else a secret may be written: encoded, escaped, in pieces.

    What is turned around or enciphered is not found.
    """
    if not _SHORT <= len(text) <= _LONG:
        return set()
    found: set[str] = set()
    for piece in {text, *_lines(text), *_entries(text)}:
        found |= {piece, *_encoded(piece)}
    return found - {text}


def _lines(text: str) -> list[str]:
    return [line for line in map(str.strip, text.splitlines()) if len(line) >= _PIECE]


def _entries(text: str) -> Iterator[str]:
    if not text.lstrip().startswith(("{", "[")):
        return
    try:
        pending: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
        elif isinstance(one, str) and len(one) >= _PIECE:
            yield one


def _encoded(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogatepass")
    yield from (data.hex(), data.hex().upper())
    yield from (quote(data, safe=""), quote(data), quote_plus(data))
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    for form in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
        yield form.decode()
    for before in range(3):
        yield from _within(data, before)


def _within(data: bytes, before: int) -> Iterator[str]:
    """Yield what Base64 of a longer text holds of the data after so many bytes (modulo 3)."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        form = encode(b"\0" * before + data).decode().rstrip("=")
        whole = form if (before + len(data)) % 3 == 0 else form[:-1]
        if len(core := whole[_MIXED[before] :]) >= _PIECE:
            yield core
