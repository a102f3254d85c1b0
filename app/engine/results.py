"""The end of an execution: its outputs, its last event (reference §1.5)."""

from typing import Any

from app.engine.context import execution_prefix
from app.engine.json import as_json
from app.engine.live import Live
from app.engine.outputs import put_large
from app.engine.parts import Parts
from app.engine.rendering import Renderer, reason
from app.engine.scope import Scope
from app.errors import HeadwaterError
from app.executions import ROOT, Event, Kind, State
from app.flows.outputs import InvalidOutputs, resolve_outputs


async def ending(live: Live, state: State, scope: Scope, renderer: Renderer, parts: Parts) -> Event:
    """Return the event that ends the execution in `state`, with the flow's outputs.

    An output that cannot be rendered or converted makes it FAILED, as in Kestra.
    """
    declared = live.loaded.flow.outputs
    if not declared:
        return live.event(Kind.MOVED, ROOT, state)
    try:
        outputs = await _rendered(live, scope, renderer)
    except InvalidOutputs as error:
        return live.event(Kind.MOVED, ROOT, State.FAILED, reason=error.message)
    except HeadwaterError as error:
        message = f"Failed to render output values: {reason(error)}"
        return live.event(Kind.MOVED, ROOT, State.FAILED, reason=message)
    event = live.event(Kind.MOVED, ROOT, state, outputs=as_json(outputs))
    uri = f"{execution_prefix(live)}/outputs.json"
    if await put_large(event, uri, parts.storage, parts.limits.inline_outputs):
        live.execution.large = True
    return event


async def _rendered(live: Live, scope: Scope, renderer: Renderer) -> dict[str, Any]:
    variables = scope.variables()
    declared = live.loaded.flow.outputs
    rendered = {each.id: await renderer.deep(each.value, variables) for each in declared}
    return resolve_outputs(declared, rendered)
