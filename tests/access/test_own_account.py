"""What people and tokens may do with their own account, and what that must not make of it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from app.access import ROLES, Grant, Scope
from app.api.attempts import Attempts
from app.api.cookies import SECURE_SESSION, SESSION
from app.api.identities import Identities
from app.db.member_records import Member
from app.errors import TooMany, Unauthorized
from tests.access.service import PASSWORD, Service, service

ME = "/api/v1/me"
LOGIN = "/api/v1/login"
SETUP = "/api/v1/setup"


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Service]:
    async with service(tmp_path / "data") as running:
        yield running


async def test_nobody_takes_the_address_of_somebody_else(api: Service) -> None:
    """Invitations, logins by a provider and authors of commits mean people by it."""
    mine = await api.token(await api.user("mallory", email="mallory@example.test"))
    for wish in ({"email": "ann@example.test"}, {"email": "ann@example.test", "firstName": "A"}):
        assert await api.status(ME, "PATCH", json=wish, headers=mine) == 403
    wish = {"email": "Mallory@example.test", "firstName": "M"}  # as clients send all back
    answer = await api.http.patch(ME, json=wish, headers=mine)
    assert answer.status_code == 200, answer.text
    profile = answer.json()["profile"]
    assert (profile["firstName"], profile["email"]) == ("M", "mallory@example.test")


async def test_a_token_with_limits_revokes_itself_and_no_other(api: Service) -> None:
    owner = await api.user("ann", {"admin": Scope("main")})
    whole = await api.token(owner)
    limited = await api.token(owner, (Grant(ROLES["viewer"].permissions, Scope("main")),))
    ids = {name: _id(each) for name, each in (("whole", whole), ("limited", limited))}
    gone = f"{ME}/api-tokens/{ids['whole']}"
    assert await api.status(gone, "DELETE", headers=limited) == 403
    assert await api.status(ME, headers=whole) == 200
    own = f"{ME}/api-tokens/{ids['limited']}"
    assert await api.status(own, "DELETE", headers=limited) == 204
    assert await api.status(ME, headers=limited) == 401


def _id(header: dict[str, str]) -> str:
    return header["Authorization"].split("_")[1]


async def test_with_tls_no_cookie_counts_that_a_neighbour_can_set(api: Service) -> None:
    await api.user("mallory")
    body = {"username": "mallory", "password": PASSWORD}
    transport = httpx2.ASGITransport(app=api.application)
    async with httpx2.AsyncClient(transport=transport, base_url="https://hw.example") as http:
        assert (await http.post(LOGIN, json=body)).status_code == 200
        secret = http.cookies[SECURE_SESSION]
        http.cookies.clear()
        planted = {"Cookie": f"{SESSION}={secret}"}
        assert (await http.get(ME, headers=planted)).status_code == 401
        ours = {"Cookie": f"{SECURE_SESSION}={secret}; {SESSION}=other"}
        assert (await http.get(ME, headers=ours)).status_code == 200


async def test_what_was_read_before_a_change_is_not_remembered_after_it(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await api.user("ann", {"viewer": Scope("main")})
    mine = await api.token(member)
    read, go_on = asyncio.Event(), asyncio.Event()
    of_member = Identities.of_member

    async def slow(self: Identities, asked: Member) -> Any:
        caller = await of_member(self, asked)
        read.set()
        await go_on.wait()
        return caller

    monkeypatch.setattr(Identities, "of_member", slow)
    early = asyncio.create_task(api.status(ME, headers=mine))
    await read.wait()
    assert await api.node.access.tokens.revoke(_id(mine), api.node.clock.now())
    go_on.set()
    await early
    assert await api.status(ME, headers=mine) == 401


async def test_the_setup_tells_nothing_to_who_has_no_token(api: Service) -> None:
    by_provider = Member("user", "ann@example.test", issuer="https://id.example", subject="1")
    await api.node.access.members.add(by_provider)
    for name, password in (("ann@example.test", PASSWORD), ("bo", PASSWORD), ("bo", "weak")):
        wish = {"username": name, "password": password, "token": "hws_wrong"}
        assert await api.status(SETUP, "POST", json=wish) == 401, wish
    wish = {"username": "ann@example.test", "password": PASSWORD, "token": api.setup_token}
    assert await api.status(SETUP, "POST", json=wish) == 409


def _basic(user: str, password: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


async def test_a_password_in_use_is_not_found_out_by_guessing(api: Service) -> None:
    """Whoever guesses is refused after some attempts, also when the guess is remembered."""
    await api.user("ann", {"viewer": Scope("main")})
    right, wrong = _basic("ann", PASSWORD), _basic("ann", "wrong wrong")
    elsewhere = httpx2.ASGITransport(app=api.application, client=("192.0.2.9", 1))
    async with httpx2.AsyncClient(transport=elsewhere, base_url="http://127.0.0.1") as http:
        assert await api.status(ME, headers=right) == 200  # it is remembered from now on
        for client in (http, api.http):
            found = [(await client.get(ME, headers=wrong)).status_code for _ in range(11)]
            assert found == [401] * 10 + [429]
            assert (await client.get(ME, headers=right)).status_code == 429
            if client is http:  # where it was used before, it can be used
                assert await api.status(ME, headers=right) == 200


def test_clients_with_the_right_password_use_up_nothing() -> None:
    attempts = Attempts(1)
    for name in range(30):  # an address may fail ten times
        with attempts.one(f"user-{name}", "192.0.2.1"):
            pass
    for name in range(10):
        with pytest.raises(Unauthorized), attempts.one(f"user-{name}", "192.0.2.1"):
            raise Unauthorized("wrong")
    with pytest.raises(TooMany), attempts.one("ann", "192.0.2.1"):
        pass
    with attempts.one("ann", "192.0.2.2"):
        pass
