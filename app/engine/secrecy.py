"""The texts that logs must not show, in the forms that programs are likely to print them in."""

import base64
import json
import re
import weakref
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from app.flows.encryption import MASK
from app.telemetry import CLEANERS

_SHORT = 6
"""A shorter secret is masked as it is only: its forms are found anywhere."""

_PIECE = 8
"""A line or an entry of a secret is a secret of its own from this length on."""

_BOUNDARY = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{1,64}-----")
"""Before and after what a PEM file holds."""

_LONG = 65_536
"""The forms of a longer secret are not looked for."""

_MIXED = (0, 2, 3)
"""How many characters of Base64 also hold bits of the 0, 1 or 2 bytes before."""


class Secrets(set[str]):
    """Secrets; whatever is added brings its forms along."""

    __slots__ = ("_ordered", "whole")

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.whole: set[str] = set()
        """The secrets themselves, without their other forms."""
        self._ordered: tuple[str, ...] = ()

    def add(self, text: str) -> None:
        """Take a secret."""
        if text and text not in self.whole:
            self.whole.add(text)
            super().add(text)
            super().update(forms(text))
            self._ordered = ()
            watch(self)
            self.add(text.strip())  # programs cut the line's end off, which `|` in YAML adds

    @property
    def ordered(self) -> tuple[str, ...]:
        """All forms, the longest first: what is found first hides what is found within."""
        if len(self._ordered) != len(self):
            self._ordered = tuple(sorted(self, key=len, reverse=True))
        return self._ordered

    def update(self, *texts: Iterable[str]) -> None:
        """Take several."""
        for each in texts:
            for text in each:
                self.add(text)


_WATCHED: "dict[int, weakref.ref[Secrets]]" = {}
"""The secrets that are in memory now, of all executions; nothing is kept alive by it."""


def watch(secrets: Secrets) -> None:
    """Let the lines of the service itself show none of these secrets while they are in memory."""
    key = id(secrets)
    if key not in _WATCHED:
        _WATCHED[key] = weakref.ref(secrets, lambda _: _WATCHED.pop(key, None))


def clean(text: str) -> str:
    """Return a text without any secret that is in memory."""
    found = (reference() for reference in tuple(_WATCHED.values()))
    # Thousands of executions have the same few secrets: each is looked for once.
    distinct = {frozenset(each.whole): each for each in found if each is not None}
    for secrets in distinct.values():
        text = masked(text, secrets)
    return text


CLEANERS.append(clean)  # nothing that the service logs itself shows any of them


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every secret replaced by asterisks; of two the longer comes first."""
    if not secrets:
        return text
    if isinstance(secrets, Secrets):
        ordered: Iterable[str] = secrets.ordered
    else:
        ordered = sorted(secrets, key=len, reverse=True)
    for secret in ordered:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def forms(text: str) -> set[str]:
    """Return how else a secret may be written: encoded, escaped, in pieces.

    What is turned around or enciphered is not found.
    """
    if not _SHORT <= len(text) <= _LONG:
        return set()
    wholes = {text, *_entries(text)}
    pieces = {line for whole in wholes for line in _lines(whole)}
    found: set[str] = set()
    for piece in wholes | pieces:
        found |= {piece, *_encoded(piece)}
    return found - {text}


def _lines(text: str) -> list[str]:
    """Return the lines that are secrets of their own; `-----BEGIN …-----` says nothing."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if len(line) >= _PIECE and not _BOUNDARY.fullmatch(line)]


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
