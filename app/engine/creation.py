"""Creation: an execution begins to exist, durably and once (contract D1)."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.engine.checks import FailedCheck, verdict
from app.engine.crowds import refuse_crowd
from app.engine.executor import Executor
from app.engine.json import as_bytes
from app.engine.limits import Limits, refusal
from app.engine.live import Live
from app.engine.results import failure
from app.engine.revision_choice import passed, refuse_deleted
from app.engine.secrecy import masked
from app.engine.turns import Turns
from app.errors import Conflict, Fenced, Invalid, TooLarge
from app.executions import ROOT, Event, Execution, Kind, State, execution_id
from app.flows.inputs import InvalidInputs
from app.flows.model import label_map
from app.ports import Claim, Clock, Executions, FlowSource, LoadedFlow, Share
from app.telemetry import METRICS

CORRELATION = "system.correlationId"
_AT_ONCE = 32
"""Executions that begin at once; others wait for the turn of their tenant."""


class _Made(NamedTuple):
    """An execution that is about to begin."""

    live: Live
    event: Event
    failed: str | None
    """Why it only begins to have failed."""


@dataclass(frozen=True, slots=True)
class NewExecution:
    """What an execution is started with."""

    tenant: str
    namespace: str
    flow_id: str
    revision: int | None = None
    commit: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    labels: Sequence[tuple[str, str]] = ()
    trigger: Mapping[str, Any] | None = None
    id: str | None = None
    claim: Claim | None = None
    parent: Execution | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What expressions see at the top level, beside the usual variables."""
    schedule_date: int | None = None
    """The time (µs) that it was planned for."""
    chain: int = 0
    """How many flow triggers led to it."""
    lenient: bool = False
    """Inputs that are missing or not valid do not refuse it."""
    failure: str | None = None
    """It only tells of this: it is created, and has FAILED."""
    copy_of: Execution | None = None
    """It repeats this one; with the very inputs of that one they are not resolved again."""
    keeps_commit: bool = False
    """It stays at the commit of `copy_of`: variables and files are those of then."""
    allow_deleted: bool = False
    """It may run a revision of a flow that was deleted."""
    secrets: Collection[str] = ()
    """What its inputs and its trigger may hold and nobody may see."""
    starter: Live | None = None
    """The execution whose task starts it; once that was stopped, nothing begins any more."""
    renews: bool = False
    """It takes the place of `copy_of`, which was RETRIED: the same again, as its next attempt."""


