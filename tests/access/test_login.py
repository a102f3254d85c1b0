"""Logging in: by password, by cookie, by token; the first user; what is refused, and how."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.access import Grant, Permission, Scope
from app.access.passwords import is_password
from app.api import passwords
from app.api.cookies import CSRF, SESSION
from tests.access.service import DAY, PASSWORD, Service, service

ME = "/api/v1/main/flows/search"
LOGIN = "/api/v1/login"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Service]:
    async with service(tmp_path / "data") as running:
        yield running


def basic(user: str, password: str) -> dict[str, str]:
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


async def logged_in(api: Service, name: str = "alice") -> httpx2.Response:
    answer = await api.http.post(LOGIN, json={"username": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return answer


async def test_nobody_gets_in_and_probes_are_answered(api: Service) -> None:
    for path in ("/livez", "/readyz", "/version", "/api/v1/configs", "/api/v1/setup"):
        assert await api.status(path) == 200, path
    for path in (ME, "/metrics", "/api/v1/main/executions/4sd5fsd65f4s6d5f4sd6f5", "/nothing"):
        answer = await api.http.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_first_user_is_made_once(api: Service) -> None:
    file = api.node.settings.data_dir / "setup-token"
    assert file.read_text().strip() == api.setup_token
    assert file.stat().st_mode & 0o777 == 0o600
    wish = {"username": "root@example.test", "password": PASSWORD, "token": "hws_wrong"}
    assert await api.status("/api/v1/setup", "POST", json=wish) == 401
    wish["token"] = api.setup_token
    assert (
        await api.status("/api/v1/setup", "POST", json=wish | {"password": "12345678"[:4]}) == 422
    )
    made = await api.http.post("/api/v1/setup", json=wish)
    assert made.status_code == 200, made.text
    assert made.json()["instanceOwner"] is True
    assert not file.exists()
    assert await api.status("/api/v1/setup", "POST", json=wish) == 409
    assert await api.status("/metrics", headers=basic("root@example.test", PASSWORD)) == 200
    assert (await api.http.get("/api/v1/setup")).json() == {"done": True}


async def test_where_a_file_says_who_administers_there_is_no_first_user(tmp_path: Path) -> None:
    async with service(tmp_path / "data", access={"source": "main"}) as api:
        assert api.setup_token is None
        wish = {"username": "root", "password": PASSWORD, "token": "hws_x"}
        assert await api.status("/api/v1/setup", "POST", json=wish) == 409


async def test_whoever_only_came_by_oidc_does_not_close_the_setup(tmp_path: Path) -> None:
    async with service(tmp_path / "data") as api:
        await api.user("sent", issuer="https://id.example", subject="1")
        assert (await api.http.get("/api/v1/setup")).json() == {"done": False}
        wish = {"username": "sent", "password": PASSWORD, "token": api.setup_token}
        assert await api.status("/api/v1/setup", "POST", json=wish) == 409
        wish["username"] = "root"
        assert await api.status("/api/v1/setup", "POST", json=wish) == 200


async def test_kestras_clients_make_the_first_user(api: Service) -> None:
    wish = {"uid": "x", "username": "root@example.test", "password": PASSWORD}
    path = "/api/v1/main/basicAuth"
    assert await api.status(path, "POST", json=wish) == 401
    token = {"X-Setup-Token": api.setup_token}
    assert await api.status(path, "POST", json=wish, headers=token) == 200
    assert await api.status(ME, headers=basic("root@example.test", PASSWORD)) == 200


async def test_a_session(api: Service) -> None:
    await api.user("alice", {"editor": Scope("main")})
    answer = await logged_in(api)
    cookie = next(each for each in answer.headers.get_list("set-cookie") if SESSION in each)
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert await api.status(ME) == 200
    # A change needs the token of the session as a header, too.
    path, body = "/api/v1/main/flows/validate", {"content": "id: f\nnamespace: n\ntasks: []"}
    yaml = {"Content-Type": "application/x-yaml"}
    assert await api.status(path, "POST", headers=yaml, content=body["content"]) == 403
    wrong = yaml | {"X-CSRF-Token": "0" * 64}
    assert await api.status(path, "POST", headers=wrong, content=body["content"]) == 403
    right = yaml | {"X-CSRF-Token": answer.headers["x-csrf-token"]}
    assert answer.headers["x-csrf-token"] == api.http.cookies[CSRF]
    assert await api.status(path, "POST", headers=right, content=body["content"]) == 200
    assert await api.status("/api/v1/logout", "POST") == 403
    assert await api.status("/api/v1/logout", "POST", headers=right) == 204
    assert await api.status(ME) == 401


async def test_a_login_never_keeps_the_session_that_was_there(api: Service) -> None:
    await api.user("alice")
    await logged_in(api)
    before = api.http.cookies[SESSION]
    await logged_in(api)
    assert api.http.cookies[SESSION] != before
    api.http.cookies.clear()
    planted = {"Cookie": f"{SESSION}={before}"}
    assert await api.status(ME, headers=planted) == 401
    assert await api.status("/livez", headers=planted) == 200


async def test_a_session_ends(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.user("alice", {"viewer": Scope("main")})
    await logged_in(api)
    clock, start = api.node.clock, api.node.clock.now()
    times = {"now": start}
    monkeypatch.setattr(type(clock), "now", lambda _: times["now"])
    for hours, status in ((11, 200), (22, 200), (33, 200), (45.1, 401)):
        times["now"] = start + int(hours * DAY / 24)
        assert await api.status(ME) == status, hours
    await logged_in(api)
    for step in range(1, 68):  # used all the time, and over after thirty days
        times["now"] += 11 * DAY // 24
        assert await api.status(ME) == (200 if step * 11 < 720 else 401), step


async def test_a_cookie_does_not_go_through_the_network_in_the_clear(api: Service) -> None:
    await api.user("alice")
    body = {"username": "alice", "password": PASSWORD}
    transport = httpx2.ASGITransport(app=api.application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://hw.example") as http:
        assert (await http.post(LOGIN, json=body)).status_code == 403
    async with httpx2.AsyncClient(transport=transport, base_url="https://hw.example") as http:
        answer = await http.post(LOGIN, json=body)
        cookies = answer.headers.get_list("set-cookie")
    assert answer.status_code == 200
    assert any(each.startswith(f"__Host-{SESSION}=") and "Secure" in each for each in cookies)


async def test_wrong_passwords_are_answered_alike_and_slowed_down(api: Service) -> None:
    await api.user("alice")
    await api.user("bob", disabled=True)
    bodies = []
    for name, password in (("alice", "x" * 9), ("nobody", "x" * 9), ("bob", PASSWORD)):
        answer = await api.http.post(LOGIN, json={"username": name, "password": password})
        assert answer.status_code == 401
        bodies.append(answer.json()["detail"])
    assert len(set(bodies)) == 1
    statuses = []
    for _ in range(12):
        wrong = {"username": "alice", "password": "wrong wrong"}
        answer = await api.http.post(LOGIN, json=wrong)
        statuses.append(answer.status_code)
    assert statuses == [401] * 9 + [429] * 3
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert await api.status(ME, headers=basic("alice", PASSWORD)) == 429
    transport = httpx2.ASGITransport(app=api.application, client=("192.0.2.9", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        body = {"username": "alice", "password": PASSWORD}  # from elsewhere nobody is locked out
        assert (await http.post(LOGIN, json=body)).status_code == 200


async def test_whoever_is_named_a_password_is_computed(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bool] = []

    def computed(password: str, hashed: str | None) -> bool:
        kept.append(hashed is not None)
        return is_password(password, hashed)

    monkeypatch.setattr(passwords, "is_password", computed)
    await api.user("alice")
    for name in ("alice", "nobody"):
        body = {"username": name, "password": "x" * 300}
        assert await api.status(LOGIN, "POST", json=body | {"password": "x" * 99}) == 401
        assert await api.status(LOGIN, "POST", json=body) == 422
    assert kept == [True, False]


async def test_many_logins_at_once_wait_in_turn(api: Service) -> None:
    await api.user("alice", {"viewer": Scope("main")})
    header = basic("alice", PASSWORD)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(api.status(ME, headers=header)) for _ in range(40)]
    assert {each.result() for each in asked} == {200}


async def test_no_name_is_more_than_a_database_takes(api: Service) -> None:
    assert await api.status(ME, headers=basic("a\0b", PASSWORD)) == 401
    for name in ("a\0b", "a\nb", " ", "a:b", "x" * 151):
        body = {"username": name, "password": PASSWORD}
        assert await api.status(LOGIN, "POST", json=body) == 422, name
    wish = {"username": "root", "password": PASSWORD, "token": api.setup_token, "email": "a\0b"}
    assert await api.status("/api/v1/setup", "POST", json=wish) == 422


async def test_no_token_is_taken_from_an_address(api: Service) -> None:
    header = await api.token(await api.user("alice", {"viewer": Scope("main")}))
    text = header["Authorization"].removeprefix("Bearer ")
    for name in ("token", "access_token", "api_token"):
        assert await api.status(f"{ME}?{name}={text}") == 401


async def test_basic_and_what_is_no_credential(api: Service) -> None:
    await api.user("alice@example.test", {"viewer": Scope("main")})
    assert await api.status(ME, headers=basic("Alice@example.test", PASSWORD)) == 200
    for given in (
        "Basic",
        "Basic %%%",
        "Bearer x",
        "Digest a=b",
        "Bearer hw_a_b",
        "Basic " + "A" * 9000,
    ):
        answer = await api.http.get(ME, headers={"Authorization": given})
        assert answer.status_code == 401, given
        assert await api.status("/livez", headers={"Authorization": given}) == 200


async def test_tokens(api: Service) -> None:
    member = await api.user("alice", {"editor": Scope("main"), "viewer": Scope("other")})
    header = await api.token(member)
    assert await api.status(ME, headers=header) == 200
    token = (await api.node.access.tokens.of(member.id))[0]
    assert token.last_used_at is not None
    assert await api.status(ME, headers=basic("x", header["Authorization"][7:])) == 200
    forged = {"Authorization": header["Authorization"][:-1] + "~"}
    assert await api.status(ME, headers=forged) == 401
    other = {"Authorization": header["Authorization"][:-4] + "AAAA"}
    assert await api.status(ME, headers=other) == 401
    await api.node.access.tokens.revoke(token.id, api.node.clock.now())
    assert await api.status(ME, headers=header) == 401
    ended = await api.token(member, expires_at=api.node.clock.now() - 1)
    assert await api.status(ME, headers=ended) == 401


async def test_a_token_may_do_what_it_and_its_owner_may(api: Service) -> None:
    member = await api.user("alice", {"viewer": Scope("main", "company")})
    wide = (Grant(frozenset(Permission), Scope()),)
    narrow = (Grant(frozenset({Permission.FLOW_READ}), Scope("main", "company.team")),)
    path = "/api/v1/main/flows/{}/f/revisions"
    for limits, namespace, status in (
        (wide, "company", 404),
        (wide, "else", 403),
        (narrow, "company.team", 404),
        (narrow, "company", 403),
    ):
        header = await api.token(member, limits)
        where = path.format(namespace).replace("/revisions", "")
        assert await api.status(where, headers=header) == status, (limits, namespace)
    header = await api.token(member, narrow)
    assert await api.status("/api/v1/main/executions/search", headers=header) == 403
    assert await api.status("/api/v1/other/flows/search", headers=header) == 404


async def test_a_disabled_user_is_out_at_once(api: Service) -> None:
    member = await api.user("alice", {"viewer": Scope("main")})
    header = await api.token(member)
    await logged_in(api)
    assert await api.status(ME, headers=header) == 200
    await api.node.access.members.save(replace(member, disabled=True))
    assert await api.status(ME, headers=header) == 401
    assert await api.status(ME) == 401
    assert await api.status(ME, headers=basic("alice", PASSWORD)) == 401


async def test_what_another_node_changes_is_seen_within_seconds(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await api.user("alice", {"viewer": Scope("main")})
    header = await api.token(member)
    assert await api.status(ME, headers=header) == 200
    clock, start = api.node.clock, api.node.clock.now()
    api.node.access.heard.clear()  # as if it were done elsewhere
    await api.node.access.members.save(replace(member, disabled=True))
    monkeypatch.setattr(type(clock), "now", lambda _: start + 5_100_000)
    assert await api.status(ME, headers=header) == 401


async def test_metrics_may_be_open(tmp_path: Path) -> None:
    async with service(tmp_path / "data", access={"open_metrics": True}) as api:
        assert await api.status("/metrics") == 200
        assert await api.status(ME) == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8080", 200), ("localhost", 200), ("[::1]:80", 200), ("rebound.example", 403)],
)
async def test_without_a_login_only_our_own_names_count(
    tmp_path: Path, host: str, status: int
) -> None:
    more: dict[str, Any] = {"server": {"mode": "dev"}}
    async with service(tmp_path / "data", **more) as api:
        assert await api.status(ME, headers={"Host": host}) == status
        assert api.setup_token is None


async def test_people_reach_a_service_without_a_login_by_its_address(tmp_path: Path) -> None:
    more: dict[str, Any] = {"server": {"mode": "dev", "url": "https://dev.example:99/x"}}
    async with service(tmp_path / "data", **more) as api:
        assert await api.status(ME, headers={"Host": "dev.example"}) == 200
