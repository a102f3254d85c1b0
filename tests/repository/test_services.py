"""The demo microservices: what they answer, what they remember."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest

from scripts.services import GATEWAY, NAMES, VERBS, Services, running

PROGRAM = Path(__file__).parents[2] / "scripts" / "services.py"


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    async with running() as started:
        yield started


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=5) as opened:
        yield opened


def path(name: str) -> str:
    return f"/api/{name}-service/{VERBS[name]}"


async def order(
    client: httpx2.AsyncClient, base: str, name: str, key: str | None = None
) -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key else {}
    form = {"orderId": (None, "o-1")}
    return await client.post(base + path(name), files=form, headers=headers)


@pytest.mark.parametrize("name", VERBS)
async def test_each_service_does_its_own_work_once_per_key(
    services: Services, client: httpx2.AsyncClient, name: str
) -> None:
    answers = [await order(client, services.url(name), name, key="k1") for _ in range(3)]

    assert {answer.status_code for answer in answers} == {201}
    assert answers[0].json() == answers[2].json()
    assert answers[0].json()["orderId"] == "o-1"
    assert answers[0].json()["idempotencyKey"] == "k1"
    assert "idempotent-replayed" not in answers[0].headers
    assert answers[1].headers["idempotent-replayed"] == "true"
    effects = (await client.get(services.url(name) + "/effects")).json()
    assert [(each["service"], each["key"], each["calls"]) for each in effects] == [(name, "k1", 3)]


async def test_calls_without_a_key_are_done_each_time(
    services: Services, client: httpx2.AsyncClient
) -> None:
    for _ in range(2):
        await order(client, services.url("payment"), "payment")
    assert len(services.effects) == 2


async def test_the_gateway_serves_all_and_a_service_only_itself(
    services: Services, client: httpx2.AsyncClient
) -> None:
    for name in VERBS:
        assert (await order(client, services.url(GATEWAY), name)).status_code == 201
    assert (await order(client, services.url("order"), "payment")).status_code == 404
    assert (await client.get(services.url("order") + path("order"))).status_code == 405


async def test_another_answer_has_no_effect_and_an_error_is_not_remembered(
    services: Services, client: httpx2.AsyncClient
) -> None:
    base = services.url("inventory")
    for status in (500, 200):
        changed = await client.put(base + "/answers", json={"inventory": status})
        assert changed.json() == {"inventory": status}
        assert (await order(client, base, "inventory", key="k")).status_code == status
    services.answers["inventory"] = 201
    assert (await order(client, base, "inventory", key="k")).status_code == 200
    assert services.effects == []


@pytest.mark.parametrize("wrong", [{"stock": 200}, {"order": 99}, {"order": "later"}, [1]])
async def test_wrong_answers_are_refused(
    services: Services, client: httpx2.AsyncClient, wrong: object
) -> None:
    refused = await client.put(services.url("order") + "/answers", json=wrong)
    assert refused.status_code == 422
    assert services.answers == {}


async def test_a_hanging_service_lets_go_when_the_caller_does(
    services: Services, client: httpx2.AsyncClient
) -> None:
    services.answers["shipping"] = "hang"
    with pytest.raises(httpx2.ReadTimeout):
        await client.post(services.url("shipping") + path("shipping"), timeout=0.1)
    assert (await client.get(services.url("shipping") + "/effects")).json() == []


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        PROGRAM,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_program_prints_its_ports_and_ends_on_sigterm(
    client: httpx2.AsyncClient, free_port: Callable[[], int]
) -> None:
    ports = [free_port() for _ in NAMES]
    process = await start("--ports", ",".join(map(str, ports)), "--answer", "inventory=200")
    assert process.stdout is not None
    printed = json.loads(await process.stdout.readline())
    assert printed == dict(zip(NAMES, ports, strict=True))
    base = f"http://127.0.0.1:{printed['inventory']}"
    assert (await order(client, base, "inventory")).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--answer", "stock=200"], "no service 'stock'"),
        (["--ports", "1,2"], "6 are expected"),
        (["--ports", "taken"], "port"),
    ],
)
async def test_the_program_explains_what_is_wrong(
    services: Services, arguments: list[str], message: str
) -> None:
    taken = ",".join(["0"] * 5 + [str(services.ports["order"])])
    process = await start(*(taken if each == "taken" else each for each in arguments))
    _, error = await process.communicate()
    assert process.returncode == 1
    assert message in error.decode()
    assert "Traceback" not in error.decode()
