"""HTTP clients compared: five POSTs in a row, multipart, answered 201 with JSON (decision 0007).

    python -m benchmarks.http_clients [NAME …] [--orders 1500]

Each client runs in a process of its own; so does the answer server. `ours` is the client of the
project with all it does; the others are thin loops around a library. `protocol` is what a client
written by hand could reach at best: one parser, no pool worth the name, no checks. Libraries that
are not installed are skipped.
"""

import argparse
import asyncio
import importlib
import multiprocessing
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httptools
import uvloop

from app.plugins.http import AddressPolicy
from app.plugins.http.bodies import build_form
from app.plugins.http.reqwest import ReqwestClient
from app.ports import HttpCall
from benchmarks.flows import STEPS
from benchmarks.processes import answer_server

Headers = dict[str, str]
Post = Callable[[str, Headers, bytes], Awaitable[bytes]]
Close = Callable[[], Awaitable[None]]


async def _ours(_: int) -> tuple[Post, Close]:
    client = ReqwestClient(AddressPolicy(allow_loopback=True), per_host=64)

    async def post(url: str, headers: Headers, body: bytes) -> bytes:
        async with client.send(HttpCall("POST", url, list(headers.items()), body)) as answer:
            return await answer.read(10 << 20)

    return post, client.close


async def _pyreqwest(_: int) -> tuple[Post, Close]:
    builder = importlib.import_module("pyreqwest.client").ClientBuilder()
    client = builder.gzip(False).brotli(False).zstd(False).follow_redirects(False).build()

    async def post(url: str, headers: Headers, body: bytes) -> bytes:
        request = client.post(url).headers(headers).body_bytes(body)
        async with request.build_streamed() as response:
            found: bytes = (await response.body_reader.read(10 << 20)).to_bytes()
            return found

    return post, client.close


async def _aiohttp(_: int) -> tuple[Post, Close]:
    aiohttp = importlib.import_module("aiohttp")
    times = aiohttp.ClientTimeout(total=60, sock_read=10, sock_connect=5)
    connector = aiohttp.TCPConnector(limit_per_host=64)
    session = aiohttp.ClientSession(connector=connector, timeout=times)

    async def post(url: str, headers: Headers, body: bytes) -> bytes:
        async with session.post(url, headers=headers, data=body) as response:
            found: bytes = await response.read()
            return found

    return post, session.close


async def _httpx2(_: int) -> tuple[Post, Close]:
    httpx2 = importlib.import_module("httpx2")
    client = httpx2.AsyncClient(timeout=10, limits=httpx2.Limits(max_connections=64))

    async def post(url: str, headers: Headers, body: bytes) -> bytes:
        found: bytes = (await client.post(url, headers=headers, content=body)).content
        return found

    return post, client.aclose


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.done.set_result(None)

    async def call(self, data: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        self.headers: list[tuple[str, str]] = []
        self.body: list[bytes] = []
        self.parser = httptools.HttpResponseParser(self)
        self.done = loop.create_future()
        self.transport.write(data)
        watch = loop.call_later(10, self.transport.abort)
        await self.done
        watch.cancel()
        return b"".join(self.body)


async def _protocol(port: int) -> tuple[Post, Close]:
    idle: list[_Connection] = []

    async def post(url: str, headers: Headers, body: bytes) -> bytes:
        if idle:
            connection = idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
        path = url.partition("//")[2].partition("/")[2]
        lines = [f"POST /{path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        found = await connection.call("\r\n".join([*lines, "", ""]).encode() + body)
        idle.append(connection)
        return found

    async def close() -> None:
        for connection in idle:
            connection.transport.close()

    return post, close


CLIENTS = {
    "ours": _ours,
    "pyreqwest": _pyreqwest,
    "aiohttp": _aiohttp,
    "httpx2": _httpx2,
    "protocol": _protocol,
}


async def _measure(name: str, base: str, orders: int) -> None:
    post, close = await CLIENTS[name](int(base.rpartition(":")[2]))

    async def order() -> float:
        began = time.perf_counter()
        key = secrets.token_hex(8)
        for step, path in STEPS:
            form = await build_form({"orderId": "myorder"}, "multipart/form-data", _no_file)
            headers = {
                "Content-Type": form.content_type,
                "Idempotency-Key": f"{key}.{step}.1",
                "X-Flow-Execution": key,
                "X-Flow-Delivery": "1",
                "X-Flow-Fence": "1",
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            }
            if not isinstance(form.body, bytes):
                raise TypeError("the form has no files")
            if not (await post(f"{base}/api/{path}", headers, form.body)).startswith(b"{"):
                raise RuntimeError(f"{name} did not get the answer")
        return time.perf_counter() - began

    await asyncio.gather(*(order() for _ in range(64)))
    for at_once, count in ((1, max(1, orders // 5)), (64, orders)):
        print(f"{name:10} {at_once:3} at once: {await _figures(order, at_once, count)}", flush=True)
    await close()


async def _figures(order: Callable[[], Awaitable[float]], at_once: int, count: int) -> str:
    left = iter(range(count))
    took: list[float] = []

    async def work() -> None:
        took.extend([await order() for _ in left])

    cpu, loop, began = time.process_time(), time.thread_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    seconds = time.perf_counter() - began
    cpu, loop = time.process_time() - cpu, time.thread_time() - loop
    calls = count * len(STEPS)
    return (
        f"{calls / seconds:7.0f} calls/s, five calls p50 {statistics.median(took) * 1e3:6.2f} ms, "
        f"per call {cpu / calls * 1e3:.3f} ms of CPU, {loop / calls * 1e3:.3f} of them in the loop"
    )


async def _no_file(uri: str) -> Any:
    raise LookupError(uri)
    yield b""


def _run(name: str, base: str, orders: int) -> None:
    try:
        uvloop.run(_measure(name, base, orders))
    except ModuleNotFoundError as error:
        print(f"{name:10} skipped: {error}")


def main() -> None:
    """Read the arguments, measure one after another."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*CLIENTS, []], help="all if left out")
    parser.add_argument("--orders", type=int, default=1500)
    arguments = parser.parse_args()
    processes = multiprocessing.get_context("spawn")
    with answer_server() as base:
        for name in arguments.names or CLIENTS:
            process = processes.Process(target=_run, args=(name, base, arguments.orders))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
