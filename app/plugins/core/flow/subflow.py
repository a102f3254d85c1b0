"""`core.flow.Subflow`: another flow as a step of this one."""

from typing import Any, ClassVar

from pydantic import Field

from app.executions import State
from app.flows.model import Labels, label_map
from app.flows.typed import outdated
from app.flows.values import Text
from app.plugins.api import Flowable, SubflowCall, SubflowResult, TaskFailed, Walker

_TRANSMITTED = frozenset({State.FAILED, State.KILLED, State.WARNING, State.CANCELLED})


class Subflow(Flowable):
    """Start another flow and, unless told otherwise, wait for its end."""

    type_name = "io.kestra.plugin.core.flow.Subflow"
    aliases = (
        "io.kestra.core.tasks.flows.Subflow",
        "io.kestra.core.tasks.flows.Flow",
        "io.kestra.plugin.core.flow.Flow",
    )
    attempts: ClassVar[bool] = True
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
    outputs: dict[str, Any] | None = Field(
        None,
        json_schema_extra=outdated("declare outputs in the flow that is called"),
        description="Outputs to read from the execution.",
    )

    async def walk(self, walker: Walker) -> State:
        """Start the flow, wait for it, take over its state and outputs.

        Raises:
            TaskFailed: for a `scheduleDate`: starting at once is not what was asked for.
        """
        if self.schedule_date is not None:
            message = "scheduleDate: executions cannot be started at a later time yet; leave it out"
            raise TaskFailed(message)
        if self.outputs:
            walker.log("WARN", "`outputs` is not read: declare outputs in the flow that is called")
        result = await walker.call(await self._call(walker))
        state = _state(result, transmit=self.transmit_failed)
        outputs: dict[str, Any] = {"executionId": result.execution_id, "state": result.state.value}
        if result.outputs:
            outputs["outputs"] = dict(result.outputs)
        walker.output(outputs)
        return state

    async def _call(self, walker: Walker) -> SubflowCall:
        labels = await walker.render(label_map(self.labels))
        return SubflowCall(
            namespace=await walker.render(self.namespace),
            flow_id=await walker.render(self.flow_id),
            revision=self.revision,
            inputs=await walker.render(self.inputs),
            labels=labels,
            inherit_labels=self.inherit_labels,
            wait=self.wait,
        )


def _state(result: SubflowResult, *, transmit: bool) -> State:
    if transmit and result.state in _TRANSMITTED:
        return State.FAILED if result.state is State.CANCELLED else result.state
    return State.SUCCESS
