"""One node at a time syncs a source, where several share a database."""

import asyncio
import os
import secrets
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from app.db.leases import LeaseStore, guarded
from app.db.sql import Write
from app.errors import HeadwaterError, Unavailable
from app.ports import Clock

LEASE_SECONDS = 30.0
"""How long a lease holds that nobody renews."""
BEAT_SECONDS = 5.0
PATIENCE_SECONDS = 45.0
"""How long a run waits for another node's: a lease that nobody renews is over by then."""
_FIRST_WAIT = 0.02
_LONGEST_WAIT = 1.0
_PROCESS = secrets.token_hex(4)


class Leader:
    """The lease of one source, as one node holds it while it makes a run."""

    def __init__(self, source_id: str, leases: LeaseStore, clock: Clock) -> None:
        """Hold nothing yet."""
        self._source_id = source_id
        self._leases = leases
        self._clock = clock
        self._beat: asyncio.Task[None] | None = None
        self._is_asked = False
        self.holder = f"{_place()}/{os.getpid()}/{_PROCESS}/{secrets.token_hex(4)}"
        self.turn: int | None = None
        """The last change of the source that this node made, or knows; None before it looked."""
        self.is_lost = False
        """Whether another node took the lease while this one held it."""

    async def take(self) -> None:
        """Take the lease; wait for another node that has it, for a while.

        Raises:
            Unavailable: when another node goes on having it.
        """
        deadline, delay = time.monotonic() + PATIENCE_SECONDS, _FIRST_WAIT
        self._is_asked = True
        while not await self._try():
            if time.monotonic() > deadline:
                message = f"another node syncs source {self._source_id}, and has not come to an end"
                raise Unavailable(message)
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_WAIT)
        self.is_lost = False
        self._beat = asyncio.create_task(self._beats(), name="lease")

    async def _try(self) -> bool:
        if await self._take(self.holder):
            return True
        other = await self._leases.holder(self._source_id)
        return other is not None and is_gone(other) and await self._take(other)

    async def _take(self, over: str) -> bool:
        now = self._clock.now()
        until = now + int(LEASE_SECONDS * 1_000_000)
        return await self._leases.take(
            self._source_id, self.holder, over=over, now=now, until=until
        )

    async def _beats(self) -> None:
        """Renew the lease until it is given back."""
        while not self.is_lost:
            await asyncio.sleep(BEAT_SECONDS)
            until = self._clock.now() + int(LEASE_SECONDS * 1_000_000)
            with suppress(HeadwaterError):  # the next beat comes before the lease is over
                renewed = await self._leases.renew(self._source_id, self.holder, until=until)
                self.is_lost = not renewed

    def check(self) -> None:
        """Go on only while the lease is held; raises `Unavailable`."""
        if self.is_lost:
            raise self.lost()

    def lost(self) -> Unavailable:
        """Return the error of a run that another node took over."""
        return Unavailable(f"another node has taken over the syncs of source {self._source_id}")

    def give(self) -> None:
        """Give the lease back, if it is held, or may be: `take` can be cancelled at any point."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        if self._is_asked:
            self._is_asked = False
            self._leases.give(self._source_id, self.holder)

    def guard(self, *, moves: bool) -> list[Write]:
        """Return what a transaction of the run begins with, so that it fails without the lease.

        With `moves` call `moved` after it.
        """
        return guarded(self._source_id, self.holder, moves=moves)

    def moved(self) -> None:
        """Note that a transaction changed what other nodes have to hear of."""
        self.turn = (self.turn or 0) + 1


def is_gone(holder: str) -> bool:
    """Return whether a holder was a process of this machine that is not there any more."""
    place, pid, process, _ = holder.rsplit("/", 3)
    if not place or place != _place():
        return False
    if int(pid) == os.getpid():
        return process != _PROCESS
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@cache
def _place() -> str:
    """Return where process ids mean the same; "" where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""
