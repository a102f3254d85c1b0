"""Tasks that are made while an execution runs: YAML in, a rendered task out (reference §2.3)."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from app.engine.rendering import Renderer
from app.flows.model import Task
from app.flows.parse import parse_entry
from app.flows.typenames import Types
from app.plugins.api import Runnable, TaskFailed


async def templated_task(
    spec: str, task_id: str, types: Types, renderer: Renderer, variables: Mapping[str, Any]
) -> Runnable:
    """Return the runnable task that `spec` describes; without an id it gets `task_id`.

    Raises:
        TaskFailed: when it is no valid task, or none that can run by itself.
    """
    parse = partial(parse_entry, spec, Task, types=types, given={"id": task_id})
    parsed = await asyncio.to_thread(parse)
    if parsed.entry is None:
        first = next(each for each in parsed.problems if each.severity == "error")
        message = f"the templated task is not valid: {first.message} (line {first.line})"
        raise TaskFailed(message)
    if not isinstance(parsed.entry, Runnable):
        found = type(parsed.entry).type_name
        message = f"The templated task must be a runnable task, and {found} is none"
        raise TaskFailed(message)
    return await renderer.once(parsed.entry, variables)
