"""The contract of key-value pairs, on SQLite, PostgreSQL and the fake."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db.database import Database
from app.db.key_values import KeyFilter, SqlKeyValues, forget_expired
from app.errors import Conflict
from app.ports import KeptKey, KeyValue, KeyValues
from tests.engine.fakes import FakeClock, MemoryKeyValues

HOUR = 3_600 * 1_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(database: Database | None, clock: FakeClock) -> KeyValues:
    return SqlKeyValues(database, clock) if database else MemoryKeyValues(clock)


def pair(clock: FakeClock, key: str, value: Any = "v", **more: Any) -> KeyValue:
    now = clock.now()
    facts = {"kind": "STRING", "description": None, "expires_at": None, **more}
    return KeyValue(key=key, value=value, created_at=now, updated_at=now, **facts)


async def test_what_is_put_comes_back(store: KeyValues, clock: FakeClock) -> None:
    assert await store.get("main", "shop", "a") is None
    value = {"list": [1, 2.5, None, True], "text": "ä\u2028", "large": 2**70}
    kept = pair(clock, "a", value, kind="JSON", description="what for", expires_at=2**60)
    await store.put("main", "shop", kept)
    assert await store.get("main", "shop", "a") == kept


async def test_pairs_belong_to_one_namespace_of_one_tenant(
    store: KeyValues, clock: FakeClock
) -> None:
    await store.put("main", "shop", pair(clock, "a"))
    for tenant, namespace, key in [
        ("main", "shop.eu", "a"), ("main", "sho", "a"), ("other", "shop", "a"),
        ("main", "shop", "A"),
    ]:  # fmt: skip
        assert await store.get(tenant, namespace, key) is None
        assert not await store.delete(tenant, namespace, key)
    assert await store.get("main", "shop", "a") is not None


async def test_an_overwritten_pair_keeps_when_it_was_made(
    store: KeyValues, clock: FakeClock
) -> None:
    first = pair(clock, "a", 1, kind="NUMBER", expires_at=clock.now() + HOUR)
    await store.put("main", "shop", first)
    clock.advance(60)
    second = pair(clock, "a", "two")
    await store.put("main", "shop", second)
    found = await store.get("main", "shop", "a")
    assert found == second._replace(created_at=first.created_at)


async def test_a_pair_that_may_not_be_overwritten_stays(store: KeyValues, clock: FakeClock) -> None:
    await store.put("main", "shop", pair(clock, "a", "one"), overwrite=False)
    with pytest.raises(Conflict, match=r"a exists already in the namespace shop"):
        await store.put("main", "shop", pair(clock, "a", "two"), overwrite=False)
    found = await store.get("main", "shop", "a")
    assert found is not None
    assert found.value == "one"


async def test_of_many_writers_at_once_one_finds_the_key_free(
    store: KeyValues, clock: FakeClock
) -> None:
    puts = [
        store.put("main", "shop", pair(clock, "a", n, kind="NUMBER"), overwrite=False)
        for n in range(10)
    ]
    results = await asyncio.gather(*puts, return_exceptions=True)
    assert [each for each in results if each is None] == [None]
    assert all(isinstance(each, Conflict) for each in results if each is not None)


async def test_what_has_expired_is_not_there(store: KeyValues, clock: FakeClock) -> None:
    old = pair(clock, "a", "old", expires_at=clock.now() + HOUR)
    await store.put("main", "shop", old)
    assert [each.key for each in await store.pairs("main", "shop")] == ["a"]
    clock.advance(3_601)
    assert await store.get("main", "shop", "a") is None
    assert await store.pairs("main", "shop") == []
    assert not await store.delete("main", "shop", "a")
    new = pair(clock, "a", "new")
    await store.put("main", "shop", old)
    await store.put("main", "shop", new, overwrite=False)
    assert await store.get("main", "shop", "a") == new


async def test_keys_are_listed_by_prefix(store: KeyValues, clock: FakeClock) -> None:
    for key in ("b", "a_1", "a.2", "A-3", "a%"):
        if key != "a%":
            await store.put("main", "shop", pair(clock, key))
    assert [each.key for each in await store.pairs("main", "shop")] == ["A-3", "a.2", "a_1", "b"]
    assert [each.key for each in await store.pairs("main", "shop", "a")] == ["a.2", "a_1"]
    assert [each.key for each in await store.pairs("main", "shop", "a_")] == ["a_1"]
    assert await store.pairs("main", "shop", "%") == []


async def test_kept_keys_are_removed_unless_they_were_renewed(
    store: KeyValues, clock: FakeClock
) -> None:
    soon = clock.now() + HOUR
    await store.put("main", "shop", pair(clock, "a", expires_at=soon))
    await store.put("main", "shop", pair(clock, "b"))
    await store.put("main", "shop.eu", pair(clock, "c", expires_at=soon))
    await store.put("other", "shop", pair(clock, "d"))
    clock.advance(3_601)
    kept = await store.kept("main")
    assert kept == [
        KeptKey("shop", "a", soon), KeptKey("shop", "b", None), KeptKey("shop.eu", "c", soon)
    ]  # fmt: skip
    await store.put("main", "shop.eu", pair(clock, "c"))
    assert await store.remove("main", kept) == 2
    assert [each.key for each in await store.kept("main")] == ["c"]
    assert await store.remove("main", []) == 0
    assert len(await store.kept("other")) == 1


@given(
    writes=st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.booleans(),
            st.sampled_from([None, 1, 3]),
            st.sampled_from([0, 2]),
        ),
        max_size=8,
    )
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_sql_and_the_fake_agree(
    writes: list[tuple[str, bool, int | None, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock = FakeClock()
    database = Database.at(None, tmp_path_factory.mktemp("kv"))
    await database.open()
    stores: list[KeyValues] = [SqlKeyValues(database, clock), MemoryKeyValues(clock)]
    for number, (key, overwrite, hours, passed) in enumerate(writes):
        expires = None if hours is None else clock.now() + hours * HOUR
        new = pair(clock, key, number, kind="NUMBER", expires_at=expires)
        puts = [each.put("main", "n", new, overwrite=overwrite) for each in stores]
        done = await asyncio.gather(*puts, return_exceptions=True)
        assert type(done[0]) is type(done[1])
        clock.advance(passed * 3_600)
        sql, fake = [await each.pairs("main", "n") for each in stores]
        assert sql == fake
    await database.close()


async def test_expired_rows_are_forgotten(sqlite: Database, clock: FakeClock) -> None:
    store = SqlKeyValues(sqlite, clock)
    await store.put("main", "shop", pair(clock, "a", expires_at=clock.now() + HOUR))
    await store.put("main", "shop", pair(clock, "b"))
    assert await forget_expired(sqlite, clock.now()) == 0
    assert await forget_expired(sqlite, clock.now() + 2 * HOUR) == 1
    assert [each.key for each in await store.kept("main")] == ["b"]


async def test_many_are_removed_in_pieces(sqlite: Database, clock: FakeClock) -> None:
    store = SqlKeyValues(sqlite, clock)
    await asyncio.gather(
        *(store.put("main", "shop", pair(clock, f"k{number}")) for number in range(450))
    )
    assert await store.remove("main", await store.kept("main")) == 450


async def test_search(sqlite: Database, clock: FakeClock) -> None:
    store = SqlKeyValues(sqlite, clock)
    for namespace, key in [("shop", "b"), ("shop.eu", "a"), ("shop2", "c")]:
        await store.put("main", namespace, pair(clock, key))

    async def keys(*sort: str, **wanted: Any) -> list[str]:
        found, total = await store.search(KeyFilter("main", **wanted), sort=sort)
        assert total == len(found)
        return [each.key for _, each in found]

    assert await keys("key:asc") == ["a", "b", "c"]
    assert await keys("key:desc") == ["c", "b", "a"]
    assert await keys(namespace="shop") == ["b", "a"]
    assert await keys(namespace="shop", below=False) == ["b"]
    assert await keys(key="c") == ["c"]
    assert await keys(text="EU") == ["a"]
    page, total = await store.search(KeyFilter("main"), page=2, size=2)
    assert ([each.key for _, each in page], total) == (["c"], 3)
