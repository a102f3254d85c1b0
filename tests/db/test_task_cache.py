"""The contract of outputs for reuse, on SQLite, PostgreSQL and the fake."""

import pytest

from app.db.database import Database
from app.db.task_cache import SqlTaskCache, forget_outdated
from app.ports import TaskCache
from tests.engine.fakes import MemoryCache


@pytest.fixture
def cache(database: Database | None) -> TaskCache:
    return SqlTaskCache(database) if database else MemoryCache()


async def test_outputs_come_back_until_they_expire(cache: TaskCache) -> None:
    assert await cache.find("main", "k", now=1) is None
    await cache.keep("main", "k", {"value": [1, {"a": None}]}, 1, 10)
    assert await cache.find("main", "k", now=9) == {"value": [1, {"a": None}]}
    assert await cache.find("main", "k", now=10) is None
    assert await cache.find("other", "k", now=1) is None


async def test_later_outputs_replace_earlier_ones(cache: TaskCache) -> None:
    await cache.keep("main", "k", {"value": 1}, 1, 10)
    await cache.keep("main", "k", {"value": 2}, 5, None)
    await cache.keep("other", "k", {"value": 3}, 5, None)
    assert await cache.find("main", "k", now=100) == {"value": 2}
    assert await cache.find("other", "k", now=100) == {"value": 3}


async def test_outdated_outputs_are_forgotten(sqlite: Database) -> None:
    cache = SqlTaskCache(sqlite)
    await cache.keep("main", "old", {"value": 1}, 1, 10)
    await cache.keep("main", "lasting", {"value": 2}, 1, None)
    assert await forget_outdated(sqlite, 10) == 1
    assert await cache.find("main", "lasting", now=100) == {"value": 2}
