"""The end of an execution: its outputs, its last event (reference §1.5)."""

from typing import Any

from app.engine.live import Live
from app.engine.rendering import Renderer, reason
from app.engine.scope import Scope
from app.errors import HeadwaterError
from app.executions import ROOT, Event, Kind, State
from app.flows.outputs import convert


async def ending(live: Live, state: State, scope: Scope, renderer: Renderer) -> Event:
    """Return the event that ends the execution in `state`, with the flow's outputs.

    An output that cannot be rendered or converted makes it FAILED, as in Kestra.
    """
    declared = live.loaded.flow.outputs
    if not declared:
        return live.event(Kind.MOVED, ROOT, state)
    try:
        outputs = await _rendered(live, scope, renderer)
    except HeadwaterError as error:
        message = f"Failed to render output values: {reason(error)}"
        return live.event(Kind.MOVED, ROOT, State.FAILED, reason=message)
    return live.event(Kind.MOVED, ROOT, state, outputs=outputs)


async def _rendered(live: Live, scope: Scope, renderer: Renderer) -> dict[str, Any]:
    variables = scope.variables()
    outputs = {}
    for output in live.loaded.flow.outputs:
        value = await renderer.deep(output.value, variables)
        outputs[output.id] = value if output.type is None else convert(output, value)
    return outputs
