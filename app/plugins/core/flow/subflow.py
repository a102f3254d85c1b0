"""`core.flow.Subflow`: another flow as a step of this one."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, ClassVar, Literal

from pydantic import Field

from app.errors import HeadwaterError, Invalid
from app.executions import State
from app.flows.model import Labels, label_map
from app.flows.times import parse_instant
from app.flows.typed import outdated
from app.flows.values import Text
from app.plugins.api import Flowable, SubflowCall, SubflowResult, TaskFailed, Walker

_TRANSMITTED = frozenset({State.FAILED, State.KILLED, State.WARNING})


class SubflowTask(Flowable):
    """What tasks that start another flow have in common."""

    subflow: ClassVar[bool] = True

    namespace: Text = Field(description="The namespace of the flow.")
    flow_id: Text = Field(description="The id of the flow.")
    revision: int | None = Field(None, ge=1, description="The revision; the active one if unset.")
    inputs: dict[str, Any] = Field(
        default_factory=dict, description="Inputs of the flow; texts may be expressions."
    )
    labels: Labels = Field(default_factory=list, description="Labels of the new execution.")
    wait: bool = Field(default=True, description="Whether to wait for the end of the execution.")
    transmit_failed: bool = Field(
        default=True, description="Whether its failure (or warning) is this task's."
    )
    inherit_labels: bool = Field(
        default=False, description="Whether the labels of this execution are passed on."
    )
    schedule_date: Text | None = Field(None, description="When the execution is to start.")
    restart_behavior: Literal["RETRY_FAILED", "NEW_EXECUTION"] = Field(
        "RETRY_FAILED",
        description="What a restart of this execution does: let the failed execution go on, or"
        " start a new one.",
    )

    async def made_call(
        self, walker: Walker, part: str = "", taskrun: Mapping[str, Any] | None = None
    ) -> SubflowCall:
        """Return the call with everything rendered; inputs see `taskrun` in place of their own."""
        extra = {} if taskrun is None else {"taskrun": taskrun}
        return SubflowCall(
            namespace=await walker.render(self.namespace),
            flow_id=await walker.render(self.flow_id),
            revision=self.revision,
            inputs=await walker.render(self.inputs, **extra),
            labels=await walker.render(label_map(self.labels), **extra),
            inherit_labels=self.inherit_labels,
            wait=self.wait,
            schedule_date=await self._schedule_date(walker),
            restart=self.restart_behavior == "RETRY_FAILED",
            part=part,
        )

    async def _schedule_date(self, walker: Walker) -> int | None:
        if self.schedule_date is None:
            return None
        text = str(await walker.render(self.schedule_date)).strip()
        if not text:
            return None
        try:
            at = parse_instant(text)
        except ValueError as error:
            message = f"`scheduleDate` cannot be {text!r}: {error}"
            raise Invalid(message) from None
        return int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1_000_000)

    def transmitted(self, state: State) -> State:
        """Return what the end of the execution makes of this task."""
        return state if self.transmit_failed and state in _TRANSMITTED else State.SUCCESS


class Subflow(SubflowTask):
    """Start another flow and, unless told otherwise, wait for its end."""

    type_name = "io.kestra.plugin.core.flow.Subflow"
    aliases = (
        "io.kestra.core.tasks.flows.Subflow",
        "io.kestra.core.tasks.flows.Flow",
        "io.kestra.plugin.core.flow.Flow",
    )
    attempts: ClassVar[bool] = True

    outputs: dict[str, Any] | None = Field(
        None,
        json_schema_extra=outdated("declare outputs in the flow that is called"),
        description="Outputs to take out of the execution: expressions, evaluated there.",
    )

    async def walk(self, walker: Walker) -> State:
        """Start the flow, wait for it, take over its state and outputs."""
        result = await walker.call(await self.made_call(walker))
        outputs: dict[str, Any] = {"executionId": result.execution_id, "state": result.state.value}
        walker.output(outputs)
        if not self.wait:
            return State.SUCCESS
        if found := await self._outputs(walker, result):
            walker.output({"outputs": found})
        return self.transmitted(result.state)

    async def _outputs(self, walker: Walker, result: SubflowResult) -> dict[str, Any]:
        found = dict(result.outputs or {})
        if not self.outputs:
            return found
        try:
            return {**found, **await walker.render_in(result.execution_id, self.outputs)}
        except HeadwaterError as error:
            message = f"Failed to extract outputs with the error: {error.message}"
            raise TaskFailed(message) from error
