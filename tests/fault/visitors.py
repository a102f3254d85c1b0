"""The visitors: clients that start, kill, restart and replay executions while the service dies.

They remember what was acknowledged. What came to nothing is asked again where that is safe (by an
idempotency key), and counted as tried where it is not.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx2

_API = "/api/v1/main/executions"
_TERMINAL = {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED"}
_RESTARTS = 8
"""After so many restarts a visitor lets a failure be one."""


class Visitors:
    """Keep the landscape busy until `stop` is set; then each finishes what it is at."""

    def __init__(self, http: httpx2.AsyncClient, dice: random.Random) -> None:
        self._http = http
        self._dice = dice
        self._next = 0
        self.stop = asyncio.Event()
        self.deadline: float | None = None
        self.created: set[str] = set()
        self.restarts: Counter[str] = Counter()
        self.tried: Counter[str] = Counter()
        self.killed: dict[str, int] = {}
        self.rounds: list[tuple[str, str]] = []

    def lines(self) -> list[Awaitable[None]]:
        """Return what is to run side by side."""
        crowd: list[tuple[str, int, Callable[[str], Awaitable[None]]]] = [
            ("limited", 5, self._perhaps_kill),
            ("flaky", 3, self._mend),
            ("renewing", 2, self._watch),
            ("items", 4, self._mend_or_kill),
            ("polling", 1, self._watch),
            ("shell", 2, self._watch),
            ("hasty", 1, self._watch),
        ]
        lines = [self._keep(flow, visit) for flow, count, visit in crowd for _ in range(count)]
        return [*lines, self._pairs()]

    async def _keep(self, flow: str, visit: Callable[[str], Awaitable[None]]) -> None:
        while not self.stop.is_set():
            await visit(await self._create(flow))

    async def _pairs(self) -> None:
        while not self.stop.is_set():
            left, right = await self._create("left"), await self._create("right")
            await self._end(left)
            await self._end(right)
            self.rounds.append((left, right))

    async def _watch(self, execution: str) -> None:
        await self._end(execution)

    async def _perhaps_kill(self, execution: str) -> None:
        if self._dice.random() < 0.2:
            await self._kill(execution)
        await self._end(execution)

    async def _mend_or_kill(self, execution: str) -> None:
        await (self._kill(execution) if self._dice.random() < 0.4 else self._mend(execution))

    async def _kill(self, execution: str) -> None:
        await asyncio.sleep(self._dice.uniform(0, 0.6))
        answer = await self._once("DELETE", f"{_API}/{execution}/kill")
        if answer is not None and answer.status_code == 202:
            self.killed[execution] = time.time_ns() // 1000

    async def _mend(self, execution: str) -> None:
        """Restart what failed until it succeeds; sometimes replay it then."""
        for _ in range(_RESTARTS):
            found = await self._end(execution)
            if found["state"]["current"] != "FAILED":
                break
            self.tried[execution] += 1
            answer = await self._once("POST", f"{_API}/{execution}/restart")
            if answer is not None and answer.status_code == 200:
                self.restarts[execution] += 1
        if self._dice.random() < 0.3:
            await self._replay(await self._end(execution))

    async def _replay(self, found: dict[str, Any]) -> None:
        run = self._dice.choice([None, *found["taskRunList"]])
        query = {} if run is None or run["taskId"] in "efgz" else {"taskRunId": run["id"]}
        answer = await self._once("POST", f"{_API}/{found['id']}/replay", params=query)
        if answer is not None and answer.status_code == 200:
            made = answer.json()["id"]
            self.created.add(made)
            await self._end(made)

    # -- calls --------------------------------------------------------------------------------

    async def _create(self, flow: str) -> str:
        """Start an execution; a request that came to nothing is sent again with its key."""
        key, self._next = f"k{self._next}", self._next + 1
        path, headers = f"{_API}/fault/{flow}", {"Idempotency-Key": key}
        while True:
            answer = await self._once("POST", path, headers=headers, files={"x": (None, "1")})
            if answer is not None and answer.status_code == 200:
                execution: str = answer.json()["id"]
                self.created.add(execution)
                return execution
            await self._pause(f"start {flow}")

    async def _end(self, execution: str) -> dict[str, Any]:
        """Return an execution that has ended."""
        while True:
            answer = await self._once("GET", f"{_API}/{execution}")
            if answer is not None and answer.status_code == 200:
                found: dict[str, Any] = answer.json()
                if found["state"]["current"] in _TERMINAL:
                    return found
            await self._pause(f"see the end of {execution}")

    async def _once(self, method: str, path: str, **more: Any) -> httpx2.Response | None:
        """Ask once; None when nobody knows what became of it."""
        with suppress(httpx2.HTTPError):
            answer = await self._http.request(method, path, **more)
            assert answer.status_code < 500 or answer.status_code == 503, answer.text
            return answer
        return None

    async def _pause(self, wish: str) -> None:
        late = self.deadline is not None and time.monotonic() > self.deadline
        assert not late, f"Q1 nobody could {wish}"
        await asyncio.sleep(0.1)
