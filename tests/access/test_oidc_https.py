"""Logins by OpenID Connect behind TLS: cookies nobody else can set, names nobody forges."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from app.db.member_records import Group, Member
from tests.access.fake_provider import CLIENT, ISSUER, World
from tests.access.service import Service, service

URL = "https://flows.example"
BEGIN = "/api/v1/login/oidc/company"


class Place:
    """A service behind TLS with a provider in memory, and a browser."""

    def __init__(self, made: Service, http: httpx2.AsyncClient) -> None:
        self.made, self.http, self.world = made, http, World()
        self.world.clock = made.node.clock  # type: ignore[assignment]  # the real time
        made.node.own_http = self.world.http  # type: ignore[assignment]  # the fake is enough

    async def log_in(self, **claims: Any) -> httpx2.Response:
        begun = await self.http.get(BEGIN, params={"next": "/flows"})
        assert begun.status_code == 303, begun.text
        asked = httpx2.QueryParams(httpx2.URL(begun.headers["location"]).query)
        assert asked["redirect_uri"] == f"{URL}{BEGIN}/callback"
        now = self.made.node.clock.now() // 1_000_000
        every = {"nonce": asked["nonce"], "iat": now, "exp": now + 60} | claims
        token = self.world.token(**every)
        tokens = {"id_token": token, "access_token": "at", "token_type": "Bearer"}
        self.world.http.pages[f"{ISSUER}/token"] = (200, tokens)
        back = {"code": "c", "state": asked["state"], "session_state": "x", "hd": "ignored"}
        return await self.http.get(f"{BEGIN}/callback", params=back)

    async def me(self, status: int = 200) -> Any:
        answer = await self.http.get("/api/v1/me")
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def place(tmp_path: Any, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    more = getattr(request, "param", {})
    oidc = {"company": {"issuer": ISSUER, "client_id": CLIENT, "client_secret": "s"} | more}
    server = {"mode": "production", "url": URL}
    async with service(tmp_path / "data", oidc=oidc, server=server) as made:
        transport = httpx2.ASGITransport(app=made.application)
        async with httpx2.AsyncClient(transport=transport, base_url=URL) as http:
            yield Place(made, http)


async def test_cookies_behind_tls(place: Place) -> None:
    begun = await place.http.get(BEGIN)
    (attempt,) = begun.headers.get_list("set-cookie")
    for word in ("__Host-headwater_login=", "HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert word in attempt
    back = await place.log_in()
    assert (back.status_code, back.headers["location"]) == (303, "/flows")
    given = {each.partition("=")[0]: each for each in back.headers.get_list("set-cookie")}
    session = given["__Host-headwater_session"]
    for word in ("HttpOnly", "Secure", "SameSite=lax"):
        assert word in session
    assert "Max-Age=0" in given["__Host-headwater_login"]
    assert back.headers["cache-control"] == "no-store"
    assert (await place.me())["profile"]["username"] == "ann@example.org"


async def test_a_host_header_moves_nothing(place: Place) -> None:
    begun = await place.http.get(BEGIN, headers={"Host": "evil.example"})
    asked = httpx2.QueryParams(httpx2.URL(begun.headers["location"]).query)
    assert asked["redirect_uri"] == f"{URL}{BEGIN}/callback"


@pytest.mark.parametrize("place", [{"create_users": False}], indirect=True)
async def test_only_who_is_known(place: Place) -> None:
    refused = await place.log_in()
    assert refused.status_code == 403
    assert "no account" in refused.json()["detail"]
    await place.me(401)
    known = Member("user", "ann", issuer=ISSUER, subject="42")
    await place.made.node.access.members.add(known)
    assert (await place.log_in()).status_code == 303
    assert (await place.me())["id"] == known.id


@pytest.mark.parametrize("place", [{"link_by_email": True}], indirect=True)
async def test_linking_by_a_verified_address(place: Place) -> None:
    members = place.made.node.access.members
    local = Member("user", "ann", email="ann@example.org")
    taken = Member("user", "bo", email="bo@example.org", issuer="https://other", subject="1")
    for each in (local, taken):
        await members.add(each)
    unverified = await place.log_in(email_verified=False, sub="7")
    assert unverified.status_code == 303
    assert (await place.me())["id"] != local.id
    assert (await place.log_in()).status_code == 303
    assert (await place.me())["id"] == local.id
    another = await place.log_in(sub="43")
    assert another.status_code == 303, "the address means nobody any more who has a provider"
    assert (await place.me())["id"] != local.id
    stolen = await place.log_in(sub="44", email="bo@example.org")
    assert stolen.status_code == 303
    assert (await place.me())["id"] != taken.id


@pytest.mark.parametrize("place", [{"groups": {"ops": "operations"}}], indirect=True)
async def test_groups_are_those_of_the_last_login(place: Place) -> None:
    await place.made.node.access.groups.add(Group("operations"))
    await place.log_in()
    assert (await place.me())["groups"] == ["operations"]
    await place.log_in(groups=["others"])
    assert (await place.me())["groups"] == []


async def test_a_name_is_no_right(place: Place) -> None:
    await place.log_in(
        sub="instance-admin", email=None, preferred_username="root", groups=["instance-admin"]
    )
    me = await place.me()
    assert me["profile"]["username"] == "company:root"
    assert (me["instanceOwner"], me["grants"]) == (False, [])


async def test_a_logout_without_a_person_ends_the_session_there(place: Place) -> None:
    await place.log_in(sid="s-1")
    now = place.made.node.clock.now() // 1_000_000
    events = {"http://schemas.openid.net/event/backchannel-logout": {}}
    told = {"nonce": None, "sub": None, "sid": "s-1", "jti": "j", "events": events}
    token = place.world.token(**told, iat=now, exp=now + 60)
    for _ in range(2):
        answer = await place.http.post(f"{BEGIN}/logout", data={"logout_token": token})
        await place.me(401)
    assert answer.status_code == 401, "a logout token counts once"
    large = await place.http.post(f"{BEGIN}/logout", content=b"x" * 200_000)
    assert large.status_code == 413


async def test_logins_are_noted_without_secrets(place: Place) -> None:
    await place.log_in()
    await place.http.get(f"{BEGIN}/callback", params={"state": "forged", "code": "c-secret"})
    entries = await place.made.node.audit.find(limit=100)
    actions = [each.action for each in entries]
    assert "login" in actions
    assert "login.failed" in actions
    assert "c-secret" not in str(entries)


async def test_answers_to_no_login_are_counted(place: Place) -> None:
    for _ in range(10):
        refused = await place.http.get(f"{BEGIN}/callback", params={"state": "forged"})
        assert refused.status_code == 401
    waiting = await place.http.get(f"{BEGIN}/callback", params={"state": "forged"})
    assert waiting.status_code == 429
    assert int(waiting.headers["retry-after"]) > 0
    entries = await place.made.node.audit.find(limit=100)
    assert [each.action for each in entries].count("login.failed") == 10


async def test_two_people_of_one_name(place: Place) -> None:
    names = []
    for subject in ("1", "2"):
        await place.log_in(sub=subject, email=None, preferred_username="Ann")
        names.append((await place.me())["profile"]["username"])
    assert names == ["company:ann", "company:2"]
