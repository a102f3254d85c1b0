"""The world that executions act on: a real HTTP server that remembers every key it was sent."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


@dataclass
class World:
    """What arrived, by idempotency key; `failure` is the share of definite failures (500).

    `failures` has the shares of paths that differ from it.
    """

    seed: int
    failure: float = 0.05
    failures: Mapping[str, float] = field(default_factory=dict)
    arrived: Counter[str] = field(default_factory=Counter)
    answered: dict[str, int] = field(default_factory=dict)
    deliveries: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def call(self, request: Request) -> JSONResponse:
        """Answer a call: the same key always gets the same answer."""
        key = request.headers["idempotency-key"]
        await request.body()
        self.arrived[key] += 1
        self.deliveries.setdefault(key, []).append(int(request.headers["x-flow-delivery"]))
        await asyncio.sleep(self._random.random() * 0.01)
        if key not in self.answered:
            share = self.failures.get(request.url.path, self.failure)
            self.answered[key] = 500 if self._random.random() < share else 201
        return JSONResponse({"key": key}, status_code=self.answered[key])

    def server(self, port: int) -> uvicorn.Server:
        """Return a server for this world (not started)."""
        app = Starlette(routes=[Route("/{path:path}", self.call, methods=["POST"])])
        return uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off")
        )
