"""Fakes of the engine's ports: in memory, held to the same contract as the real ones."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import Conflict, Fenced, Gone, Invalid, NotFound
from app.executions import Event, Execution, Kind, State
from app.ports import (
    Claim,
    Clock,
    FlowKey,
    FlowRevision,
    KeptKey,
    KeyValue,
    LoadedFlow,
    LogEntry,
    MetricEntry,
    NamespaceFile,
)


class FakeClock:
    """A clock that goes like any other, and that tests move on."""

    def __init__(self, now: int = 1_700_000_000_000_000) -> None:
        self._offset = now - time.monotonic_ns() // 1000

    def now(self) -> int:
        return self._offset + time.monotonic_ns() // 1000

    def advance(self, seconds: float) -> None:
        self._offset += int(seconds * 1_000_000)


class Crash(BaseException):
    """The process dies."""


class MemoryJournal:
    """The `Journal` and `Executions` ports in memory.

    `crash_at`: from this event on (counted over all executions) nothing is kept any more, as if the
    process had died; `crashed` is set then.
    """

    def __init__(self, crash_at: int | None = None) -> None:
        self.events: dict[str, list[Event]] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.claims: dict[tuple[str, str, str], tuple[str, str]] = {}
        self.logs: list[LogEntry] = []
        self.metrics: list[MetricEntry] = []
        self.kept: dict[str, Execution] = {}
        self.crash_at = crash_at
        self.crashed = asyncio.Event()
        self.count = 0
        self.slots = MemorySlots(self)

    def append(
        self,
        execution: Execution,
        events: Sequence[Event],
        *,
        claim: Claim | None = None,
        parked: bool = False,
        wake_at: int | None = None,
        touch: bool = False,
        follows: Execution | None = None,
    ) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        first = execution.version - len(events)
        row = {
            "open": not execution.over,
            "parked": parked,
            "wake_at": wake_at,
            "parent": execution.caller_id,
            "tenant": execution.tenant,
        }
        keep_row = touch or first == 0 or not events
        keep_row = keep_row or any(
            e.kind in (Kind.MOVED, Kind.LABELLED, Kind.RESTARTED) for e in events
        )
        leaves = execution.slot and execution.state.terminal and bool(events)
        row["state"] = execution.state
        loop.call_soon(self._commit, execution, first, list(events), row if keep_row else None,
                       claim, future, leaves, follows)  # fmt: skip
        return future

    def _commit(
        self,
        execution: Execution,
        first: int,
        events: list[Event],
        row: dict[str, Any] | None,
        claim: Claim | None,
        future: asyncio.Future[Any],
        leaves: bool,
        follows: Execution | None,
    ) -> None:
        self.count += len(events)
        if self.crash_at is not None and self.count >= self.crash_at:
            self.crashed.set()
        if self.crashed.is_set():
            return  # nobody hears of it any more
        if future.cancelled():  # who waited for it is gone; it is written all the same
            future = asyncio.get_running_loop().create_future()
        execution_id = execution.id
        journal = self.events.get(execution_id, [])
        key = claim and (claim.tenant, claim.scope, claim.key)
        lost = execution.refused or (follows is not None and follows.refused)
        if lost or len(journal) != first or (key and key in self.claims):
            execution.refused = True
            future.set_exception(Fenced())
            future.exception()
            return
        journal.extend(events)
        self.events[execution_id] = journal
        if key and claim:
            self.claims[key] = (execution_id, claim.body_hash)
        if row is not None:
            self.rows[execution_id] = row
        if leaves:
            self.slots.leave(execution_id)
        future.set_result(None)

    def write_logs(self, entries: Sequence[LogEntry]) -> asyncio.Future[Any]:
        self.logs.extend(entries)
        return _done()

    def write_metrics(self, entries: Sequence[MetricEntry]) -> asyncio.Future[Any]:
        self.metrics.extend(entries)
        return _done()

    async def read(self, execution_id: str) -> list[Event]:
        await asyncio.sleep(0)
        return list(self.events.get(execution_id, ()))

    async def read_many(self, ids: Sequence[str]) -> dict[str, list[Event]]:
        return {each: await self.read(each) for each in ids}

    async def unfinished(self, after: str = "", limit: int = 1000) -> list[str]:
        await asyncio.sleep(0)
        return self._ids(lambda row: row["open"] and not row["parked"], after)[:limit]

    async def due(self, now: int, limit: int = 1000) -> list[str]:
        await asyncio.sleep(0)
        found = self._ids(
            lambda row: row["parked"] and row["wake_at"] is not None and row["wake_at"] <= now
        )
        return found[:limit]

    async def parents_of_ended(self) -> list[str]:
        await asyncio.sleep(0)
        ended = {row["parent"] for row in self.rows.values() if not row["open"]}
        return [each for each in self._ids(lambda row: row["parked"]) if each in ended]

    async def next_wake(self, after: int = 0) -> int | None:
        await asyncio.sleep(0)
        times = [row["wake_at"] for row in self.rows.values() if row["parked"] and row["wake_at"]]
        return min((each for each in times if each > after), default=None)

    async def children(self, execution_id: str) -> list[str]:
        await asyncio.sleep(0)
        return self._ids(lambda row: row["parent"] == execution_id and row["open"])

    async def claimed(self, claim: Claim) -> tuple[str, str] | None:
        await asyncio.sleep(0)
        return self.claims.get((claim.tenant, claim.scope, claim.key))

    def _ids(self, wanted: Callable[[dict[str, Any]], bool], after: str = "") -> list[str]:
        return sorted(each for each, row in self.rows.items() if each > after and wanted(row))

    def execution(self, execution_id: str) -> Execution:
        return Execution.fold(execution_id, self.events[execution_id])


def _done() -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


@dataclass(slots=True)
class _Slot:
    flow: FlowKey
    at: int
    running: bool


class MemorySlots:
    """The `Slots` port in memory; it dies with the journal it belongs to."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.slots: dict[str, _Slot] = {}
        self.most: dict[FlowKey, int] = {}

    def _state(self, execution_id: str) -> State | None:
        row = self._journal.rows.get(execution_id)
        return None if row is None else row["state"]

    def _promote(self, flow: FlowKey) -> None:
        queue = sorted(
            (slot.at, key)
            for key, slot in self.slots.items()
            if slot.flow == flow and not slot.running
        )
        for _, key in queue[: max(0, self.most[flow] - self.held(flow))]:
            self.slots[key].running = True

    def held(self, flow: FlowKey) -> int:
        return sum(
            slot.flow == flow and slot.running and self._state(key) is not State.RETRYING
            for key, slot in self.slots.items()
        )

    async def _turn(self) -> None:
        await asyncio.sleep(0)
        if self._journal.crashed.is_set():
            await asyncio.Event().wait()

    async def enter(self, execution: Execution, limit: int, at: int, *, queue: bool) -> bool:
        await self._turn()
        flow = execution.flow_key
        self.most[flow] = limit
        if execution.id not in self.slots and (queue or self.held(flow) < limit):
            self.slots[execution.id] = _Slot(flow, at, not queue)
        self._promote(flow)
        slot = self.slots.get(execution.id)
        return slot is not None and slot.running

    async def force(self, execution: Execution, limit: int, at: int) -> None:
        await self._turn()
        self.most[execution.flow_key] = limit
        slot = self.slots.setdefault(execution.id, _Slot(execution.flow_key, at, running=True))
        slot.running = True

    def leave(self, execution_id: str) -> None:
        slot = self.slots.pop(execution_id, None)
        if slot is not None:
            self._promote(slot.flow)

    async def holds(self, execution_id: str) -> bool:
        await self._turn()
        slot = self.slots.get(execution_id)
        return slot is not None and slot.running

    async def released(self, flow: FlowKey | None = None) -> list[str]:
        await self._turn()
        return [
            key
            for key, slot in self.slots.items()
            if slot.running
            and flow in (None, slot.flow)
            and self._state(key) in (State.QUEUED, State.CREATED)
        ]

    async def waiting(self) -> list[FlowKey]:
        await self._turn()
        return list({slot.flow: None for slot in self.slots.values() if not slot.running})

    async def release(self, flow: FlowKey, limit: int) -> None:
        await self._turn()
        self.most[flow] = limit
        self._promote(flow)

    async def sweep(self) -> int:
        await self._turn()
        dead = [
            key
            for key, slot in self.slots.items()
            if slot.running and ((state := self._state(key)) is None or state.terminal)
        ]
        for key in dead:
            self.leave(key)
        return len(dead)


