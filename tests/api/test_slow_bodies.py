"""Bodies that trickle: given up on every route, while slow but honest ones arrive (case 5)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.api import entrance
from tests.api.conftest import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLOW = b"id: slow\nnamespace: %s\ntasks: [{id: a, type: core.log.Log, message: m}]\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "PATIENCE", 0.05)


async def never_ending(begin: bytes) -> AsyncIterator[bytes]:
    yield begin
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "flows"),
        ("PUT", "flows/shop/x"),
        ("POST", "/api/v1/login"),
        ("POST", "executions/shop/x"),
        ("PUT", "namespaces/shop/kv/x"),
        ("POST", "namespaces/shop/files?path=/x"),
    ],
)
async def test_5_a_body_that_stops_is_given_up(
    api: Api, impatient: None, method: str, path: str
) -> None:
    headers = {"content-type": "application/json"}
    async with asyncio.timeout(10):
        answer = await api.answer(method, path, content=never_ending(b"{"), headers=headers)
    assert answer.status_code in (400, 404, 408, 415), answer.text
    if answer.status_code == 408:
        assert answer.headers["connection"] == "close"


async def test_5_a_flow_that_stops_is_given_up(api: Api, impatient: None) -> None:
    answer = await api.answer("POST", "flows", content=never_ending(b"id: "))
    assert answer.status_code == 408


async def test_a_body_in_many_parts_arrives(api: Api, ns: str) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for each in FLOW % ns.encode():
            await asyncio.sleep(0)
            yield bytes([each])

    answer = await api.answer("POST", "flows", content=parts())
    assert answer.status_code == 200, answer.text


async def test_a_large_body_may_take_its_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "PATIENCE", 0.0)
    monkeypatch.setattr(entrance, "LEAST_RATE", 1)

    async def receive() -> dict[str, object]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(_: object) -> None: ...

    exchange = entrance._Exchange(receive, send, 100)
    exchange._read = 50
    for _ in range(50):
        await exchange.receive()
