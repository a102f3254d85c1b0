"""The service as an ASGI application: `uvicorn --factory app.main:create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.api.application import make_application
from app.api.setup import offer_setup
from app.config import Settings, load_settings
from app.node import Node


def create_app(settings: Settings | None = None, *, node: Node | None = None) -> FastAPI:
    """Return the application; it starts and stops a node of its own unless one is given.

    Without `settings` they are read from the environment and the configuration file.
    """
    chosen = node.settings if node is not None else settings or load_settings()

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        own = Node(chosen) if node is None else None
        try:
            if own is not None:
                application.state.node = own
                await own.start()
                application.state.setup_token = await offer_setup(own)
            yield
        finally:
            application.state.stopping.set()
            if own is not None:
                await own.stop()
                application.state.node = None

    return make_application(
        lifespan=lifespan, max_body_bytes=chosen.server.max_body_bytes, node=node
    )
