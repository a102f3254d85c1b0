"""Values that must be seen nowhere, and where they were seen."""

import base64
import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick

from app.engine.secrecy import forms

LEAST = 10
"""A shorter value is no canary: it may be anywhere by chance."""
_BEGINNING = 64
"""Bytes of a form that are looked for; only then it is compared as a whole."""


class Sighting(NamedTuple):
    """A value that was seen."""

    name: str
    place: str
    around: str

    def __str__(self) -> str:
        return f"{self.name} in {self.place}: …{self.around}…"


class Canaries:
    """Unusual values by name, in every form that they may be written in."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._forms: dict[bytes, str] = {}
        self._finder: BytesAhoCorasick | None = None
        for name, value in (values or {}).items():
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        if len(value) < LEAST:
            return
        for form in (value, *forms(value)):
            if len(form) >= LEAST:
                self._forms.setdefault(form.encode("utf-8", "surrogatepass"), name)
        self._finder = None

    def __len__(self) -> int:
        return len(self._forms)

    def seen(self, data: bytes | str, place: str) -> Iterator[Sighting]:
        """Look for all of them in some data; each is told once."""
        if not self._forms:
            return
        text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        if self._finder is None:  # it looks for thousands of forms at once, if they are short
            self._finder = BytesAhoCorasick([form[:_BEGINNING] for form in self._forms])
        named = list(self._forms.items())
        told: set[str] = set()
        for number, start, _ in self._finder.find_matches_as_indexes(text, overlapping=True):
            form, name = named[number]
            if name not in told and text.startswith(form, start):
                told.add(name)
                yield Sighting(name, place, repr(text[max(0, start - 60) : start + len(form) + 20]))

    def seen_below(self, folder: Path, ignored: Iterable[str] = ()) -> Iterator[Sighting]:
        """Look through all files below a folder, into what is packed, too."""
        left_out = set(ignored)
        for file in sorted(folder.rglob("*")):
            if not file.is_file() or file.is_symlink() or file.name in left_out:
                continue
            try:
                data = file.read_bytes()
            except OSError:
                continue
            for each in unpacked(data):
                yield from self.seen(each, str(file))


def unpacked(data: bytes) -> Iterator[bytes]:
    """Yield data as it is, and what is packed in it (a loose object of Git, an archive)."""
    yield data
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    elif data[:1] == b"\x78":
        try:
            yield zlib.decompress(data)
        except zlib.error:
            return


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
