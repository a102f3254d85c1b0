"""Flow triggers: an execution entered a state, and flows that wait for it start.

States come from the outbox, in which no crash loses one. Each is dealt with as often as it takes:
the claim of a fire names the execution, the state and the window, so that it starts one execution.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.db.outbox import UpstreamEvent
from app.db.sql import Write
from app.db.trigger_records import TriggerKey
from app.db.windows import dropped, kept
from app.engine.commands import CORRELATION
from app.engine.identity import Identity
from app.engine.json import as_bytes
from app.engine.preview import Preview
from app.errors import Conflict, HeadwaterError, NotFound, TooMany, Unavailable
from app.executions import Execution
from app.flows.condition_rules import Context, Facts, holds_quietly, is_true
from app.flows.schedule_dates import micros
from app.flows.trigger_types import FlowTrigger
from app.flows.windows import Memory, current, remembering
from app.ports import LoadedFlow
from app.telemetry import METRICS, get_logger
from app.triggers.joins import Join, joins_of, merged
from app.triggers.listening import Listeners
from app.triggers.parts import TriggerParts
from app.triggers.reconciling import idle, trigger_of
from app.triggers.starts import Fire, start, tell

_LOG = get_logger(__name__)
_MAX_OUTPUTS = 64 * 1024
"""Larger outputs (bytes) are not copied into the execution that they start."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A flow trigger that hears of an execution."""

    loaded: LoadedFlow
    trigger: FlowTrigger
    execution: Execution
    event: UpstreamEvent
    preview: Preview
    context: Context

    @property
    def flow(self) -> tuple[str, str, str]:
        """The flow that may start."""
        revision = self.loaded.revision
        return revision.tenant, revision.namespace, revision.flow_id

    def warn(self, message: str, reason: str) -> None:
        """Log why it does not fire."""
        name = ".".join((*self.flow[1:], self.trigger.id))
        _LOG.warning(message, trigger=name, execution=self.execution.id, reason=reason)


