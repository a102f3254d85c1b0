"""What people change about an execution: restart, replay, states, labels, deletion.

Each has two paths: Kestra's older one, and that of its version 2 below `actions/`.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from fastapi import Body, Depends, Query
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, nothing
from app.api.documents import EXECUTION, form_of_inputs, problems_of
from app.api.execution_files import files_of
from app.api.execution_json import restarted_json
from app.api.forms import read_form
from app.api.granted import Granted, Right
from app.api.paths import PREFIX, REVISION_RULE, ExecutionId
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.status import answer, owned
from app.api.verbs import Remains, Target, delete
from app.errors import Conflict, Invalid
from app.executions import Execution, State

MAX_LABELS = 64

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/executions",
    tags=["Executions"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 410, 422),
)

Revision = Annotated[
    str | None,
    Query(
        pattern=REVISION_RULE,
        description="The revision to go on with: `original`, `latest`, a number, or `commit:` and"
        " a commit. Without it the flow's label `system.revision`, its namespace, then its source"
        " decide.",
    ),
]
AllowDeleted = Annotated[
    bool, Query(alias="allowDeleted", description="Also when the flow was deleted.")
]
TaskRunId = Annotated[
    str | None, Query(alias="taskRunId", max_length=100, description="Where to begin.")
]
Breakpoints = Annotated[str | None, Query(description="Not possible: leave it out.")]


class NewLabel(BaseModel):
    """A label; both parts must be there. Kestra's Python SDK sends further members."""

    key: str | None = None
    value: str | None = None


NewLabels = Annotated[list[NewLabel], Body(max_length=MAX_LABELS, description="The labels.")]


class NewState(BaseModel):
    """A state for a task run."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    task_run_id: str
    state: State


_Route = TypeVar("_Route", bound=Callable[..., Any])


def _posts(verb: str, summary: str, **more: Any) -> Callable[[_Route], _Route]:
    """Register a route under both paths of a verb."""

    def register(endpoint: _Route) -> _Route:
        for path in (f"/{{execution_id}}/{verb}", f"/{{execution_id}}/actions/{verb}"):
            router.post(path, summary=summary, responses=EXECUTION, **more)(endpoint)
        return endpoint

    return register


def checked_labels(labels: Sequence[NewLabel]) -> list[tuple[str, str]]:
    """Return labels as pairs.

    Raises:
        Invalid: when a part of one is missing.
    """
    for each in labels:
        if not each.key or not each.value:
            message = "labels: each label needs a key and a value that are not empty"
            raise Invalid(message)
    return [(each.key or "", each.value or "") for each in labels]


@_posts("restart", "Restart an execution")
@needs(Permission.EXECUTION_RESTART)
async def restart(
    request: Request,
    right: Granted,
    execution_id: ExecutionId,
    node: Node,
    revision: Revision = None,
    allow_deleted: AllowDeleted = False,
) -> Response:
    """Let an execution go on from what failed; with a revision, as a new execution."""
    await owned(node, right, execution_id)
    made = await node.commands.restart(
        right.tenant, execution_id, revision, allow_deleted=allow_deleted
    )
    return await _begun(request, node, right, made)


@_posts("replay", "Replay an execution", openapi_extra=form_of_inputs("Inputs instead of its own."))
@_posts(
    "replay-with-inputs",
    "Replay an execution with other inputs",
    openapi_extra=form_of_inputs("Inputs instead of its own."),
)
@needs(Permission.EXECUTION_RESTART)
async def replay(
    request: Request,
    right: Granted,
    execution_id: ExecutionId,
    node: Node,
    task_run_id: TaskRunId = None,
    revision: Revision = None,
    breakpoints: Breakpoints = None,
    allow_deleted: AllowDeleted = False,
) -> Response:
    """Run it again as a new execution, from the beginning or from one of its task runs."""
    if breakpoints:
        message = "breakpoints: executions cannot be stopped at tasks; leave it out"
        raise Invalid(message)
    execution = await owned(node, right, execution_id)
    home = files_of(execution)
    folder = f"{home}/replay/{secrets.token_hex(4)}"
    form = await read_form(request, node.storage, folder)
    try:
        made = await node.commands.replay(
            right.tenant,
            execution_id,
            task_run_id=task_run_id,
            revision=revision,
            inputs=form.inputs or None,
            allow_deleted=allow_deleted,
        )
    except Exception:
        await node.storage.delete_prefix(folder)
        raise
    return await _begun(request, node, right, made)


@_posts("state", "Set the state of a task run")
@needs(Permission.EXECUTION_RESTART)
async def state(
    request: Request, right: Granted, execution_id: ExecutionId, body: NewState, node: Node
) -> Response:
    """End a task run in another state; the execution goes on after it."""
    execution = await owned(node, right, execution_id)
    if not execution.state.terminal:  # it ends a pause: that is for those who may resume
        right.to(Permission.EXECUTION_RESUME).permit(
            execution.namespace, f"execution {execution_id}"
        )
    made = await node.commands.change_task_run(
        right.tenant, execution_id, body.task_run_id, body.state
    )
    return await _begun(request, node, right, made)


@_posts("change-status", "Set the state of an ended execution")
@needs(Permission.EXECUTION_RESTART)
async def change_status(
    request: Request,
    right: Granted,
    execution_id: ExecutionId,
    node: Node,
    status: Annotated[State, Query(description="The state that it shall have ended in.")],
) -> Response:
    """Say that an execution ended in another state; nothing runs again."""
    await owned(node, right, execution_id)
    with _as_invalid():
        await node.commands.change_status(right.tenant, execution_id, status)
    return await _now(request, node, right, execution_id)


@_posts("unqueue", "Run a queued execution")
@needs(Permission.EXECUTION_RESUME)
async def unqueue(
    request: Request,
    right: Granted,
    execution_id: ExecutionId,
    node: Node,
    wanted: Annotated[State, Query(alias="state")] = State.RUNNING,
) -> Response:
    """Take an execution out of the queue, whatever its flow's limit says."""
    await owned(node, right, execution_id)
    with _as_invalid():
        await node.commands.unqueue(right.tenant, execution_id, state=wanted)
    return await _now(request, node, right, execution_id)


