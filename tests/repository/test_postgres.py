"""The PostgreSQL server that other tests are given."""

import asyncpg
import pytest

pytestmark = pytest.mark.postgres


async def test_every_test_is_given_a_new_and_empty_database(postgres_database: str) -> None:
    connection = await asyncpg.connect(postgres_database)
    try:
        query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        assert await connection.fetchval(query) == 0
        assert await connection.fetchval("SELECT current_user") == "postgres"
    finally:
        await connection.close()
