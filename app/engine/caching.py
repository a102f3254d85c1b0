"""`taskCache`: outputs of an equal task run are used again for some time."""

import hashlib
from typing import Any

from app.engine.context import TaskContext
from app.engine.json import as_bytes, as_json
from app.engine.outputs import without_nulls
from app.engine.parts import Parts
from app.engine.policies import microseconds
from app.engine.rendering import Renderer
from app.errors import ExpressionError
from app.flows.model import Task
from app.plugins.api import Runnable

_IRRELEVANT = frozenset(Task.model_fields) - {"type", "version"}


class CachedTask:
    """One run of a task and what is kept of earlier runs that were equal.

    Equal are runs of the same flow whose task has the same type and the same properties, rendered.
    """

    def __init__(
        self, task: Runnable, context: TaskContext, renderer: Renderer, parts: Parts
    ) -> None:
        """Look for runs equal to this one; dynamic properties of `task` are rendered already."""
        self._task = task
        self._context = context
        self._renderer = renderer
        self._cache = parts.cache
        self._clock = parts.clock
        self._key: str | None = None

    async def find(self) -> Any:
        """Return the outputs kept of an equal run, None if there are none."""
        try:
            self._key = await self._made()
        except ExpressionError as error:
            self._context.log.write("WARN", f"the outputs cannot be reused: {error.message}")
            return None
        now = self._clock.now()
        found = await self._cache.find(self._context.tenant, self._key, now)
        if found is not None:
            self._context.log.debug("outputs of an equal task run are used again (taskCache)")
        return found

    async def keep(self, outputs: Any) -> None:
        """Keep the outputs for runs to come."""
        settings = self._task.task_cache
        if self._key is None or settings is None:
            return
        now = self._clock.now()
        until = None if settings.ttl is None else now + microseconds(settings.ttl)
        kept = self._context.protected(as_json(without_nulls(dict(outputs))))
        await self._cache.keep(self._context.tenant, self._key, kept, now, until)

    async def _made(self) -> str:
        context = self._context
        properties = self._task.model_dump(exclude=set(_IRRELEVANT), by_alias=True)
        rendered = await self._renderer.deep(properties, context.variables)
        about = [context.namespace, context.flow_id, as_json(rendered)]
        return hashlib.sha256(as_bytes(about)).hexdigest()
