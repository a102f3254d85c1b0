"""Servers and a client for the tests of plugins."""

from collections.abc import AsyncIterator

import pytest

from app.plugins.http import AddressPolicy
from app.plugins.http.reqwest import ReqwestClient
from tests.plugins.servers import Server, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server on loopback that misbehaves on request."""
    async with serving() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[ReqwestClient]:
    """A client that may call loopback."""
    client = ReqwestClient(AddressPolicy(allow_loopback=True))
    yield client
    await client.close()
