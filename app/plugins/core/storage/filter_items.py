"""`core.storage.FilterItems`: some records of a file are kept (reference §2.5)."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Literal

from pydantic import Field

from app.errors import ExpressionError
from app.expressions import truthy
from app.flows.values import Dynamic, Text
from app.plugins.api import RunContext, Runnable, TaskFailed
from app.plugins.core.storage.records import Record, records
from app.plugins.core.storage.uris import extension_of


class FilterItems(Runnable):
    """Keep the records of a file (Ion or JSON, one a line) for which a condition holds, or not.

    Outputs: `uri`, `processedItemsTotal`, `droppedItemsTotal`.
    """

    type_name = "io.kestra.plugin.core.storage.FilterItems"
    aliases = ("io.kestra.core.tasks.storages.FilterItems",)

    from_: Dynamic[str] = Field(alias="from", description="URI of the file.")
    filter_condition: Text = Field(
        description="An expression; the fields of the record are its variables."
    )
    filter_type: Dynamic[Literal["INCLUDE", "EXCLUDE"]] = Field(
        "INCLUDE", description="What happens to records for which the condition holds."
    )
    error_or_null_behavior: Dynamic[Literal["FAIL", "INCLUDE", "EXCLUDE"]] = Field(
        "FAIL", description="What happens when the condition cannot be evaluated."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Store the records that are kept."""
        uri = self.from_.strip()
        kept = _Kept(self, ctx)
        name = f"filtered{extension_of(uri, '.ion')}"
        stored = await ctx.put_file(name, kept.lines(ctx.get_file(uri)))
        return {
            "uri": stored,
            "processedItemsTotal": kept.processed,
            "droppedItemsTotal": kept.dropped,
        }


class _Kept:
    """Counts what passes through."""

    def __init__(self, task: FilterItems, ctx: RunContext) -> None:
        self._task = task
        self._ctx = ctx
        self.processed = 0
        self.dropped = 0

    async def lines(self, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async with aclosing(records(source)) as found:
            async for record in found:
                self.processed += 1
                if await self._keeps(record):
                    yield record.line + b"\n"
                else:
                    self.dropped += 1

    async def _keeps(self, record: Record) -> bool:
        task = self._task
        try:
            text = await self._ctx.render(task.filter_condition, **record.values)
        except ExpressionError as error:
            if task.error_or_null_behavior == "FAIL":
                message = f"record {self.processed}: {error.message}"
                raise TaskFailed(message) from error
            return task.error_or_null_behavior == "INCLUDE"
        return truthy(str(text).strip()) is (task.filter_type == "INCLUDE")
