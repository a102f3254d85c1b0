"""`core.kv.Set`: store a key-value pair (reference §2.4)."""

from typing import Any, Literal

from pydantic import Field

from app.flows.values import Duration, Dynamic
from app.plugins.api import RunContext, Runnable


class Set(Runnable):
    """Store a value under a key of a namespace."""

    type_name = "io.kestra.plugin.core.kv.Set"

    key: Dynamic[str] = Field(
        description="The key: letters, digits, `.`, `_` and `-`, a letter or digit first."
    )
    value: Any = Field(
        description="The value. One single expression gives its value as it is (a number, a map), "
        "anything else is text.",
        json_schema_extra={"$dynamic": True},
    )
    kv_description: Dynamic[str] | None = Field(None, description="What the pair is for.")
    namespace: Dynamic[str] | None = Field(
        None, description="The namespace, by default the flow's."
    )
    overwrite: Dynamic[bool] = Field(
        default=True, description="Whether a pair that is there may be replaced; if not, it fails."
    )
    ttl: Dynamic[Duration] | None = Field(None, description="For how long the pair is there.")
    kv_type: (
        Dynamic[Literal["STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON"]]
        | None
    ) = Field(None, description="The type that the value is read as, by default its own.")

    async def run(self, ctx: RunContext) -> None:
        """Store the pair."""
        await ctx.kv(self.namespace or None).put(
            self.key,
            await ctx.render_typed(self.value),
            kind=self.kv_type,
            ttl=self.ttl,
            overwrite=self.overwrite,
            description=self.kv_description,
        )
