"""`core.execution.Labels`: add labels to the execution while it runs (reference §2.2)."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import Field

from app.flows.values import Dynamic, scalar_text
from app.plugins.api import RunContext, Runnable, TaskFailed

_WAY_OUT = "write a map, or a list of {key, value}"


class Labels(Runnable):
    """Add labels to the execution, or change those of the same keys."""

    type_name = "io.kestra.plugin.core.execution.Labels"
    aliases = ("io.kestra.core.tasks.executions.Labels",)
    effects: ClassVar[bool] = False

    labels: Dynamic[dict[str, Any] | list[Any] | str] = Field(
        description="The labels: a map, a list of {key, value}, or the JSON text of one of them."
    )

    async def run(self, ctx: RunContext) -> None:
        """Merge them into the execution's.

        Raises:
            TaskFailed: for what are no labels, and for labels of the system.
        """
        labels = self.labels
        if isinstance(labels, str):
            try:
                labels = json.loads(labels)
            except (ValueError, RecursionError):
                message = f"`labels` is {labels[:100]!r}, which is no JSON; {_WAY_OUT}"
                raise TaskFailed(message) from None
        await ctx.label(dict(_pairs(labels)))


def _pairs(labels: Any) -> Iterable[tuple[str, str]]:
    if isinstance(labels, Mapping):
        entries = list(labels.items())
    elif isinstance(labels, list) and all(isinstance(each, Mapping) for each in labels):
        entries = [(each.get("key"), each.get("value")) for each in labels]
    else:
        message = f"`labels` cannot be {str(labels)[:100]!r}; {_WAY_OUT}"
        raise TaskFailed(message)
    for key, value in entries:
        if not isinstance(key, str) or not key.strip():
            message = f"a label has the key {key!r}; it must be a text"
            raise TaskFailed(message)
        if not isinstance(value, str | int | float):
            message = f"the label {key} has the value {value!r}; it must be a text"
            raise TaskFailed(message)
        yield key, scalar_text(value)
