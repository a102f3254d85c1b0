"""From the flows that are active to the triggers that are known: rows follow the flows.

A flow is read only if its blob is not the one that was looked at last, and parsed only if the word
`triggers` may stand in it.
"""

import hashlib
import json
from dataclasses import replace
from typing import Any

from app.db.trigger_records import FlowKey, TriggerState
from app.engine.preview import Preview
from app.errors import Conflict, Gone, HeadwaterError, NotFound
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
        changed = {
            key for key in active if known.get(key) != self._parts.flows.effective(*key).blob
        }
        return changed | (known.keys() - active)

    async def reconcile(self, flow: FlowKey) -> list[TriggerState]:
        """Store the triggers of one flow as it is now, and return them."""
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
            await self._parts.store.replace(flow, revision.blob, [], known)
            return []
        loaded = await self._parts.flows.load(revision)
        before = {state.trigger_id: state for state in known}
        states = [
            await self._state(loaded, trigger, before.pop(trigger.id, None))
            for trigger in loaded.flow.triggers
        ]
        await self._parts.store.replace(flow, revision.blob, states, list(before.values()))
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
        """Return the trigger of a state as its flow has it now; None if it is another one."""
        try:
            loaded = await self._parts.flows.current(*state.flow)
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
