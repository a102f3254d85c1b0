"""Bounds of every route, by the description of the API: pages, orders, bodies, texts of errors."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from app.api.application import description
from app.api.drafts import NO_NUL
from tests.api.conftest import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = ("size", "limit", "page")
MOST_PAGE = 10_000
Operation = tuple[str, str, dict[str, Any]]


def operations() -> list[Operation]:
    return [
        (method, path, operation)
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    ]


def parameters(where: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    return [
        (method, path, each["name"], each["schema"])
        for method, path, operation in operations()
        for each in operation.get("parameters", ())
        if each["in"] == where
    ]


def filled(path: str) -> str:
    """Return a path with something in the place of each name."""
    path = path.replace("{tenant}", "main")
    return "/".join("x" if part.startswith("{") else part for part in path.split("/"))


async def test_every_page_has_a_largest_size() -> None:
    found = 0
    for method, path, name, schema in parameters("query"):
        if name not in PAGES:
            continue
        found += 1
        kinds = [schema, *schema.get("anyOf", ())]
        bounds = [each for each in kinds if each.get("type") == "integer"]
        assert bounds, (method, path, name)
        for each in bounds:
            assert "maximum" in each, (method, path, name)
            assert "minimum" in each or "exclusiveMinimum" in each, (method, path, name)
            assert name == "page" or each["maximum"] <= MOST_PAGE, (method, path, name)
    assert found > 30


def reasons() -> list[tuple[str, dict[str, Any]]]:
    """Return what every reason that somebody gives may be, and where it is given."""
    asked = [(path, schema) for _, path, name, schema in parameters("query") if name == "reason"]
    documents = description()["components"]["schemas"].items()
    written = [
        (name, document["properties"]["reason"])
        for name, document in documents
        if "reason" in document.get("properties", ())
    ]
    return asked + [each for each in written if "maxLength" in each[1]]


async def test_every_reason_can_be_stored() -> None:
    """PostgreSQL knows no NUL: it would refuse what the reason is of."""
    found = reasons()
    assert len(found) > 15
    for where, schema in found:
        assert schema.get("pattern") == NO_NUL, where


async def test_a_reason_that_cannot_be_stored_is_refused(api: Api, ns: str) -> None:
    await api.post(f"flows/{ns}/f/rollback", 422, json={"reason": "a\0b"})
    await api.ask("DELETE", f"flows/{ns}/f/pin?reason=a%00b", 400)


SORTED = sorted(
    {
        path
        for method, path, name, schema in parameters("query")
        if name == "sort"
        and path != "/api/v1/plugins"  # the same for everybody, and never sorted
        and "may be given several times" in schema.get("description", "")
    }
)


@pytest.mark.parametrize("path", SORTED)
@pytest.mark.parametrize(
    "sort", ["id;drop table flow:asc", "nowhere:asc", "id:sideways", "1,2:asc"]
)
async def test_only_known_columns_order_a_list(api: Api, path: str, sort: str) -> None:
    answer = await api.answer("GET", filled(path), params={"sort": sort})
    assert answer.status_code in (400, 404, 422), answer.text


SEARCHES = sorted({path for method, path, _ in operations() if "filters" in str(_)})


@pytest.mark.parametrize("path", SEARCHES)
@pytest.mark.parametrize(
    "name",
    ["filters[nowhere][EQUALS]", "filters[id][LIKE ']", "filters[namespace][EVIL]", "nowhere"],
)
async def test_only_known_filters_narrow_a_list(api: Api, path: str, name: str) -> None:
    answer = await api.answer("GET", filled(path), params={name: "x"})
    assert 400 <= answer.status_code < 500, answer.text


BODIES = sorted({(m, p) for m, p, _ in operations() if m in ("post", "put", "patch", "delete")})


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_5_no_route_reads_a_body_without_end(api: Api, method: str, path: str) -> None:
    most, sent = 200_000, 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(40):
            sent += 16_384
            yield b" " * 16_384

    headers = {"content-type": "application/json"}
    answer = await api.answer(method.upper(), filled(path), content=endless(), headers=headers)
    assert 200 <= answer.status_code < 500, answer.text
    assert sent <= most + 3 * 16_384, sent
    if sent > most:
        assert answer.status_code in (400, 413, 415, 422), answer.text


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_5_a_length_over_the_limit_is_refused_unread(
    api: Api, method: str, path: str
) -> None:
    headers = {"content-length": "5368709120", "content-type": "application/json"}
    answer = await api.answer(method.upper(), filled(path), content=b"{}", headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_6_no_route_unpacks_a_body(api: Api, method: str, path: str) -> None:
    answer = await api.answer(
        method.upper(), filled(path), content=b"\x1f\x8b", headers={"content-encoding": "gzip"}
    )
    assert answer.status_code == 415


HOSTILE = [
    "<script>alert(1)</script>",
    "\u202e\u0007",
    "a\r\nb",
    "{{ 983*991 }}",
    "' or 1=1 --",
    "${jndi:x}",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_errors_are_json_whatever_they_repeat(api: Api, text: str) -> None:
    for path in (f"flows/{quote(text)}/x", f"executions/{quote(text)}", "executions/search"):
        answer = await api.answer("GET", path, params={"q": text, "sort": text})
        assert "json" in answer.headers["content-type"]
        assert "974153" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999", "1e9", "NaN", "1;2"])
async def test_numbers_out_of_bounds(api: Api, number: str) -> None:
    for path in ("flows/x/y", "flows/x/y/graph", "executions/x/y"):
        method = "POST" if path.startswith("exec") else "GET"
        answer = await api.answer(method, path, params={"revision": number})
        assert 400 <= answer.status_code < 500, (path, answer.text)
    for name in PAGES:
        answer = await api.answer("GET", "flows/search", params={name: number})
        assert 400 <= answer.status_code < 500 or number == "1", (name, answer.text)
