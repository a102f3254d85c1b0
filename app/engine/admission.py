"""Admission: when an execution may run — its date, and its flow's `concurrency` (reference §3.9).

The count is kept by the database (`Slots`), so it holds for all nodes and over crashes: taking a
slot again changes nothing, and the end of an execution gives up its slot in the same transaction.
An execution that waits here costs no memory.
"""

from contextlib import suppress

from app.engine.live import Live
from app.engine.owner import Owner
from app.engine.parts import Parts
from app.errors import Conflict, Gone, HeadwaterError, NotFound, Unavailable
from app.executions import ROOT, Event, Kind, State
from app.flows.policies import Concurrency
from app.ports import FlowKey
from app.telemetry import METRICS

ADMISSION = "admission"
"""What an execution waits for before it runs: its date, a slot, or somebody's word."""
_REFUSED = {"CANCEL": State.CANCELLED, "FAIL": State.FAILED}
NO_LIMIT = 2**31 - 1


class Admission:
    """Lets executions in."""

    def __init__(self, parts: Parts, owner: Owner) -> None:
        """Count in `parts.slots`; executions belong to `owner`."""
        self._slots = parts.slots
        self._flows = parts.flows
        self._clock = parts.clock
        self._owner = owner

    async def admit(self, live: Live) -> None:
        """Return once the execution runs, or has ended because it may not."""
        while True:
            match live.execution.state:
                case State.CREATED:
                    await self._created(live)
                case State.QUEUED:
                    await self._queued(live)
                case State.RESTARTED:
                    await self._restarted(live)
                case _:
                    return

    async def _created(self, live: Live) -> None:
        due = live.execution.schedule_date
        if due is not None and self._clock.now() < due:
            await live.wait(ADMISSION, due)
            return
        rule = await self.rule(live.execution.flow_key)
        if rule is None:
            live.record(live.event(Kind.MOVED, ROOT, State.RUNNING))
        else:
            await self._enter(live, rule)

    async def _enter(self, live: Live, rule: Concurrency) -> None:
        queue = rule.behavior == "QUEUE"
        live.execution.slot = True  # from now on its end has to give it up
        entered = await self._slots.enter(
            live.execution, rule.limit, self._clock.now(), queue=queue
        )
        if live.execution.state is not State.CREATED:
            return  # somebody let it in, or ended it, meanwhile
        if entered or queue:
            state = State.RUNNING if entered else State.QUEUED
            live.record(live.event(Kind.MOVED, ROOT, state, slot=True))
        else:
            self._owner.end(live, self._refusal(live, rule))

    def _refusal(self, live: Live, rule: Concurrency) -> Event:
        message = f"{rule.limit} executions of the flow run already, which is its limit"
        return live.event(Kind.MOVED, ROOT, _REFUSED[rule.behavior], reason=message, slot=False)

    async def _queued(self, live: Live) -> None:
        if not await self._slots.holds(live.id):
            await live.wait(ADMISSION)
        elif live.execution.state is State.QUEUED:
            live.record(live.event(Kind.MOVED, ROOT, State.RUNNING))

    async def _restarted(self, live: Live) -> None:
        """Let a restarted execution run: it counts, but no limit stops it."""
        rule = await self.rule(live.execution.flow_key)
        if rule is None:
            live.record(live.event(Kind.MOVED, ROOT, State.RUNNING))
            return
        await self.force(live, rule.limit)
        if live.execution.state is State.RESTARTED:
            live.record(live.event(Kind.MOVED, ROOT, State.RUNNING, slot=True))

    async def force(self, live: Live, limit: int) -> None:
        """Give an execution a slot, whatever the limit says."""
        live.execution.slot = True
        await self._slots.force(live.execution, limit, self._clock.now())

    async def rule(self, flow: FlowKey) -> Concurrency | None:
        """Return how many executions of a flow may run, as its current revision says."""
        try:
            loaded = await self._flows.current(*flow)
        except (NotFound, Gone, Conflict):  # there is none any more; what was created still runs
            return None
        return loaded.flow.concurrency

    async def limit(self, flow: FlowKey) -> int:
        """Return the number alone."""
        rule = await self.rule(flow)
        return NO_LIMIT if rule is None else rule.limit

    # -- who comes next -----------------------------------------------------------------------

    async def wake(self, flow: FlowKey | None = None) -> None:
        """Move on the executions that waited for a slot and have one now."""
        for each in await self._slots.released(flow):
            with suppress(HeadwaterError):  # it has ended, or the next repair tries again
                async with self._owner.holding(each) as live:
                    live.signal(ADMISSION)

    async def repair(self) -> None:
        """Free slots that nobody holds any more; let in those who waited too long.

        A slot is freed with the event that ends its execution. What is found here was lost some
        other way: a limit that was raised, a crash between two steps.
        """
        METRICS.sweeper_repairs.labels("slot").inc(await self._slots.sweep())
        for flow in await self._slots.waiting():
            with suppress(Unavailable):  # what cannot be read now holds up no other
                await self._slots.release(flow, await self.limit(flow))
        await self.wake()
