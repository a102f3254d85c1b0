"""`core.output.OutputValues`: outputs that the flow names itself (reference §2.3)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable


class OutputValues(Runnable):
    """Give values out under names of your own. Outputs: `values`, in the shape they are given."""

    type_name = "io.kestra.plugin.core.output.OutputValues"
    effects: ClassVar[bool] = False

    values: Dynamic[dict[str, Any]] | None = Field(
        None, description="The values; texts in them are rendered, however deep."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:  # noqa: ARG002 - the API's signature
        """Return the values."""
        return {"values": self.values or {}}
