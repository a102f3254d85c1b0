"""The audit log at work: seals what is written, drops anchors, closes what is old."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.config.audit import AuditSettings
from app.db.audit import AuditEntry, AuditStore
from app.db.audit_anchors import Anchors
from app.db.audit_chain import Key, Link
from app.db.audit_proof import Proof, Prover, prove_archive
from app.db.audit_sealing import Sealer
from app.db.audit_segments import Segment, Segments, links, segments
from app.db.database import Database
from app.errors import HeadwaterError
from app.ports import Clock, Storage
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_SEAL_SECONDS = 1.0
_HOUR = 3600.0
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How the audit log is looked after."""

    anchor_seconds: float = 300.0
    anchor_file: Path | None = None
    keep_days: int | None = None
    archive: bool = True

    @classmethod
    def of(cls, settings: AuditSettings) -> "Upkeep":
        """Return what the settings say."""
        return cls(
            anchor_seconds=settings.anchor_minutes * 60,
            anchor_file=settings.anchor_file,
            keep_days=settings.keep_days,
            archive=settings.archive,
        )


class Ledger:
    """Looks after the audit log while a node runs."""

    def __init__(
        self, database: Database, storage: Storage, key: Key, clock: Clock, upkeep: Upkeep
    ) -> None:
        """Seal entries of `database`; write outside of it to `storage`, the audit log's own."""
        self._database = database
        self._storage = storage
        self._key = key
        self._clock = clock
        self._upkeep = upkeep
        self._store = AuditStore(database)
        self._sealer = Sealer(database, clock)
        self._anchors = Anchors(database, storage, key, clock, upkeep.anchor_file)
        self._segments = Segments(database, storage, key, clock)
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Seal what was left, and from now on what comes."""
        await self._sealer.seal_left()
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        work: tuple[tuple[str, float, Callable[[], Awaitable[Any]]], ...] = (
            ("audit seals", _SEAL_SECONDS, self._sealer.seal),
            ("audit anchors", self._upkeep.anchor_seconds, self.anchor),
            ("audit segments", _HOUR, self.close_old),
        )
        self._tasks += [group.create_task(_forever(*each), name=each[0]) for each in work]

    async def stop(self) -> None:
        """Seal and anchor what there is; the database must still be open."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        await self._stack.aclose()
        try:
            await self.anchor()
        except HeadwaterError as error:
            _LOG.warning("the audit log could not be anchored", reason=error.message)

    async def seal(self) -> int:
        """Seal at once what was written lately; return how many entries."""
        return await self._sealer.seal()

    async def anchor(self) -> int:
        """Seal what was written, and write the heads that moved outside; return how many."""
        await self._sealer.seal()
        return await self._anchors.drop(self._sealer)

    async def lines(self, tenant: str) -> AsyncIterator[Link]:
        """Yield the entries of a tenant with their places in its chain, the oldest first."""
        await self._sealer.seal()
        start = [each.last_seq for each in await segments(self._database, tenant)]
        async for each in links(self._database, tenant, start[-1] if start else 0):
            yield each

    async def prove(self, tenant: str | None = None, *, archives: bool = False) -> list[Proof]:
        """Walk the chain of a tenant, or (None) all of them; with `archives` their files too."""
        await self._sealer.seal()
        outside = await self._anchors.outside()
        proofs = await Prover(self._database, outside, self._key).prove(tenant)
        if archives:
            for proof in proofs:
                await self._prove_archives(proof)
        return proofs

    async def _prove_archives(self, proof: Proof) -> None:
        for segment in await segments(self._database, proof.tenant):
            if segment.archive and (wrong := await prove_archive(segment, self._storage)):
                proof.problems.append(wrong)

    async def close_old(self) -> list[Segment]:
        """Close what is older than it is kept; nothing where all is kept."""
        if self._upkeep.keep_days is None:
            return []
        before = self._clock.now() - timedelta(days=self._upkeep.keep_days) // _MICROSECOND
        made: list[Segment] = []
        for tenant in await self._sealer.heads():
            made += await self._close(tenant, before)
        return made

    async def _close(self, tenant: str, before: int) -> list[Segment]:
        try:
            made = await self._segments.close(tenant, before, keep=self._upkeep.archive)
        except HeadwaterError as error:
            _LOG.error("old entries of the audit log stay", tenant=tenant, reason=error.message)
            return []
        for segment in made:
            name = f"entries {segment.first_seq} to {segment.last_seq}"
            entry = AuditEntry(
                tenant=tenant,
                at=self._clock.now(),
                actor="system",
                action="audit.close",
                target=f"audit/{segment.first_seq}-{segment.last_seq}",
                reason=f"{name} are older than {self._upkeep.keep_days} days",
                detail={"archive": segment.archive, "digest": segment.digest},
            )
            await self._store.add(entry)
        return made


async def _forever(name: str, seconds: float, work: Callable[[], Awaitable[Any]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except HeadwaterError as error:
            _LOG.warning("the audit log has to wait", work=name, reason=error.message)
        except Exception as error:  # noqa: BLE001 - the next time is another chance
            _LOG.exception("work on the audit log failed", work=name, exc_info=error)
