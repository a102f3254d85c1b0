"""A service in production mode with users, for the tests of access: no socket."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from app.access import Grant, Scope
from app.access.passwords import hash_password
from app.access.tokens import new_token
from app.config import load_settings
from app.db.member_records import Binding, Member, Token
from app.main import create_app
from app.node import Node

DAY = 86_400_000_000
PASSWORD = "correct horse 7"
_HASHED: dict[str, str] = {}
Roles = Mapping[str, Scope]
"""Role id -> where."""


@dataclass
class Service:
    """A running service."""

    node: Node
    application: Any
    http: httpx2.AsyncClient

    @property
    def setup_token(self) -> str:
        token: str = self.application.state.setup_token
        return token

    async def user(self, name: str, roles: Roles | None = None, **more: Any) -> Member:
        """Make a user with the password of all tests, and bind roles."""
        if PASSWORD not in _HASHED:
            _HASHED[PASSWORD] = await asyncio.to_thread(hash_password, PASSWORD)
        member = Member("user", name, password=_HASHED[PASSWORD], **more)
        return await self._made(member, roles or {})

    async def account(self, name: str, tenant: str = "", roles: Roles | None = None) -> Member:
        """Make a service account and bind roles."""
        return await self._made(Member("service-account", name, tenant=tenant), roles or {})

    async def _made(self, member: Member, roles: Roles) -> Member:
        await self.node.access.members.add(member)
        await self.bind(member, roles)
        return member

    async def bind(self, member: Member, roles: Roles) -> None:
        await self.node.access.bindings.add(
            [Binding(member.kind, member.id, role, scope) for role, scope in roles.items()]
        )

    async def token(
        self, member: Member, limits: tuple[Grant, ...] | None = None, **more: Any
    ) -> dict[str, str]:
        """Make a token; return the header that sends it."""
        fresh, now = new_token(), self.node.clock.now()
        token = Token(fresh.id, member.id, "t", fresh.hash, now, now + DAY, DAY, limits=limits)
        await self.node.access.tokens.add(replace(token, **more))
        return {"Authorization": f"Bearer {fresh.text}"}

    async def status(self, path: str, method: str = "GET", **more: Any) -> int:
        answer = await self.http.request(method, path, **more)
        return answer.status_code


@asynccontextmanager
async def service(data: Path, **settings: Any) -> AsyncIterator[Service]:
    """Run a service that asks for a login."""
    chosen = {"server": {"mode": "production"}, "engine": {"drain_seconds": 0.1}} | settings
    application: Any = create_app(load_settings(data_dir=data, **chosen))
    stop, started = asyncio.Event(), asyncio.Event()

    async def live() -> None:  # what a task enters, the same task leaves
        async with application.router.lifespan_context(application):
            started.set()
            await stop.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(live())
        await started.wait()
        transport = httpx2.ASGITransport(app=application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield Service(application.state.node, application, http)
        stop.set()
