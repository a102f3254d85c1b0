"""`core.state.*`: documents that a flow keeps from one execution to the next (reference §2.4)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from app.executions.merging import merged
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, States, TaskFailed


class _OnState(Runnable):
    """What the tasks on documents have in common: which document is meant."""

    name: Dynamic[str] = Field("default", description="The name of the document.")
    namespace: Dynamic[bool] = Field(
        default=False,
        description="Whether all flows of the namespace share the document; if not, it is the "
        "flow's own.",
    )
    taskrun_value: Dynamic[bool] = Field(
        default=True, description="Whether each value of a loop has a document of its own."
    )

    def _states(self, ctx: RunContext) -> States:
        return ctx.states(namespace=self.namespace)

    def _key(self, ctx: RunContext) -> str:
        value = ctx.variables.get("taskrun", {}).get("value")
        return "" if value is None or not self.taskrun_value else str(value)


class Set(_OnState):
    """Merge data into a document. Outputs: `count` (its properties) and `key`."""

    type_name = "io.kestra.plugin.core.state.Set"
    aliases = ("io.kestra.core.tasks.states.Set",)

    data: Dynamic[dict[str, Any]] | None = Field(
        None, description="What is merged into the document, maps deeply."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Merge it."""
        states, key = self._states(ctx), self._key(ctx)
        document = merged(await states.get(self.name, key) or {}, self.data or {})
        await states.put(self.name, key, document)
        return {"count": len(document), "key": f"{self.name}/{key}" if key else self.name}


class Get(_OnState):
    """Read a document. Outputs: `count` (its properties) and `data`."""

    type_name = "io.kestra.plugin.core.state.Get"
    aliases = ("io.kestra.core.tasks.states.Get",)
    effects: ClassVar[bool] = False

    error_on_missing: Dynamic[bool] = Field(
        default=False, description="Whether the task fails when there is no such document."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Read it.

        Raises:
            TaskFailed: when there is none and there has to be one.
        """
        document = await self._states(ctx).get(self.name, self._key(ctx))
        if document is None and self.error_on_missing:
            raise TaskFailed(_missing(self.name))
        return {"count": len(document or {}), "data": document or {}}


class Delete(_OnState):
    """Remove a document. Outputs: `deleted`, whether it was there."""

    type_name = "io.kestra.plugin.core.state.Delete"
    aliases = ("io.kestra.core.tasks.states.Delete",)

    error_on_missing: Dynamic[bool] = Field(
        default=False, description="Whether the task fails when there is no such document."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Remove it.

        Raises:
            TaskFailed: when there is none and there has to be one.
        """
        deleted = await self._states(ctx).delete(self.name, self._key(ctx))
        if self.error_on_missing and not deleted:
            raise TaskFailed(_missing(self.name))
        return {"deleted": deleted}


def _missing(name: str) -> str:
    return f"there is no state '{name}'; set it first, or leave `errorOnMissing` out"


TYPES = (Delete, Get, Set)
