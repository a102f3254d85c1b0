"""`core.log.Log`: write to the log of the execution (reference §2.3)."""

from typing import ClassVar

from pydantic import Field

from app.flows.names import LogLevel
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable


class Log(Runnable):
    """Write one or several messages to the log."""

    type_name = "io.kestra.plugin.core.log.Log"
    aliases = ("io.kestra.core.tasks.log.Log",)
    effects: ClassVar[bool] = False

    message: Dynamic[str | list[str]] = Field(description="The message, or a list of messages.")
    level: Dynamic[LogLevel] = Field("INFO", description="The level of the messages.")

    async def run(self, ctx: RunContext) -> None:
        """Log each message."""
        write = getattr(ctx.log, self.level.lower())
        for message in [self.message] if isinstance(self.message, str) else self.message:
            write(message)
