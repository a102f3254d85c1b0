"""`core.debug.*`: look at values (reference §2.3)."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from app.flows.names import LogLevel
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable


class Return(Runnable):
    """Return a text. Outputs: `value`. Metrics: `length` (characters), `duration` (seconds)."""

    type_name = "io.kestra.plugin.core.debug.Return"
    aliases = ("io.kestra.core.tasks.debugs.Return",)
    effects: ClassVar[bool] = False

    format: Dynamic[str] | None = Field(None, description="The text, an expression as a rule.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Log the text at DEBUG and return it."""
        began = time.perf_counter()
        value = self.format or ""
        ctx.log.debug(value)
        ctx.metric("length", len(value))
        ctx.metric("duration", time.perf_counter() - began, kind="timer")
        return {"value": value}


class Echo(Runnable):
    """Write a text to the log."""

    type_name = "io.kestra.plugin.core.debug.Echo"
    aliases = ("io.kestra.core.tasks.debugs.Echo",)
    deprecated: ClassVar[str] = "use io.kestra.plugin.core.log.Log"
    effects: ClassVar[bool] = False

    format: Dynamic[str] = Field(description="The text, an expression as a rule.")
    level: Dynamic[LogLevel] = Field("INFO", description="The level of the line.")

    async def run(self, ctx: RunContext) -> None:
        """Log the text."""
        getattr(ctx.log, self.level.lower())(self.format)


TYPES = (Echo, Return)
