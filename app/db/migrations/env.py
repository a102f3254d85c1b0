"""Alembic's environment: runs the migrations on the database named by `attributes["url"]`."""

import asyncio

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.tables import metadata


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run_postgres(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


def _main() -> None:
    url = context.config.attributes["url"]
    if url.startswith("postgresql"):
        asyncio.run(_run_postgres(url))
        return
    engine = create_engine(url)
    with engine.begin() as connection:
        _run(connection)
    engine.dispose()


_main()
