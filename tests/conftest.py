"""What every test may ask for: a free port, the Hypothesis profiles, a real PostgreSQL server.

And what every test leaves as it was: how this process writes its log.
"""

import logging
import os
import re
import socket
import uuid
from collections.abc import Callable, Iterator

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from app import telemetry
from tests import postgres

settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_OF_SERVICES = re.compile(
    r"(?!HEADWATER_FAULT_|GIT_CONFIG_)(HEADWATER|SOPS|SECRET|ENV|GIT)_.*"
    r"|DATABASE_URL|PORT|VISUAL|FORCE_COLOR"
)
"""What services, commands and Git would take from who runs the tests: a database, say."""

for _name in filter(_OF_SERVICES.fullmatch, list(os.environ)):
    del os.environ[_name]


@pytest.fixture(autouse=True)
def same_log() -> Iterator[None]:
    """Undo what a command that ran in this process has set: its level hides lines of others."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)  # which also forgets what loggers remember of it
    telemetry.structlog.reset_defaults()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function that returns a loopback port nobody listens on at the moment."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    return find


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a real PostgreSQL server's `postgres` database, started for this session.

    Skipped where no server can be found, except in CI, where that is a failure.
    """
    with postgres.server() as url:
        yield url


@pytest.fixture
async def postgres_database(postgres_url: str) -> str:
    """The address of a new and empty PostgreSQL database."""
    name = f"t{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return postgres_url.rsplit("/", 1)[0] + f"/{name}"
