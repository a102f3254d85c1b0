"""What every answer carries for browsers and caches, and names of downloads (cases 90, 91, 95)."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Route

from app.api.access import is_open
from app.api.application import make_application
from app.api.execution_files import disposition
from app.api.flow_archives import table
from app.api.headers import protecting

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


@is_open("for the test")
async def _broken(_: Any) -> Response:
    raise RuntimeError("hw-canary-of-a-traceback")


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    application = make_application(lifespan=nothing, max_body_bytes=1_000)
    application.router.routes.append(Route("/broken", _broken))
    transport = httpx2.ASGITransport(application, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://headwater.test") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/livez"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/nowhere"),
        ("POST", "/livez"), ("GET", "/broken"), ("GET", "/api/v1/main/flows/a%00b"),
        ("OPTIONS", "/livez"), ("HEAD", "/livez"),
    ],
)  # fmt: skip
async def test_every_answer_is_protected(http: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await http.request(method, path)
    for name, value in ALWAYS.items():
        assert answer.headers.get_list(name) == [value], (path, name)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert answer.headers["cache-control"] in ("no-store", "no-cache", "private, no-cache")
    assert "strict-transport-security" not in answer.headers
    assert "server" not in answer.headers


async def test_behind_tls_browsers_stay_there(http: httpx2.AsyncClient) -> None:
    answer = await http.get("https://headwater.test/livez")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_120_an_error_carries_an_id_and_no_trace(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/broken")
    assert answer.status_code == 500
    assert "canary" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("origin", ["null", "https://evil.test", "http://headwater.test.evil.test"])
async def test_91_other_origins_get_no_leave(http: httpx2.AsyncClient, origin: str) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST"}
    for answer in (
        await http.options("/api/v1/main/flows", headers=asked),
        await http.get("/livez", headers={"origin": origin}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    refused = await http.post("/api/v1/main/flows", headers={"origin": origin})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    "override",
    [
        {"x-http-method-override": "DELETE"},
        {"x-method-override": "DELETE"},
        {"x-http-method": "PUT"},
    ],
)
async def test_76_no_header_changes_the_method(
    http: httpx2.AsyncClient, override: dict[str, str]
) -> None:
    for path in ("/livez", "/livez?_method=DELETE"):
        answer = await http.get(path, headers=override)
        assert answer.status_code == (await http.get(path)).status_code


def test_an_answer_decides_for_itself() -> None:
    own = [(b"content-security-policy", b"x"), (b"cache-control", b"y"), (b"referrer-policy", b"z")]
    names = [name for name, _ in protecting(own, secure=True)]
    assert not set(names) & {name for name, _ in own}
    assert dict(protecting([(b"etag", b'"a"')], secure=False))[b"cache-control"] == (
        b"private, no-cache"
    )


HOSTILE_NAMES = [
    "a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "a%0d%0ab", "a\x00b", 'a"; filename="b.html',
    "a\\", "ä.txt", "a;b", "..\\..\\x", "\u2028", "\u202egpj.exe", "a\x85b", "a\x0bb", "\x7f",
    "’.txt", "a,b",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_95_a_name_is_one_name(name: str) -> None:
    value = disposition(f"kestra:///{name}")
    assert value.isascii()
    assert value.isprintable()
    parsed = Message()
    parsed["content-disposition"] = value
    assert parsed.get_content_disposition() == "attachment"
    assert set(dict(parsed.get_params(header="content-disposition") or [])) == {
        "attachment", "filename",
    }  # fmt: skip


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"]
)
def test_96_no_cell_is_a_formula(cell: str) -> None:
    body = bytes(table("x.csv", ["=a"], [[cell, 1, -1.5]]).body).decode()
    head, row = list(csv.reader(io.StringIO(body, newline="")))
    assert head == ["'=a"]
    assert row == [f"'{cell}", "1", "-1.5"]