@_posts("force-run", "Run an execution that waits")
@needs(Permission.EXECUTION_RESUME)
async def force_run(
    request: Request, right: Granted, execution_id: ExecutionId, node: Node
) -> Response:
    """Let an execution go on that is created, queued or paused."""
    await owned(node, right, execution_id)
    with _as_invalid():
        await node.commands.force_run(right.tenant, execution_id)
    return await _now(request, node, right, execution_id)


@_posts("labels", "Label an ended execution")
@needs(Permission.EXECUTION_LABEL)
async def labels(
    request: Request, right: Granted, execution_id: ExecutionId, given: NewLabels, node: Node
) -> Response:
    """Set the labels; those of the system stay."""
    wanted = checked_labels(given)
    await owned(node, right, execution_id)
    await node.commands.label(right.tenant, execution_id, wanted)
    return await _now(request, node, right, execution_id)


@_posts("resume-from-breakpoint", "Not possible")
@needs(Permission.EXECUTION_RESUME)
async def resume_from_breakpoint(
    right: Granted, execution_id: ExecutionId, node: Node, breakpoints: Breakpoints = None
) -> Response:
    """Refuse: no execution ever stops at a breakpoint here."""
    del breakpoints
    await owned(node, right, execution_id)
    message = f"execution {execution_id} does not stand at a breakpoint"
    raise Conflict(message)


@router.delete("/{execution_id}", status_code=204, summary="Delete an execution")
@needs(Permission.EXECUTION_DELETE)
async def remove(
    right: Granted,
    execution_id: ExecutionId,
    node: Node,
    logs: Annotated[bool, Query(alias="deleteLogs")] = True,
    metrics: Annotated[bool, Query(alias="deleteMetrics")] = True,
    files: Annotated[bool, Query(alias="deleteStorage")] = True,
) -> Response:
    """Delete an ended execution, and what belongs to it."""
    await owned(node, right, execution_id)
    await delete(node, Target(right, execution_id), Remains(logs, metrics, files))
    return nothing()


@contextmanager
def _as_invalid() -> Iterator[None]:
    """Answer 422 where a state does not allow a verb, as Kestra does for these."""
    try:
        yield
    except Conflict as error:
        raise Invalid(error.message) from None


async def _now(request: Request, node: Services, right: Right, execution_id: str) -> Response:
    return await answer(request, node, right, await owned(node, right, execution_id))


async def _begun(request: Request, node: Services, right: Right, made: Execution) -> Response:
    """Answer with an execution as it was when it began, or began again."""
    origin = await request.app.state.origins.of(node, made)
    return Json(restarted_json(made, origin, data=right.data(made.namespace)))
