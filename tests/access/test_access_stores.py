"""Users, groups, roles, bindings, tokens and sessions come back as they were stored."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.access import Grant, Permission, Scope
from app.config import AccessSettings
from app.db.access import SETUP_TOKEN, AccessStore
from app.db.database import Database
from app.db.member_records import Binding, Group, Member, Session, StoredRole, Token
from app.errors import Conflict


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    address: str = request.getfixturevalue("postgres_database")
    return address


@pytest.fixture
async def database(url: str | None, tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.at(url, tmp_path)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> AccessStore:
    return AccessStore(database)


ALICE = Member("user", "alice", email="alice@example.test", external_groups=("a", "b"), id="m1")


async def test_members(store: AccessStore) -> None:
    await store.members.add(Member("user", "sent", issuer="https://id", subject="1"))
    assert not await store.is_set_up()
    await store.members.add(ALICE)
    assert await store.is_set_up()
    assert await store.members.get("m1") == ALICE
    assert await store.members.named("Alice") == ALICE
    with pytest.raises(Conflict, match="alice"):
        await store.members.add(replace(ALICE, id="m2"))
    robot = Member("service-account", "alice", tenant="shop", id="m3")
    await store.members.add(robot)
    assert await store.members.named("alice", "shop") == robot
    assert await store.members.search("user", text="LICE@") == ([ALICE], 1)
    assert await store.members.search("user", ids=[]) == ([], 0)
    assert await store.members.search("service-account", tenant="shop") == ([robot], 1)
    gone = replace(ALICE, disabled=True, issuer="https://id", subject="7")
    await store.members.save(gone)
    assert await store.members.at_issuer("https://id", "7") == gone
    assert await store.members.at_issuer("", "") is None


async def test_groups_and_what_goes_with_them(store: AccessStore) -> None:
    await store.members.add(ALICE)
    group = Group("ops", "shop", id="g1")
    await store.groups.add(group)
    with pytest.raises(Conflict, match="ops"):
        await store.groups.add(Group("ops", "shop"))
    await store.groups.join("g1", "m1")
    await store.groups.join("g1", "m1", "OWNER")
    assert [each.kind for each in await store.groups.members("g1")] == ["OWNER"]
    assert await store.groups.of("m1") == [group]
    bindings = [
        Binding("group", "g1", "viewer", Scope("shop"), id="b1"),
        Binding("user", "m1", "editor", Scope("shop", "company"), id="b2"),
        Binding("user", "m1", "auditor", Scope(), id="b3"),
    ]
    await store.bindings.add(bindings)
    assert await store.bindings.of([("user", "m1"), ("group", "g1")]) == bindings
    assert await store.bindings.search("shop") == (bindings[:2], 2)
    assert await store.bindings.search(None) == (bindings[2:], 1)
    await store.groups.remove("g1")
    await store.members.remove("m1")
    assert await store.bindings.of([("user", "m1"), ("group", "g1")]) == []


async def test_who_administers_the_instance_may_come_from_elsewhere(store: AccessStore) -> None:
    await store.bindings.add([Binding("user", "m9", "viewer", Scope())])
    assert not await store.is_set_up()
    await store.bindings.add([Binding("user", "m9", "instance-admin", Scope())])
    assert await store.is_set_up()


async def test_roles(store: AccessStore) -> None:
    mine = StoredRole("night", frozenset({Permission.FLOW_READ}), "shop", id="r1")
    await store.roles.add(mine)
    assert await store.roles.of("shop") == [mine]
    assert await store.roles.of("other") == []
    await store.bindings.add([Binding("user", "m1", "r1", Scope("shop"))])
    await store.roles.remove("r1")
    assert await store.bindings.search("shop") == ([], 0)


async def test_tokens_and_sessions(store: AccessStore) -> None:
    heard: list[int] = []
    store.heard.append(lambda: heard.append(1))
    limits = (Grant(frozenset({Permission.FLOW_READ}), Scope("shop", "company")),)
    token = Token("abcdefgh", "m1", "ci", "hash", 1, 100, 99, limits=limits)
    await store.tokens.add(token)
    assert await store.tokens.of("m1") == [token]
    assert await store.tokens.revoke("abcdefgh", 5)
    assert heard
    assert not await store.tokens.revoke("abcdefgh", 6)
    found = await store.tokens.get("abcdefgh")
    assert found
    assert not found.works(7)
    session = Session("hash", "m1", "password", 1, 1, 100)
    await store.sessions.add(session)
    await store.sessions.seen("hash", 9)
    assert await store.sessions.get("hash") == replace(session, seen_at=9)
    await store.sessions.end_of("m1")
    assert await store.sessions.get("hash") is None


async def test_a_document_is_taken_once(store: AccessStore) -> None:
    await store.documents.put(SETUP_TOKEN, "x", 1)
    await store.documents.put(SETUP_TOKEN, "y", 2)
    assert not await store.documents.take(SETUP_TOKEN, "x")
    assert await store.documents.take(SETUP_TOKEN, "y")
    assert not await store.documents.take(SETUP_TOKEN, "y")


async def test_what_is_over_is_forgotten(store: AccessStore) -> None:
    day, settings = 86_400_000_000, AccessSettings()
    now = 1000 * day
    for name, expires, revoked in (
        ("aaaaaaaa", now - 31 * day, None),
        ("bbbbbbbb", now - 29 * day, None),
        ("cccccccc", now + day, now - 31 * day),
    ):
        token = Token(name, "m1", "t", "hash", 1, expires, day, revoked_at=revoked)
        await store.tokens.add(token)
    await store.sessions.add(Session("idle", "m1", "password", 1, now - day, now + day))
    await store.sessions.add(Session("over", "m1", "password", 1, now, now - 1))
    await store.sessions.add(Session("live", "m1", "password", 1, now, now + day))
    await store.forget(now, settings)
    left = [each for each in ("aaaaaaaa", "bbbbbbbb", "cccccccc") if await store.tokens.get(each)]
    assert left == ["bbbbbbbb"]
    assert [each for each in ("idle", "over", "live") if await store.sessions.get(each)] == ["live"]


async def test_only_its_owner_reads_the_database(tmp_path: Path) -> None:
    database = Database.at(None, tmp_path)
    await database.open()
    await AccessStore(database).members.add(ALICE)
    modes = await asyncio.to_thread(permissions, tmp_path)
    assert len(modes) == 3  # with its journal and the index of that
    assert set(modes.values()) == {0o600}
    await database.close()


def permissions(folder: Path) -> dict[str, int]:
    files = folder.glob("headwater.sqlite*")
    return {each.name: each.stat().st_mode & 0o777 for each in files}
