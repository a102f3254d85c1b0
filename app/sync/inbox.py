"""Webhook deliveries on their way to those who act on them: kept until somebody did.

A delivery is stored before it is answered; it is passed on afterwards, one at a time, and after a
restart, too. A listener may hear the same event more than once: what is true it asks the forge.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.db.deliveries import PAGE, DeliveryStore, StoredDelivery
from app.ports import Clock
from app.sync.model import HookEvent
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_TRIES = 12
_LONGEST_PAUSE = 300.0
"""Seconds; with twelve tries an event outlives a forge that is down for twenty minutes."""
_MOST_TEXT = 500

Listener = Callable[[HookEvent], Awaitable[None]]
Key = tuple[str, str]


class Inbox:
    """Passes hints of forges on to those who act on them."""

    def __init__(self, deliveries: DeliveryStore, clock: Clock) -> None:
        """Start with nobody who listens."""
        self.heard: list[Listener] = []
        self._deliveries = deliveries
        self._clock = clock
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._due: dict[Key, float] = {}
        """When those that failed are tried again, in seconds of the loop."""
        self._task: asyncio.Task[None] | None = None

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Begin with what an earlier process left."""
        self.wake()
        self._task = group.create_task(self._forever(), name="inbox")

    def stop(self) -> None:
        """End; what was not passed on waits for the next start."""
        if self._task is not None:
            self._task.cancel()

    def wake(self) -> None:
        """Look at what was stored."""
        self._idle.clear()
        self._wake.set()

    async def settled(self) -> None:
        """Wait until everything that was stored has been passed on, or waits for another try."""
        await self._idle.wait()

    async def _forever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._drain()
            except Exception:  # noqa: BLE001 - the database may be away for a while; go on after it
                _LOG.exception("inbox not read")
                self._due["", ""] = asyncio.get_running_loop().time() + 1.0
            if not self._wake.is_set():
                self._idle.set()

    def _pause(self) -> float | None:
        """Return how long nothing is due, None for ever."""
        if not self._due:
            return None
        return max(0.0, min(self._due.values()) - asyncio.get_running_loop().time())

    async def _drain(self) -> None:
        now = asyncio.get_running_loop().time()
        waiting = await self._deliveries.unheard()
        later = {each.key: self._due.get(each.key, 0.0) for each in waiting}
        self._due = {key: due for key, due in later.items() if due > now}
        ready = [each for each in waiting if each.key not in self._due]
        for delivery in ready:
            await self._pass_on(delivery)
        if ready and len(waiting) == PAGE:
            self._wake.set()  # there are more

    async def _pass_on(self, delivery: StoredDelivery) -> None:
        if not await self._deliveries.claim(delivery):
            return  # another node has it
        problem = await self._tell(delivery)
        tries = delivery.attempts + 1
        if problem is None:
            await self._deliveries.heard(delivery, self._clock.now())
        elif tries >= _TRIES:
            await self._deliveries.gave_up(delivery, problem, self._clock.now())
        else:
            await self._deliveries.note_error(delivery, problem)
            pause = min(2.0**delivery.attempts, _LONGEST_PAUSE)
            self._due[delivery.key] = asyncio.get_running_loop().time() + pause

    async def _tell(self, delivery: StoredDelivery) -> str | None:
        """Tell everybody, in order; return what the first said who could not act on it."""
        problem = None
        for event in events_of(delivery):
            for listener in self.heard:
                try:
                    await listener(event)
                except Exception as error:  # noqa: BLE001 - whatever it was, the next must hear
                    _LOG.warning("delivery not heard", delivery=delivery.delivery_id, exc_info=True)
                    text = str(error) or type(error).__name__
                    problem = problem or text[:_MOST_TEXT]
        return problem


def events_of(delivery: StoredDelivery) -> list[HookEvent]:
    """Return what a stored delivery hints at, for each of its sources."""
    fields = dict(delivery.hint)
    sources = fields.pop("sources", ())
    return [
        HookEvent(
            source_id=source_id,
            provider=delivery.provider,
            delivery_id=delivery.delivery_id,
            **fields,
        )
        for source_id in sources
    ]
