"""The address that forges deliver to, as the network sees it (security cases 1 to 10)."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest

from tests.api.conftest import HOOK_KEY, Api
from tests.api.test_sources import signed

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = f"/api/v1/hooks/git/{HOOK_KEY}"
BODY = orjson.dumps({"ref": "refs/heads/main"})


@pytest.fixture
def limited(api: Api) -> Iterator[None]:
    """Deliveries are taken from one network only."""
    worker = api.node.sync.main
    spec = worker.spec
    worker.spec = spec.model_copy(update={"hook_addresses": ("192.0.2.0/24",)})
    yield
    worker.spec = spec


@pytest.mark.usefixtures("limited")
async def test_no_header_says_where_a_delivery_comes_from(api: Api) -> None:
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Host", "Client-IP"):
        sent = {**signed(BODY), name: "for=192.0.2.1" if name == "Forwarded" else "192.0.2.1"}
        answer = await api.answer("POST", PATH, content=BODY, headers=sent)
        assert answer.status_code in (400, 403), name  # a foreign host name is refused before
        assert answer.headers["content-type"] == "application/problem+json"
    worker = api.node.sync.main
    worker.spec = worker.spec.model_copy(update={"hook_addresses": ("127.0.0.0/8",)})
    await api.post(PATH, 202, content=BODY, headers=signed(BODY))


async def test_a_body_without_end_is_cut_off(api: Api) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 16
            assert sent < 10 << 20, "it is read on and on"
            yield b"x" * (1 << 16)
            await asyncio.sleep(0)

    await api.post(PATH, 413, content=endless(), headers=signed(BODY))


async def test_a_body_that_trickles_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.raw_bodies.SECONDS", 0.2)

    async def slow() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    async with asyncio.timeout(30):
        await api.post(PATH, 408, content=slow(), headers=signed(BODY))


async def test_compressed_bodies_are_refused(api: Api) -> None:
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
        sent = {**signed(BODY), "Content-Encoding": coding}
        await api.post(PATH, 415, content=BODY, headers=sent)


async def test_a_token_where_none_is_taken(api: Api) -> None:
    sent = {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}
    await api.post(PATH, 401, content=b"", headers=sent)


async def test_a_key_that_is_not_there_is_told_as_any_other(api: Api) -> None:
    keys = (f"{HOOK_KEY}x", HOOK_KEY[:-1], HOOK_KEY.upper(), "main", "0")
    answers = [
        await api.answer("POST", f"/api/v1/hooks/git/{key}", content=BODY, headers=signed(BODY))
        for key in keys
    ]
    assert {each.status_code for each in answers} == {404}
    assert len({each.json()["detail"] for each in answers}) == 1
