"""Waiting for the end of an execution on behalf of a client that may leave meanwhile."""

import asyncio
import time

from starlette.requests import Request

from app.api.services import Services, stopping
from app.executions import Execution

_LOOK_UP = 1.0
"""Seconds between two looks whether the client is there and the service goes on."""


async def ended(
    request: Request, node: Services, execution_id: str, limit: float | None = None
) -> Execution:
    """Return the execution when its end is durable.

    After `limit` seconds, when the client is gone or the service stops, return it as it is.
    """
    future = node.executor.finished.future(execution_id)
    if not future.done() and node.executor.find(execution_id) is None:
        # It is parked, or ended too long ago to be remembered.
        execution = await node.executor.get(execution_id)
        if execution.state.terminal:
            node.executor.finished.forget(execution_id, future)
            return execution
    deadline = None if limit is None else time.monotonic() + limit
    try:
        while not future.done() and not await _given_up(request, deadline):
            await asyncio.wait({future}, timeout=_slice(deadline))
    finally:
        node.executor.finished.forget(execution_id, future)
    return future.result() if future.done() else await node.executor.get(execution_id)


def _slice(deadline: float | None) -> float:
    if deadline is None:
        return _LOOK_UP
    return max(0.0, min(_LOOK_UP, deadline - time.monotonic()))


async def _given_up(request: Request, deadline: float | None) -> bool:
    if deadline is not None and time.monotonic() >= deadline:
        return True
    return stopping(request).is_set() or await request.is_disconnected()
