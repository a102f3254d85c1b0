"""Multipart bodies: whatever the parts and however they arrive, the same is read."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.multipart import MultipartReader, boundary_of
from app.errors import BadRequest, HeadwaterError, TooLarge

BOUNDARY = b"b-o-u-n-d"

Parts = Sequence[tuple[str, str | None, bytes]]


def encode(parts: Parts) -> bytes:
    body = b""
    for name, filename, content in parts:
        file = f'; filename="{filename}"' if filename is not None else ""
        head = f'Content-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body += b"--" + BOUNDARY + b"\r\n" + head.encode() + content + b"\r\n"
    return body + b"--" + BOUNDARY + b"--\r\n"


async def read(body: bytes, sizes: Sequence[int]) -> list[tuple[str, str | None, bytes]]:
    async def stream() -> AsyncIterator[bytes]:
        rest, number = body, 0
        while rest:
            size = sizes[number % len(sizes)]
            number += 1
            yield rest[:size]
            rest = rest[size:]

    reader = MultipartReader(stream(), BOUNDARY)
    return [
        (part.name, part.filename, b"".join([chunk async for chunk in part.chunks()]))
        async for part in reader.parts()
    ]


_names = st.text("abcdefXYZ.-_ äß日", min_size=1, max_size=8)
_contents = st.binary(max_size=60).filter(lambda content: BOUNDARY not in content)
_parts = st.lists(st.tuples(_names, st.none() | _names, _contents), max_size=6)
_sizes = st.lists(st.integers(1, 200), min_size=1, max_size=5)


@given(_parts, _sizes)
def test_what_is_written_is_read(parts: Parts, sizes: Sequence[int]) -> None:
    assert asyncio.run(read(encode(parts), sizes)) == list(parts)


@given(_parts.filter(bool), _sizes, st.integers(1, 1000))
def test_a_body_that_ends_early_is_refused(parts: Parts, sizes: list[int], cut: int) -> None:
    body = encode(parts)
    short = body[: max(1, len(body) - 4 - cut % len(body))]
    with pytest.raises(BadRequest):
        asyncio.run(read(short, sizes))


@given(st.binary(max_size=300), _sizes)
def test_anything_else_is_read_or_refused(body: bytes, sizes: Sequence[int]) -> None:
    for start in (b"", b"--" + BOUNDARY, b"--" + BOUNDARY + b"\r\nContent-Disposition: "):
        try:
            asyncio.run(read(start + body, sizes))
        except HeadwaterError:
            continue


def test_large_headers_are_refused() -> None:
    head = b"--" + BOUNDARY + b"\r\nX: " + b"x" * 20_000
    with pytest.raises(BadRequest):
        asyncio.run(read(head, [1000]))


def test_many_parts_are_refused() -> None:
    with pytest.raises(TooLarge):
        asyncio.run(read(encode([("a", None, b"")] * 1001), [5000]))


def test_boundaries() -> None:
    assert boundary_of('multipart/form-data; boundary="a b"') == b"a b"
    for wrong in ("multipart/form-data", "multipart/form-data; boundary=", "text/plain"):
        with pytest.raises(BadRequest):
            boundary_of(wrong)
