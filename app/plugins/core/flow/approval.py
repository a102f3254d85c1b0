"""`core.flow.Approval`: wait until somebody approves or denies (Kestra 2.0)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from app.executions import State
from app.flows.declarations import SelectInput, StringInput
from app.flows.model import Inputs, Model, Tasks
from app.flows.values import Duration, Dynamic, Text
from app.plugins.api import Flowable, Resumption, TaskFailed, Walker
from app.plugins.core.flow.pause import STOPS
from app.plugins.core.flow.properties import boolean, duration

APPROVED, DENIED, EXPIRED = "APPROVED", "DENIED", "EXPIRED"
_SECOND = 1_000_000

Behavior = Literal["CONTINUE", "WARN", "FAIL", "SUCCEED", "CANCEL", "KILL"]
_ENDS = {"WARN": State.WARNING, "FAIL": State.FAILED}
_EXITS = {"SUCCEED": State.SUCCESS, "CANCEL": State.CANCELLED, "KILL": State.KILLED}


class Decisions(Model):
    """What the two decisions are called when somebody is asked."""

    approve: Text = Field("Approve", description="The name of the approval.")
    deny: Text = Field("Deny", description="The name of the denial.")


class Approval(Flowable):
    """Pause the execution until somebody approves or denies it.

    It is decided by resuming the execution: the input `decision` says APPROVED (the default) or
    DENIED, `comment` may say why, and the other inputs are those that the task declares.
    """

    type_name = "io.kestra.plugin.core.flow.Approval"

    inputs: Inputs = Field(
        default_factory=list, description="Inputs that whoever decides has to give."
    )
    decisions: Decisions = Field(
        default_factory=Decisions, description="What the two decisions are called."
    )
    comment_required: Literal["NEVER", "ALWAYS", "ON_DENY", "ON_APPROVE"] = Field(
        "NEVER", description="When whoever decides has to give a comment."
    )
    auto_approve: Dynamic[bool] = Field(
        default=False, description="Whether it is approved at once, with no pause and no `onWait`."
    )
    approve_behavior: Behavior = Field(
        "CONTINUE", description="What becomes of the execution after an approval."
    )
    deny_behavior: Behavior = Field(
        "CANCEL", description="What becomes of the execution after a denial."
    )
    expire_behavior: Behavior = Field(
        "CANCEL", description="What becomes of the execution when nobody decided in time."
    )
    timeout: Dynamic[Duration] | None = Field(
        None, description="How long a decision may take; without it, for ever."
    )
    on_wait: Tasks = Field(
        default_factory=list, description="Tasks to run before the execution pauses."
    )
    on_approve: Tasks = Field(default_factory=list, description="Tasks to run after an approval.")
    on_deny: Tasks = Field(default_factory=list, description="Tasks to run after a denial.")

    @property
    def on_resume(self) -> list[Any]:
        """The inputs of whoever resumes the execution."""
        decision = SelectInput(
            id="decision", type="SELECT", values=[APPROVED, DENIED], defaults=APPROVED
        )
        comment = StringInput(id="comment", type="STRING", required=False)
        return [decision, comment, *self.inputs]

    async def walk(self, walker: Walker) -> State:
        """Wait for the decision and run what follows from it."""
        if walker.noted is None and await boolean(walker, self.auto_approve):
            walker.note({"auto": True}, {"decision": APPROVED, "auto": True, "url": _url(walker)})
        if walker.noted is not None:
            return await self._decided(walker, APPROVED)
        before = await walker.sequence(self.on_wait)
        if before in STOPS:
            return before
        after = None
        if self.timeout is not None:
            after = await duration(walker, "timeout", self.timeout)
        resumption = await walker.pause(after=after, then=State.FAILED)
        decision = self._decision(resumption)
        walker.output(_outputs(walker, resumption, decision, after))
        return await self._decided(walker, decision)

    def _decision(self, resumption: Resumption) -> str:
        if resumption.state is not State.RUNNING:
            return EXPIRED
        decision = str(resumption.inputs.get("decision") or APPROVED)
        required = {"ALWAYS": (APPROVED, DENIED), "ON_DENY": (DENIED,), "ON_APPROVE": (APPROVED,)}
        wanted = decision in required.get(self.comment_required, ())
        if wanted and not resumption.inputs.get("comment"):
            message = f"the decision {decision} needs a comment (`commentRequired`)"
            raise TaskFailed(message)
        return decision

    async def _decided(self, walker: Walker, decision: str) -> State:
        branch, behaviour = {
            APPROVED: (self.on_approve, self.approve_behavior),
            DENIED: (self.on_deny, self.deny_behavior),
            EXPIRED: ([], self.expire_behavior),
        }[decision]
        state = await walker.sequence(branch)
        if state in STOPS:
            return state
        if behaviour in _EXITS:
            raise walker.exit(_EXITS[behaviour])
        return _ENDS.get(behaviour, state)


def _outputs(
    walker: Walker, resumption: Resumption, decision: str, after: timedelta | None
) -> Mapping[str, Any]:
    own = {key: value for key, value in resumption.inputs.items() if key not in _RESERVED}
    outputs = {
        "url": _url(walker),
        "decision": decision,
        "auto": False,
        "on": _text(resumption.at),
        "by": resumption.by or None,
        "comment": resumption.inputs.get("comment"),
        "inputs": own or None,
        "due": None if after is None else str(after),
    }
    return {key: value for key, value in outputs.items() if value is not None}


_RESERVED = frozenset({"decision", "comment"})


def _text(microseconds: int) -> str:
    at = datetime.fromtimestamp(microseconds / _SECOND, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _url(walker: Walker) -> str:
    """Return the address of the execution's page, relative to the server."""
    ctx = walker.context
    return f"/ui/{ctx.tenant}/executions/{ctx.namespace}/{ctx.flow_id}/{ctx.execution_id}"
