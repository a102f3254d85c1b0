"""`core.kv.Get` and `GetKeys`: read key-value pairs (reference §2.4)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed


class Get(Runnable):
    """Read the value of a key. Outputs: `value`, absent when there is none.

    A key that the flow's own namespace has not is looked for in those above it.
    """

    type_name = "io.kestra.plugin.core.kv.Get"
    effects: ClassVar[bool] = False

    key: Dynamic[str] = Field(description="The key.")
    namespace: Dynamic[str] | None = Field(
        None, description="The namespace, by default the flow's."
    )
    error_on_missing: Dynamic[bool] = Field(
        default=False, description="Whether the task fails when there is no such key."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Read it.

        Raises:
            TaskFailed: when there is no such key and there has to be one.
        """
        store = ctx.kv(self.namespace or None)
        own = not self.namespace or self.namespace == ctx.namespace
        pair = await (store.inherited(self.key) if own else store.get(self.key))
        if pair is not None:
            return {"value": pair.value}
        if self.error_on_missing:
            raise TaskFailed(missing(self.key, self.namespace or ctx.namespace))
        return {}


class GetKeys(Runnable):
    """List the keys of a namespace. Outputs: `keys`."""

    type_name = "io.kestra.plugin.core.kv.GetKeys"
    effects: ClassVar[bool] = False

    prefix: Dynamic[str] | None = Field(None, description="How the keys begin.")
    namespace: Dynamic[str] | None = Field(
        None, description="The namespace, by default the flow's."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """List them, in order."""
        pairs = await ctx.kv(self.namespace or None).pairs(self.prefix or "")
        return {"keys": [pair.key for pair in pairs]}


def missing(key: str, namespace: str) -> str:
    """Return what to say of a key that is not there."""
    return f"The key '{key}' does not exist in the namespace '{namespace}'."