class MemoryFlows:
    """The `FlowSource` port: flows by id, one revision each."""

    def __init__(self, flows: Iterable[LoadedFlow] = ()) -> None:
        self.flows = {(f.revision.namespace, f.revision.flow_id): f for f in flows}
        self.deleted: set[tuple[str, str]] = set()

    async def current(self, tenant: str, namespace: str, flow_id: str) -> LoadedFlow:
        await asyncio.sleep(0)
        if (namespace, flow_id) in self.deleted:
            raise Gone
        try:
            return self.flows[namespace, flow_id]
        except KeyError:
            raise NotFound(f"there is no flow {namespace}.{flow_id}") from None

    def is_deleted(self, tenant: str, namespace: str, flow_id: str) -> bool:
        return (namespace, flow_id) in self.deleted

    def active(self, tenant: str | None = None) -> list[FlowRevision]:
        return [each.revision for _, each in sorted(self.flows.items())]

    async def at(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        *,
        revision: int | None = None,
        commit: str | None = None,
        snapshot: str | None = None,
    ) -> LoadedFlow:
        await asyncio.sleep(0)
        try:
            return self.flows[namespace, flow_id]  # a deleted one stays readable
        except KeyError:
            raise NotFound(f"there is no flow {namespace}.{flow_id}") from None


def revision(namespace: str, flow_id: str) -> FlowRevision:
    return FlowRevision("main", namespace, flow_id, 1, "c" * 40, "b" * 40, "flow.yaml", "main")


