"""Forms: what a real parser reads back from them."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import pytest
import python_multipart
from hypothesis import given
from hypothesis import strategies as st

from app.plugins.http.bodies import SENT_WHOLE, build_form

FILES = {"kestra:///a/small.txt": b"small\r\n--", "kestra:///a/large.bin": b"x" * 3_000_000}


async def open_file(uri: str) -> AsyncIterator[bytes]:
    data = FILES[uri]
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


async def parsed(fields: dict[str, Any]) -> list[tuple[str, str | None, bytes]]:
    """Return (name, file name, content) of each part, as the parser of our own API sees them."""
    form = await build_form(fields, "multipart/form-data", open_file)
    body = form.body
    whole = body if isinstance(body, bytes) else b"".join([chunk async for chunk in body])
    found: list[tuple[str, str | None, bytes]] = []

    def on_field(field: Any) -> None:
        found.append((field.field_name.decode(), None, field.value or b""))

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        name = file.file_name.decode()
        found.append((file.field_name.decode(), name, file.file_object.read()))

    headers = {"Content-Type": form.content_type.encode()}
    python_multipart.parse_form(headers, BytesIO(whole), on_field, on_file)
    return found


async def test_fields_and_files() -> None:
    fields = {
        "orderId": "my order",
        "amount": 12.5,
        "paid": True,
        "nothing": None,
        "tags": ["a", "b"],
        "map": {"a": 1},
        "file": "kestra:///a/small.txt",
        "named": {"name": "report.csv", "content": "a,b"},
        "stored": {"name": 'we"ird\r\n.bin', "content": "kestra:///a/small.txt"},
    }
    assert sorted(await parsed(fields)) == sorted(
        [
            ("orderId", None, b"my order"),
            ("amount", None, b"12.5"),
            ("paid", None, b"true"),
            ("tags", None, b"a"),
            ("tags", None, b"b"),
            ("map", None, b'{"a":1}'),
            ("file", "small.txt", b"small\r\n--"),
            ("named", "report.csv", b"a,b"),
            ("stored", "we%22ird%0D%0A.bin", b"small\r\n--"),
        ]
    )


async def test_small_bodies_have_a_length_and_large_ones_are_streamed() -> None:
    small = await build_form({"f": "kestra:///a/small.txt"}, "multipart/form-data", open_file)
    large = await build_form({"f": "kestra:///a/large.bin"}, "multipart/form-data", open_file)
    assert isinstance(small.body, bytes)
    assert not isinstance(large.body, bytes)
    chunks = [chunk async for chunk in large.body]
    assert max(map(len, chunks)) <= 100_000
    assert 3_000_000 < sum(map(len, chunks)) < 3_000_000 + 1000
    assert SENT_WHOLE < 3_000_000


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text(max_size=50)))
async def test_url_encoded_forms_come_back(fields: dict[str, str]) -> None:
    fields = {name: value for name, value in fields.items() if not _surrogates(value)}
    form = await build_form(fields, "", open_file)
    assert isinstance(form.body, bytes)
    read = parse_qsl(form.body.decode(), keep_blank_values=True)
    assert read == list(fields.items())
    assert form.content_type == "application/x-www-form-urlencoded"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.binary(max_size=200))
async def test_no_value_escapes_its_part(name: str, value: bytes) -> None:
    text = value.decode("latin-1")
    found = await parsed({"a": text, "b": {"name": name, "content": text}, "c": "end"})
    assert [entry[0] for entry in sorted(found)] == ["a", "b", "c"]
    assert [entry[2] for entry in sorted(found)] == [text.encode(), text.encode(), b"end"]


@pytest.mark.parametrize("kind", ["Multipart/Form-Data", "multipart/form-data; boundary=mine"])
async def test_the_boundary_is_ours(kind: str) -> None:
    form = await build_form({"a": "b"}, kind, open_file)
    assert form.content_type.startswith("multipart/form-data; boundary=")
    assert "mine" not in form.content_type


def _surrogates(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)
