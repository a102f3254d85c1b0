"""From the flows that are active to the triggers that are known: rows follow the flows.

A flow is read only if its blob is not the one that was looked at last, and parsed only if the word
`triggers` may stand in it.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from app.db.trigger_records import FlowKey, TriggerState
from app.engine.preview import Preview
from app.errors import Conflict, Gone, HeadwaterError, NotFound, Unavailable
from app.flows.dump import dump
from app.flows.model import Trigger
from app.flows.trigger_types import FlowTrigger
from app.ports import FlowRevision, LoadedFlow
from app.telemetry import get_logger
from app.triggers.dates import next_due
from app.triggers.listening import heard_by
from app.triggers.parts import TriggerParts

_LOG = get_logger(__name__)
_MARK = ("triggers", "\\")
"""Without any of these in its source a flow has no triggers (a backslash may hide the word)."""

_CHUNK = 500
"""Flows that are read at once."""


class Reconciler:
    """Makes the table of triggers what the active flows say."""

    def __init__(self, parts: TriggerParts) -> None:
        """Work on these parts."""
        self._parts = parts

    async def outdated(self) -> set[FlowKey]:
        """Return the flows that are not as they were looked at last, and those that are gone."""
        known = await self._parts.store.looked_at()
        active = {
            (each.tenant, each.namespace, each.flow_id) for each in self._parts.flows.active()
        }
        changed = {key for key in active if known.get(key) != self._print(key)}
        return changed | (known.keys() - active)

    def _print(self, flow: FlowKey) -> str:
        flows = self._parts.flows
        return flows.overrides.print_of(flow, flows.effective(*flow).blob)

    async def dismissed(self, flows: Collection[FlowKey]) -> set[FlowKey]:
        """Note of many flows at once that they have no triggers; return those that have none.

        After an import nearly all flows are new, and most of them have none: reading them one by
        one would hold up everybody else.
        """
        having = await self._parts.store.having()
        there = [each for each in self._parts.flows.active() if each.key in flows]
        done: set[FlowKey] = set()
        for start in range(0, len(there), _CHUNK):
            some = [each.key for each in there[start : start + _CHUNK] if each.key not in having]
            done |= await self._dismissed(some)
        return done

    async def _dismissed(self, flows: Sequence[FlowKey]) -> set[FlowKey]:
        try:
            seen = {flow: self._parts.flows.effective(*flow) for flow in flows}
            sources = await self._parts.flows.sources(list(seen.values()))
        except (NotFound, Gone):
            return set()  # one of them went just now: they are looked at one by one
        none = [
            flow
            for flow, revision in seen.items()
            if not any(mark in sources[revision.blob] for mark in _MARK)
        ]
        await self._parts.store.note([(flow, self._print(flow)) for flow in none])
        return set(none)

    async def reconcile(self, flow: FlowKey) -> list[TriggerState]:
        """Store the triggers of one flow as it is now, and return them.

        Raises:
            Unavailable: when it cannot be read now.
        """
        try:
            return await self._follow(flow, self._parts.flows.effective(*flow))
        except (NotFound, Gone):
            await self._parts.store.forget([flow])
            return []
        except Conflict as error:
            _LOG.warning("triggers stay as they are", flow=".".join(flow), reason=error.message)
            return await self._parts.store.of_flow(flow)

    async def _follow(self, flow: FlowKey, revision: FlowRevision) -> list[TriggerState]:
        known = await self._parts.store.of_flow(flow)
        source = await self._parts.flows.source(revision)
        if not any(mark in source for mark in _MARK):
            await self._parts.store.replace(flow, self._print(flow), [], known)
            return []
        seen = self._print(flow)
        loaded = (await self._parts.flows.current(*flow)).complete()
        before = {state.trigger_id: state for state in known}
        states = [
            await self._state(loaded, trigger, before.pop(trigger.id, None))
            for trigger in loaded.flow.triggers
        ]
        await self._parts.store.replace(flow, seen, states, list(before.values()))
        return states

    async def _state(
        self, loaded: LoadedFlow, trigger: Trigger, known: TriggerState | None
    ) -> TriggerState:
        revision, print_ = loaded.revision, fingerprint(loaded, trigger)
        now = self._parts.clock.now()
        state = known or TriggerState(
            revision.tenant,
            revision.namespace,
            revision.flow_id,
            trigger.id,
            trigger.type,
            fingerprint="",
            updated_at=now,
            disabled=self._is_silenced(loaded, trigger),
        )
        if state.fingerprint == print_:
            return state
        return replace(
            state,
            type=trigger.type,
            fingerprint=print_,
            next_at=await self.next_at(loaded, trigger, now),
            stop_after=tuple(trigger.stop_after),
            backfill=None,
            listens=self._listens(loaded, trigger),
            updated_at=max(now, state.updated_at + 1),
        )

    def _is_silenced(self, loaded: LoadedFlow, trigger: Trigger) -> bool:
        """Whether somebody disabled a trigger that is new here, or came back."""
        revision = loaded.revision
        key = (revision.tenant, revision.namespace, revision.flow_id)
        return trigger.id in self._parts.flows.overrides.of(key).triggers

    def _listens(self, loaded: LoadedFlow, trigger: Trigger) -> dict[str, Any] | None:
        if not isinstance(trigger, FlowTrigger) or idle(loaded, trigger):
            return None
        return heard_by(trigger)

    async def next_at(self, loaded: LoadedFlow, trigger: Trigger, after: int) -> int | None:
        """Return when a trigger of a flow is due next, None if never."""
        if idle(loaded, trigger):
            return None
        preview = await self.preview(loaded, trigger)
        name = f"{loaded.revision.namespace}.{loaded.revision.flow_id}"
        try:
            return await next_due(trigger, preview, after, self._parts.now(), name)
        except HeadwaterError as error:
            _LOG.warning(
                "a trigger has no date", flow=name, trigger=trigger.id, reason=error.message
            )
            return None

    async def found(self, state: TriggerState) -> tuple[Trigger, Preview] | None:
        """Return the trigger of a state as its flow has it now; None if it is another one.

        Raises:
            Unavailable: when that cannot be read now.
        """
        try:
            loaded = (await self._parts.flows.current(*state.flow)).complete()
        except Unavailable:
            raise
        except HeadwaterError:
            return None
        trigger = trigger_of(loaded, state.trigger_id)
        if trigger is None or fingerprint(loaded, trigger) != state.fingerprint:
            return None
        return trigger, await self.preview(loaded, trigger)

    async def preview(self, loaded: LoadedFlow, trigger: Trigger) -> Preview:
        """Return what a trigger sees."""
        about = {"id": trigger.id, "type": trigger.type}
        return await self._parts.previews.of_flow(loaded, about)


def idle(loaded: LoadedFlow, trigger: Trigger) -> bool:
    """Whether a trigger never fires, as its flow says."""
    return loaded.flow.disabled or trigger.disabled


def fingerprint(loaded: LoadedFlow, trigger: Trigger) -> str:
    """Return what changes when the definition of a trigger does, or its flow is disabled."""
    text = json.dumps([dump(trigger), loaded.flow.disabled], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def trigger_of(loaded: LoadedFlow, trigger_id: str) -> Trigger | None:
    """Return a trigger of a flow by its id."""
    return next((each for each in loaded.flow.triggers if each.id == trigger_id), None)
