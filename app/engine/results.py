"""The end of an execution: its outputs, its last event (reference §1.5)."""

from typing import Any

from app.engine.json import as_json
from app.engine.live import Live
from app.engine.logs import LogOrigin, TaskRunLog
from app.engine.outputs import put_large
from app.engine.parts import Parts
from app.engine.rendering import Renderer, reason
from app.engine.renewal import renewal
from app.engine.scope import Scope
from app.engine.uris import files_of
from app.errors import HeadwaterError
from app.executions import ROOT, Event, Execution, Kind, State
from app.flows.encryption import sealing
from app.flows.outputs import InvalidOutputs, resolve_outputs
from app.ports import Clock


async def ending(live: Live, state: State, scope: Scope, renderer: Renderer, parts: Parts) -> Event:
    """Return the event that ends the execution in `state`, with the flow's outputs.

    An output that cannot be rendered or converted makes it FAILED, as in Kestra.
    """
    if (due := renewal(live, state, parts.limits.tries)) is not None:
        return live.event(Kind.MOVED, ROOT, State.RETRIED, after=True, anew=due)
    declared = live.loaded.flow.outputs
    if not declared:
        return live.event(Kind.MOVED, ROOT, state)
    try:
        outputs = await _rendered(live, scope, renderer, parts)
    except InvalidOutputs as error:
        return _failed(live, parts, error.message)
    except HeadwaterError as error:
        return _failed(live, parts, f"Failed to render output values: {reason(error)}")
    event = live.event(Kind.MOVED, ROOT, state, outputs=as_json(outputs))
    await live.protect(event)
    uri = f"{files_of(live.execution)}/outputs.json"
    if await put_large(event, uri, parts.storage, parts.limits.inline_outputs):
        live.execution.large = True
    return event


def _failed(live: Live, parts: Parts, message: str) -> Event:
    complain(live, parts, message)
    return live.event(Kind.MOVED, ROOT, State.FAILED, reason=message)


def complain(live: Live, parts: Parts, message: str) -> None:
    """Write an error to the log of the execution that is no task run's."""
    origin = LogOrigin(live.id, "", "", 0)
    TaskRunLog(parts.sink, live.clock, origin, live.secrets, parts.limits.logs).error(message)


async def _rendered(live: Live, scope: Scope, renderer: Renderer, parts: Parts) -> dict[str, Any]:
    variables = scope.variables()
    declared = live.loaded.flow.outputs
    rendered = {each.id: await renderer.deep(each.value, variables) for each in declared}
    return resolve_outputs(declared, rendered, keep_secret=sealing(parts.cipher))


def failure(execution: Execution, clock: Clock, message: str) -> list[Event]:
    """Return the events that fail an execution: its open task runs and itself.

    One that failed already is over with it: what ran after its end is given up.
    """
    if execution.state.terminal:
        return [Event(Kind.MOVED, clock.now(), ROOT, data={"after": False, "reason": message})]
    return endings(execution, clock, State.FAILED, message)


def endings(execution: Execution, clock: Clock, state: State, message: str) -> list[Event]:
    """Return the events that end an execution from outside, and its open task runs with it."""
    now = clock.now()
    events = [
        Event(Kind.ENDED, now, run.path, state, data={"error": message})
        for run in execution.task_runs.values()
        if not run.ended
    ]
    return [*events, Event(Kind.MOVED, now, ROOT, state, data={"reason": message})]