class MemoryStorage:
    """The `Storage` port in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def put(self, uri: str, chunks: AsyncIterator[bytes]) -> int:
        data = b"".join([chunk async for chunk in chunks])
        self.files[uri] = data
        return len(data)

    async def get(
        self, uri: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        if uri not in self.files:
            raise NotFound(f"there is no file {uri}")
        end = None if length is None else offset + length
        yield self.files[uri][offset:end]

    async def size(self, uri: str) -> int:
        if uri not in self.files:
            raise NotFound(f"there is no file {uri}")
        return len(self.files[uri])

    async def delete(self, uri: str) -> bool:
        return self.files.pop(uri, None) is not None

    async def delete_prefix(self, uri: str) -> int:
        found = [each for each in self.files if each.startswith(uri)]
        for each in found:
            del self.files[each]
        return len(found)


class Absent:
    """A part that a test does without."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)


class MemoryKeyValues:
    """The `KeyValues` port in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.store: dict[tuple[str, str, str], KeyValue] = {}

    def _there(self, place: tuple[str, str, str]) -> KeyValue | None:
        pair = self.store.get(place)
        gone = pair is None or (
            pair.expires_at is not None and pair.expires_at <= self._clock.now()
        )
        return None if gone else pair

    async def get(self, tenant: str, namespace: str, key: str) -> KeyValue | None:
        await asyncio.sleep(0)
        return self._there((tenant, namespace, key))

    async def put(
        self, tenant: str, namespace: str, pair: KeyValue, *, overwrite: bool = True
    ) -> None:
        await asyncio.sleep(0)
        place = (tenant, namespace, pair.key)
        present = self._there(place)
        if present is not None and not overwrite:
            raise Conflict(f"the key {pair.key} exists already in the namespace {namespace}")
        if present is not None:
            pair = pair._replace(created_at=present.created_at)
        self.store[place] = pair

    async def delete(self, tenant: str, namespace: str, key: str) -> bool:
        await asyncio.sleep(0)
        there = self._there((tenant, namespace, key)) is not None
        self.store.pop((tenant, namespace, key), None)
        return there

    async def pairs(self, tenant: str, namespace: str, prefix: str = "") -> list[KeyValue]:
        await asyncio.sleep(0)
        return [
            pair
            for place, pair in sorted(self.store.items())
            if place[:2] == (tenant, namespace)
            and pair.key.startswith(prefix)
            and self._there(place)
        ]

    async def kept(self, tenant: str) -> list[KeptKey]:
        await asyncio.sleep(0)
        return [
            KeptKey(place[1], pair.key, pair.expires_at)
            for place, pair in sorted(self.store.items())
            if place[0] == tenant
        ]

    async def remove(self, tenant: str, keys: Sequence[KeptKey]) -> int:
        there = [each for each in await self.kept(tenant) if each in keys]
        for each in there:
            del self.store[tenant, each.namespace, each.key]
        return len(there)


class MemoryFiles:
    """The `NamespaceFiles` port in memory: each write is a commit."""

    def __init__(self) -> None:
        self.commits: list[dict[tuple[str, str], dict[str, bytes]]] = [{}]

    def _at(self, tenant: str, namespace: str, commit: str | None) -> dict[str, bytes]:
        number = int(commit) if commit is not None and commit.isdecimal() else -1
        if number >= len(self.commits):
            number = -1
        return self.commits[number].get((tenant, namespace), {})

    async def entries(
        self, tenant: str, namespace: str, commit: str | None = None
    ) -> list[NamespaceFile]:
        await asyncio.sleep(0)
        found = self._at(tenant, namespace, commit)
        return [NamespaceFile(path, len(data)) for path, data in sorted(found.items())]

    async def read(
        self, tenant: str, namespace: str, path: str, commit: str | None = None
    ) -> bytes:
        await asyncio.sleep(0)
        try:
            return self._at(tenant, namespace, commit)[path]
        except KeyError:
            raise NotFound(f"there is no file {path} in {namespace}") from None

    async def write(
        self, tenant: str, namespace: str, changes: Mapping[str, bytes | None], *, reason: str
    ) -> str:
        await asyncio.sleep(0)
        for path in changes:
            if not path or not {"", ".", ".."}.isdisjoint(path.split("/")):
                raise Invalid(f"{path!r} is no path of a namespace file")
        last = self.commits[-1]
        files = {**last.get((tenant, namespace), {}), **changes}
        kept = {path: data for path, data in files.items() if data is not None}
        self.commits.append({**last, (tenant, namespace): kept})
        return str(len(self.commits) - 1)


class MemoryCache:
    """The `TaskCache` port in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[Mapping[str, Any], int | None]] = {}

    async def find(self, tenant: str, key: str, now: int) -> Mapping[str, Any] | None:
        await asyncio.sleep(0)
        outputs, expires = self.kept.get((tenant, key), (None, None))
        return None if expires is not None and expires <= now else outputs

    async def keep(
        self, tenant: str, key: str, outputs: Mapping[str, Any], now: int, expires_at: int | None
    ) -> None:
        await asyncio.sleep(0)
        self.kept[tenant, key] = (outputs, expires_at)
