"""The workloads W1-W4, driven through the REST API as any client would."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.multipart import FormBuilder

from benchmarks import flows
from benchmarks.processes import Server, percentile

Figures = dict[str, float]

CONCURRENCY = 64


@dataclass(frozen=True)
class Sizes:
    """How much is done."""

    idle: int = 200
    orders: int = 1000
    parallels: int = 7
    chains: int = 20
    singles: int = 5000


QUICK = Sizes(idle=30, orders=200, parallels=2, chains=5, singles=500)


class Api:
    """The REST API of one server."""

    def __init__(self, client: Client, server: Server) -> None:
        """Call `server`."""
        self._client = client
        self.server = server

    async def save(self, source: str) -> None:
        """Create a flow."""
        request = self._client.post(f"{self.server.url}/api/v1/main/flows")
        request = request.header("Content-Type", "application/x-yaml").body_text(source)
        answer = await request.build().send()
        if answer.status not in (200, 201):
            raise RuntimeError(f"the flow was not saved: {answer.status} {await answer.text()}")

    async def execute(self, flow: str, **inputs: str) -> float:
        """Execute a flow, wait for its end; return the seconds it took."""
        began = time.perf_counter()
        path = f"/api/v1/main/executions/{flows.NAMESPACE}/{flow}?wait=true"
        form = FormBuilder()
        for name, value in inputs.items():
            form = form.text(name, value)
        request = self._client.post(self.server.url + path)
        answer = await (request.multipart(form) if inputs else request).build().send()
        body = (await answer.bytes()).to_bytes()
        took = time.perf_counter() - began
        state = orjson.loads(body)["state"]["current"] if answer.status == 200 else None
        if state != "SUCCESS":
            raise RuntimeError(f"{flow} ended {state}, {answer.status}: {body[:500].decode()}")
        return took

    async def throughput(self, count: int, execute: Callable[[], Awaitable[float]]) -> Figures:
        """Execute `count` times, 64 at once; return figures."""
        left = iter(range(count))
        took: list[float] = []

        async def work() -> None:
            took.extend([await execute() for _ in left])

        cpu, began = self.server.cpu_seconds(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(work())
        seconds = time.perf_counter() - began
        return {
            "executions_per_s": round(count / seconds, 1),
            "p50_ms": round(statistics.median(took) * 1e3, 2),
            "p95_ms": round(percentile(took, 95) * 1e3, 2),
            "cpu_ms_per_execution": round((self.server.cpu_seconds() - cpu) / count * 1e3, 3),
        }


async def w1(api: Api, sizes: Sizes) -> Figures:
    """The order flow: five POSTs in a row, alone and 64 at once."""

    async def execute() -> float:
        return await api.execute("order", orderId="myorder")

    for _ in range(20):
        await execute()
    alone = [await execute() for _ in range(sizes.idle)]
    figures = await api.throughput(sizes.orders, execute)
    return {
        "idle_p50_ms": round(statistics.median(alone) * 1e3, 2),
        "idle_p95_ms": round(percentile(alone, 95) * 1e3, 2),
        **figures,
    }


async def w2(api: Api, sizes: Sizes) -> Figures:
    """One execution of 1,000 parallel tasks."""
    await api.execute("parallel")
    took = [await api.execute("parallel") for _ in range(sizes.parallels)]
    return {"seconds": round(statistics.median(took), 4)}


async def w3(api: Api, sizes: Sizes) -> Figures:
    """One execution of 100 tasks in a row."""
    await api.execute("chain")
    took = [await api.execute("chain") for _ in range(sizes.chains)]
    return {"ms_per_task": round(statistics.median(took) * 1e3 / 100, 4)}


async def w4(api: Api, sizes: Sizes) -> Figures:
    """Executions of one task, 64 at once."""
    for _ in range(50):
        await api.execute("single")
    return await api.throughput(sizes.singles, lambda: api.execute("single"))


WORKLOADS: dict[str, Callable[[Api, Sizes], Awaitable[Figures]]] = {
    "W1": w1,
    "W2": w2,
    "W3": w3,
    "W4": w4,
}


async def measure(
    server: Server, chosen: list[str], sizes: Sizes, sources: list[str]
) -> dict[str, Any]:
    """Run the chosen workloads on a server; first create the flows of `sources`."""
    async with ClientBuilder().no_proxy().build() as client:
        api = Api(client, server)
        for source in sources:
            await api.save(source)
        figures: dict[str, Any] = {}
        for name in chosen:
            if name in WORKLOADS:
                figures[name] = await WORKLOADS[name](api, sizes)
        return figures