class Upstreams:
    """Tells flow triggers of executions."""

    def __init__(self, parts: TriggerParts) -> None:
        """Work on these parts."""
        self._parts = parts

    async def tell(self, event: UpstreamEvent, listeners: Listeners) -> None:
        """Deal with one state of an execution, for all who listen; then it is done.

        Raises:
            TooMany, Unavailable: when it has to be tried again later.
        """
        writes: list[Write] = []
        try:
            execution = await self._parts.executor.get(event.execution_id)
        except (NotFound, Conflict) as error:
            _LOG.info("an execution is gone", execution=event.execution_id, reason=error.message)
        else:
            for key in listeners.hearing(execution, event.state):
                writes += await self._hear(key, event, execution)
        await self._parts.windows.commit(*writes, event.done)

    async def _hear(
        self, key: TriggerKey, event: UpstreamEvent, execution: Execution
    ) -> list[Write]:
        try:
            loaded = (await self._parts.flows.current(*key[:3])).complete()
            trigger = trigger_of(loaded, key[3])
            if not isinstance(trigger, FlowTrigger) or idle(loaded, trigger):
                return []
            who = Identity(self._parts.tenants, *key[:2])
            if not await who.may(execution.namespace, "trigger"):
                return []
            return await self._judge(await self._heard(loaded, trigger, event, execution))
        except (TooMany, Unavailable):
            raise
        except HeadwaterError as error:
            name = ".".join(key[1:])
            _LOG.warning("a trigger failed", trigger=name, reason=error.message)
            return []

    async def _heard(
        self, loaded: LoadedFlow, trigger: FlowTrigger, event: UpstreamEvent, execution: Execution
    ) -> _Heard:
        preview = await self._parts.previews.of_execution(execution, loaded)
        about = _variables(event, execution, preview.revealed(execution.outputs or {}))

        async def render(template: str, **extra: Any) -> str:
            return await preview.public(template, **{"trigger": about, **extra})

        def warn(reason: str) -> None:
            _LOG.warning("a condition failed", trigger=trigger.id, reason=reason)

        revision = loaded.revision
        context = Context(
            render, revision.namespace, revision.flow_id, facts_of(execution, event.state), warn
        )
        return _Heard(loaded, trigger, execution, event, preview, context)

    async def _judge(self, heard: _Heard) -> list[Write]:
        trigger = heard.trigger
        if not await holds_quietly(trigger.conditions, heard.context):
            return []
        if trigger.when is not None and not is_true(await heard.context.render(trigger.when)):
            return []
        joins = joins_of(trigger)
        if not joins:
            await self._fire(heard, _place(heard), dict(heard.execution.outputs or {}))
            return []
        return await self._join(heard, joins)

    async def _join(self, heard: _Heard, joins: Sequence[Join]) -> list[Write]:
        """Remember what the execution adds; fire if all that is waited for has happened."""
        now = self._parts.now()
        memories = [await self._remembered(heard, join, now) for join in joins]
        added = any(heard.execution.id in memory.results.values() for memory in memories)
        complete = all(
            len(memory.results) >= join.needed and not (join.once and memory.fired)
            for join, memory in zip(joins, memories, strict=True)
        )
        if not (added and complete):
            pairs = zip(joins, memories, strict=True)
            return [kept(heard.flow, join.key, memory) for join, memory in pairs if memory.results]
        places = [f"{join.key}@{micros(m.start)}" for join, m in zip(joins, memories, strict=True)]
        outputs = _joined_outputs(joins[0], memories[0])
        await self._fire(heard, "@".join((_place(heard), *places)), outputs)
        return [_after(heard, join, m) for join, m in zip(joins, memories, strict=True)]

    async def _remembered(self, heard: _Heard, join: Join, now: datetime) -> Memory:
        memory = current(join.frame, await self._parts.windows.get(heard.flow, join.key), now)
        execution, names = heard.execution, {}
        for name, test in join.tests.items():
            try:
                if await test(heard.context):
                    names[name] = execution.id
            except HeadwaterError as error:
                heard.warn("a condition failed", error.message)
        outputs = {name: [execution.flow_id, execution.outputs or {}] for name in names}
        return remembering(memory, names, outputs, now)

    async def _fire(self, heard: _Heard, key: str, outputs: dict[str, Any]) -> None:
        chain = heard.execution.chain + 1
        if chain > self._parts.settings.chain_depth:
            METRICS.limits_reached.labels("trigger_chain").inc()
            heard.warn("a chain of triggers is too long", f"more than {chain - 1} executions")
            return
        fire = Fire(
            heard.loaded,
            heard.trigger,
            key,
            _variables(heard.event, heard.execution, outputs),
            heard.trigger.inputs,
            labels=_correlation(heard.execution),
            chain=chain,
            lenient=True,
        )
        try:
            await start(self._parts, fire, heard.preview)
        except (TooMany, Unavailable):
            raise
        except HeadwaterError as error:
            heard.warn("a trigger could not start its flow", error.message)
            if heard.trigger.fail_on_trigger_error:
                await tell(self._parts, fire, error.message)


def _place(heard: _Heard) -> str:
    return f"{heard.event.execution_id}@{heard.event.version}"


def _after(heard: _Heard, join: Join, memory: Memory) -> Write:
    """Return what becomes of a window after the trigger has fired."""
    if join.once:
        return kept(heard.flow, join.key, replace(memory, results={}, outputs={}, fired=True))
    if join.reset:
        return dropped(heard.flow, join.key)
    return kept(heard.flow, join.key, memory)


def _joined_outputs(join: Join, memory: Memory) -> dict[str, Any]:
    found = list(memory.outputs.values())
    if join.by_flow:
        return merged([{flow_id: outputs} for flow_id, outputs in found])
    return merged([outputs for _, outputs in found])


def _variables(
    event: UpstreamEvent, execution: Execution, outputs: dict[str, Any]
) -> dict[str, Any]:
    variables: dict[str, Any] = {
        "executionId": execution.id,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "flowRevision": execution.revision,
        "state": event.state,
    }
    if outputs and len(as_bytes(outputs)) <= _MAX_OUTPUTS:
        variables["outputs"] = outputs
    return variables


def _correlation(execution: Execution) -> list[tuple[str, str]]:
    return [label for label in execution.labels if label.key == CORRELATION]


def facts_of(execution: Execution, state: str) -> Facts:
    """Return what conditions ask of an execution that entered `state`."""
    return Facts(
        execution.namespace,
        execution.flow_id,
        state,
        dict(reversed(execution.labels)),
        execution.outputs,
        [
            [attempt.histories[-1].state.value for attempt in run.attempts]
            for run in execution.task_runs.values()
        ],
    )
