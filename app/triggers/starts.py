"""A fire becomes an execution: exactly one, however often it is tried (contract D7)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.db.trigger_records import FlowKey, TriggerKey, TriggerState
from app.engine.commands import NewExecution
from app.engine.logs import LEVELS
from app.engine.preview import Preview
from app.engine.secrecy import clean
from app.errors import BadRequest, ExpressionError, Invalid, TooLarge
from app.executions import Execution, execution_id
from app.flows.labels import Label, label_map
from app.flows.model import Trigger
from app.ports import Claim, LoadedFlow, LogEntry
from app.telemetry import METRICS
from app.triggers.parts import TriggerParts

SCOPE = "trigger"
"""The scope of claims of fires."""


@dataclass(frozen=True, slots=True)
class Fire:
    """One reason to start a flow."""

    loaded: LoadedFlow
    trigger: Trigger
    key: str
    """What makes it one and the same: the planned date, the execution that was heard of …"""
    variables: Mapping[str, Any]
    """`trigger` in expressions."""
    inputs: Mapping[str, Any] | None = None
    """Templates of inputs."""
    labels: Sequence[tuple[str, str]] = ()
    """Labels beside those of the trigger; they are no templates."""
    top: Mapping[str, Any] = field(default_factory=dict)
    """Variables at the top level."""
    date: int | None = None
    """The planned time (µs)."""
    chain: int = 0
    lenient: bool = False

    @property
    def claim(self) -> Claim:
        """What makes a second execution of the same fire impossible."""
        revision = self.loaded.revision
        flow = (revision.tenant, revision.namespace, revision.flow_id)
        return _claim((*flow, self.trigger.id), self.key)


def claim_of(state: TriggerState, key: str) -> Claim:
    """Return the claim of a fire of a trigger."""
    return _claim(state.key, key)


def _claim(trigger: TriggerKey, key: str) -> Claim:
    tenant, *names = trigger
    return Claim(tenant, SCOPE, f"{'.'.join(names)}@{key}", "")


@dataclass(frozen=True, slots=True)
class Started:
    """The execution of a fire; `fresh`: it did not exist before."""

    execution: Execution
    fresh: bool


async def start(parts: TriggerParts, fire: Fire, preview: Preview) -> Started:
    """Start the flow of a fire.

    Raises:
        ExpressionError: when an input cannot be rendered.
        Invalid, BadRequest, TooLarge: when inputs or labels are wrong.
        NotFound, Gone, Conflict: when the flow is not there, or disabled.
        TooMany, Unavailable: when it may work later.
    """
    new = await _new(fire, preview)
    return await _create(parts, fire, new)


async def start_or_tell(parts: TriggerParts, fire: Fire, preview: Preview) -> Started:
    """Start the flow of a fire; when its own values are wrong, an execution tells so (FAILED).

    Raises:
        NotFound, Gone, Conflict, TooMany, Unavailable: as `start`.
    """
    try:
        return await start(parts, fire, preview)
    except (Invalid, BadRequest, TooLarge) as error:
        return await tell(parts, fire, error.message, frozenset(preview.secrets.whole))


async def tell(
    parts: TriggerParts, fire: Fire, failure: str, secrets: Collection[str] = ()
) -> Started:
    """Create an execution that has FAILED, so that a failure of a trigger is seen; log why.

    `secrets`: what the variables of the fire may hold and nobody may see.
    """
    failure = clean(failure)
    new = NewExecution(
        *_names(fire),
        labels=list(fire.labels),
        trigger=_trigger(fire),
        id=execution_id(),
        claim=fire.claim,
        schedule_date=fire.date,
        chain=fire.chain,
        failure=failure,
        secrets=secrets,
    )
    started = await _create(parts, fire, new)
    if started.fresh:
        level, now = LEVELS["ERROR"], parts.clock.now()
        parts.sink.line(LogEntry(started.execution.id, "", "", 0, level, now, failure))
    return started


async def _create(parts: TriggerParts, fire: Fire, new: NewExecution) -> Started:
    execution = await parts.commands.create(new)
    fresh = execution.id == new.id
    if fresh:
        METRICS.trigger_fires.labels(type(fire.trigger).__name__).inc()
    return Started(execution, fresh)


async def _new(fire: Fire, preview: Preview) -> NewExecution:
    variables = {"trigger": preview.revealed(dict(fire.variables)), **fire.top}
    inputs = await preview.deep(dict(fire.inputs or {}), **variables)
    labels = await rendered_labels(preview, fire.trigger.labels, variables)
    return NewExecution(
        *_names(fire),
        inputs=inputs,
        labels=[*labels, *fire.labels],
        trigger=_trigger(fire),
        id=execution_id(),
        claim=fire.claim,
        variables=fire.top,
        schedule_date=fire.date,
        chain=fire.chain,
        lenient=fire.lenient,
        secrets=frozenset(preview.secrets.whole),
    )


def _names(fire: Fire) -> FlowKey:
    revision = fire.loaded.revision
    return revision.tenant, revision.namespace, revision.flow_id


def _trigger(fire: Fire) -> dict[str, Any]:
    return {"id": fire.trigger.id, "type": fire.trigger.type, "variables": dict(fire.variables)}


async def rendered_labels(
    preview: Preview, labels: Sequence[Label], variables: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return labels with their values rendered; one that cannot be is left out."""
    rendered = []
    for key, template in label_map(list(labels)).items():
        try:
            rendered.append((key, await preview.public(template, **variables)))
        except ExpressionError:
            continue  # Kestra's rule: a label is not worth a failure
    return rendered
