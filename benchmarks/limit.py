"""The limit of this machine: the work of the workloads without an engine.

A plain asyncio program behind the same server (FastAPI, uvicorn, uvloop, httptools), with the same
HTTP client and the same promises: each transition is one row in SQLite (WAL, synchronous=FULL),
committed in groups; an attempt is durable before its call, an end before its answer.

    python -m benchmarks.limit --port PORT --data DIR --answers URL
"""

import argparse
import asyncio
import contextlib
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import uvicorn
from fastapi import FastAPI, Query, Request, Response

from app.plugins.http import AddressPolicy
from app.plugins.http.bodies import build_form
from app.plugins.http.reqwest import ReqwestClient
from app.ports import HttpCall
from benchmarks.flows import STEPS

Row = tuple[str, int, str, int, bytes]

SCHEMA = """
CREATE TABLE journal (
    execution TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY (execution, number)
) WITHOUT ROWID
"""


class GroupCommit:
    """One writer; whatever was appended while it was busy is its next transaction."""

    def __init__(self, path: Path) -> None:
        """Write to a new database."""
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", SCHEMA):
            self._connection.execute(statement)
        self._rows: list[Row] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()

    def append(self, rows: Sequence[Row]) -> asyncio.Future[None]:
        """Queue rows; the future is done when they are durable."""
        future = asyncio.get_running_loop().create_future()
        self._rows += rows
        self._waiting.append(future)
        self._wake.set()
        return future

    async def run(self) -> None:
        """Commit for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            rows, self._rows = self._rows, []
            waiting, self._waiting = self._waiting, []
            await asyncio.to_thread(self._commit, rows)
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    def _commit(self, rows: list[Row]) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")


class Run:
    """One execution: numbers its rows."""

    def __init__(self, journal: GroupCommit) -> None:
        """Begin with the row that creates it."""
        self.id = uuid.uuid4().hex
        self._journal = journal
        self._number = 0
        self._rows: list[Row] = []

    def note(self, kind: str, **data: Any) -> None:
        """Add a transition."""
        self._number += 1
        at = time.time_ns() // 1000
        self._rows.append((self.id, self._number, kind, at, orjson.dumps(data)))

    async def durable(self) -> None:
        """Wait until what was noted is durable."""
        rows, self._rows = self._rows, []
        await self._journal.append(rows)


class Limit:
    """The workloads, written down by hand."""

    def __init__(self, journal: GroupCommit, http: ReqwestClient, answers: str) -> None:
        """Call the services at `answers`."""
        self._journal = journal
        self._http = http
        self._answers = answers
        self.flows: dict[str, Callable[[Run, dict[str, str]], Awaitable[dict[str, Any]]]] = {
            "order": self._order,
            "parallel": lambda run, _: self._returns(run, 1000),
            "chain": lambda run, _: self._returns(run, 100),
            "single": lambda run, _: self._returns(run, 1),
        }

    async def execute(self, flow: str, inputs: dict[str, str]) -> dict[str, Any]:
        """Run one execution to its end; return what the API answers."""
        run = Run(self._journal)
        run.note("created", flow=flow, inputs=inputs)
        run.note("running")
        await run.durable()
        outputs = await self.flows[flow](run, inputs)
        run.note("ended", state="SUCCESS")
        await run.durable()
        state = {"current": "SUCCESS"}
        return {"id": run.id, "flowId": flow, "inputs": inputs, "outputs": outputs, "state": state}

    async def _order(self, run: Run, inputs: dict[str, str]) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        for name, path in STEPS:
            run.note("attempt", task=name)
            await run.durable()  # with the end of the step before
            outputs[name] = await self._call(run.id, name, path, inputs)
            run.note("done", task=name, outputs=outputs[name])
            if outputs[name]["code"] != 201:
                break
        return outputs

    async def _call(
        self, execution: str, name: str, path: str, inputs: dict[str, str]
    ) -> dict[str, Any]:
        form = await build_form(inputs, "multipart/form-data", _no_file)
        headers = [
            ("Content-Type", form.content_type),
            ("Idempotency-Key", f"{execution}.{name}.1"),
            ("X-Flow-Execution", execution),
            ("X-Flow-Delivery", "1"),
            ("X-Flow-Fence", "1"),
            ("traceparent", f"00-{execution}-0000000000000001-01"),
        ]
        url = f"{self._answers}/api/{path}"
        async with self._http.send(HttpCall("POST", url, headers, form.body)) as answer:
            body = (await answer.read(1 << 20)).decode()
            found: dict[str, list[str]] = {}
            for header, value in answer.headers:
                found.setdefault(header, []).append(value)
            return {"uri": url, "code": answer.status, "headers": found, "body": body}

    async def _returns(self, run: Run, count: int) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        for number in range(count):
            run.note("attempt", task=f"t{number}")
            outputs[f"t{number}"] = {"value": f"{run.id} {number}"}
            run.note("done", task=f"t{number}", outputs=outputs[f"t{number}"])
            if number % 50 == 49:
                await asyncio.sleep(0)  # others want their turn
        return outputs


async def _no_file(uri: str) -> AsyncIterator[bytes]:
    raise LookupError(uri)
    yield b""


def create_app(data: Path, answers: str) -> FastAPI:
    """Return the server."""
    parts: list[Limit] = []

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        journal = GroupCommit(data / "limit.db")
        http = ReqwestClient(AddressPolicy(allow_loopback=True))
        parts.append(Limit(journal, http, answers))
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(journal.run())
            yield
            writing.cancel()
        await http.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/api/v1/main/executions/{namespace}/{flow}")
    async def create(
        request: Request, namespace: str, flow: str, *, wait: Annotated[bool, Query()] = False
    ) -> Response:
        async with request.form() as form:
            inputs = {name: str(value) for name, value in form.items()}
        answer = await parts[0].execute(flow, inputs)
        answer.update(namespace=namespace, waited=wait)
        return Response(orjson.dumps(answer), media_type="application/json")

    return app


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answers", required=True)
    chosen = parser.parse_args()
    chosen.data.mkdir(parents=True, exist_ok=True)
    uvicorn.run(
        create_app(chosen.data, chosen.answers),
        host="127.0.0.1", port=chosen.port, log_config=None, access_log=False,
        loop="uvloop", http="httptools",
    )  # fmt: skip


if __name__ == "__main__":
    main()