class Creation:
    """Creates executions."""

    def __init__(
        self,
        executor: Executor,
        flows: FlowSource,
        executions: Executions,
        clock: Clock,
        limits: Limits,
    ) -> None:
        """Hand new executions to `executor`, within `limits`."""
        self._executor = executor
        self._flows = flows
        self._executions = executions
        self._clock = clock
        self._limits = limits
        self._turns = Turns(_AT_ONCE, self._share)

    async def create(self, new: NewExecution) -> Execution:
        """Start an execution; return it once it is durable (contract D1).

        Raises:
            NotFound, Gone: when there is no such flow (any more).
            Conflict: when the flow is disabled, or the key was used with another body.
            Invalid: when inputs or labels are wrong; every error is listed.
            TooMany: when the node has too much to do.
            Unavailable: when something around the flow cannot be read now.
        """
        if new.claim is not None and (known := await self._known(new.claim)) is not None:
            return known
        loaded = await self._load(new)
        made = await self._made(new, loaded)
        await self._turns.take(new.tenant)
        try:
            self._refuse_crowd(new)  # others began while this one stood in line
            await self._begin(new, made)
        except Fenced:
            return await self._again(new, made.live)
        finally:
            self._turns.give(new.tenant)
        return made.live.execution

    async def failed_checks(self, new: NewExecution, loaded: LoadedFlow) -> list[FailedCheck]:
        """Return the checks that an execution would not hold; none while its inputs are wrong."""
        made_id = new.id or execution_id()
        try:
            inputs = await self._inputs(new, loaded, made_id)
        except InvalidInputs:
            return []
        event = self._created(new, loaded, made_id, inputs)
        live = self._executor.make(Execution.created(made_id, event), loaded)
        failed = await self._executor.failed_checks(live)
        return [each._replace(message=masked(each.message, live.secrets)) for each in failed]

    async def _again(self, new: NewExecution, live: Live) -> Execution:
        """Another request with the same key was faster: return its execution."""
        if new.claim is not None and (known := await self._known(new.claim)) is not None:
            return known
        message = f"execution {live.id} exists already"
        raise Conflict(message)

    async def _known(self, claim: Claim) -> Execution | None:
        found = await self._executions.claimed(claim)
        if found is None:
            return None
        if found[1] != claim.body_hash:
            message = f"the idempotency key {claim.key!r} was used with another body"
            raise Conflict(message)
        return await self._executor.get(found[0])

    async def _load(self, new: NewExecution) -> LoadedFlow:
        where = (new.tenant, new.namespace, new.flow_id)
        named = new.revision is not None or new.commit is not None
        refuse_deleted(self._flows, where, allowed=new.renews or (new.allow_deleted and named))
        if new.revision is None and new.commit is None:
            loaded = await self._flows.current(*where)
        else:
            chosen = await self._flows.at(*where, revision=new.revision, commit=new.commit)
            loaded = passed(chosen, new.copy_of, named=new.commit is not None)
        if loaded.flow.disabled:
            message = f"flow {new.namespace}.{new.flow_id} is disabled"
            raise Conflict(message)
        return loaded.complete()

    def _share(self, tenant: str) -> Share:
        return Share(weight=self._executor.share(tenant).weight)

    def _refuse_crowd(self, new: NewExecution) -> None:
        """Raise `TooMany` for one too many; what belongs to a running one is never refused."""
        if new.parent is None and not new.renews:
            refuse_crowd(self._executor, new.tenant, self._limits.executions)

    async def _made(self, new: NewExecution, loaded: LoadedFlow) -> "_Made":
        """Return what is to be; nothing has begun."""
        self._refuse_crowd(new)
        made_id = new.id or execution_id()
        inputs = await self._inputs(new, loaded, made_id)
        if (size := len(as_bytes(inputs))) > self._limits.inputs:
            message = (
                f"the inputs have {size} bytes, the limit is {self._limits.inputs}: pass large data"
                " as a FILE input"
            )
            METRICS.limits_reached.labels("inputs").inc()
            raise TooLarge(message)
        event = self._created(new, loaded, made_id, inputs)
        self._executor.protect(event.data, new.secrets)
        live = self._executor.make(Execution.created(made_id, event), loaded)
        failed = new.failure
        if loaded.flow.checks and failed is None and not new.renews:
            failed = verdict(await self._executor.failed_checks(live))
        return _Made(live, event, failed)

    async def _begin(self, new: NewExecution, made: "_Made") -> None:
        """Begin it; return once that is durable."""
        _refuse_stopped(new)
        if self._executor.find(made.live.id) is not None:  # another of that id was faster
            raise Fenced
        # A starter that is refused, as by its claim, starts nothing.
        starter = new.starter.execution if new.starter is not None else None
        committed = made.live.create(made.event, new.claim, starter)
        if made.failed is None:
            self._executor.begin(made.live)
        else:
            events = failure(made.live.execution, self._clock, made.failed)
            # Its end is told, also if who asked gives up.
            committed = asyncio.shield(self._executor.end_now(made.live, events))
        if self._executor.counts:
            METRICS.executions_created.inc()
        await committed

    async def _inputs(self, new: NewExecution, loaded: LoadedFlow, made_id: str) -> dict[str, Any]:
        if new.failure is not None:
            return {}
        if new.renews:
            return dict(new.inputs)
        resolver = self._executor.inputs
        resolve = resolver.tolerated if new.lenient else resolver.start
        return await resolve(loaded, new.inputs, made_id)

    def _created(
        self, new: NewExecution, loaded: LoadedFlow, made_id: str, inputs: dict[str, Any]
    ) -> Event:
        revision = loaded.revision
        data: dict[str, Any] = {
            "tenant": revision.tenant,
            "namespace": revision.namespace,
            "flow_id": revision.flow_id,
            "revision": revision.revision,
            "commit": _commit(new, loaded),
            "blob": revision.blob,
            "inputs": inputs,
            "labels": _labels(new, loaded, made_id),
        }
        if new.trigger is not None:
            data["trigger"] = dict(new.trigger)
        if new.parent is not None:
            data["parent_id"] = new.parent.id
            data["depth"] = new.parent.depth + 1
        if chain := max(new.chain, new.parent.chain if new.parent else 0):
            data["chain"] = chain
        if new.copy_of is not None:
            data["parent_id"] = new.copy_of.id
            data["original_id"] = new.copy_of.original_id or new.copy_of.id
            if new.renews:
                data |= _next_attempt(new.copy_of)
        if new.variables:
            data["variables"] = dict(new.variables)
        if new.schedule_date is not None:
            data["schedule_date"] = new.schedule_date
        return Event(Kind.CREATED, self._clock.now(), ROOT, State.CREATED, data=data)


def _commit(new: NewExecution, loaded: LoadedFlow) -> str:
    """Return the commit that an execution pins: its files and variables are those of then."""
    revision = loaded.revision
    same = new.copy_of is not None and new.copy_of.revision == revision.revision
    if new.copy_of is not None and new.keeps_commit and same:
        return new.copy_of.commit
    return revision.snapshot or revision.commit


def _refuse_stopped(new: NewExecution) -> None:
    """Raise `Conflict` for what somebody killed while this was made ready (contract D6)."""
    if new.starter is not None:
        new.starter.refuse_if_left()
    if new.renews and new.copy_of is not None and new.copy_of.anew is None:
        message = f"what started execution {new.copy_of.id} was killed meanwhile"
        raise Conflict(message)


def _next_attempt(execution: Execution) -> dict[str, Any]:
    return {
        "attempt": execution.attempt + 1,
        "depth": execution.depth,
        "original_created_at": execution.original_created_at or execution.created_at,
    }


def body_hash(*parts: bytes) -> str:
    """Return the hash by which two requests with one idempotency key are compared."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _labels(new: NewExecution, loaded: LoadedFlow, made_id: str) -> list[list[str]]:
    """Return the labels of a new execution: the flow's, the caller's, the correlation id.

    Raises:
        Invalid: for too many, or for a system label given from outside.
    """
    own = dict(new.labels)
    if new.parent is None and not new.renews:
        _refuse_system(own)
    labels = {**_flow_labels(new, loaded), **own}
    labels.setdefault(CORRELATION, made_id)
    if message := refusal(labels):
        raise Invalid(message)
    return [[key, value] for key, value in labels.items()]


def _flow_labels(new: NewExecution, loaded: LoadedFlow) -> dict[str, str]:
    """Return the labels of the flow; a trigger leaves those of the system out."""
    labels = label_map(loaded.flow.labels)
    if new.trigger is None or new.parent is not None:
        return labels
    return {key: value for key, value in labels.items() if not key.startswith("system.")}


def _refuse_system(labels: Mapping[str, str]) -> None:
    for key in labels:
        if key.startswith("system.") and key != CORRELATION:
            message = f"System labels can only be set by Headwater itself, found label '{key}'."
            raise Invalid(message)
