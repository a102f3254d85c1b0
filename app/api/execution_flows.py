"""The flow of an execution: what it ran, drawn as a graph; and which flows can be executed."""

from collections.abc import Sequence
from typing import Any

from fastapi import Depends
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.documents import answers_with, problems_of
from app.api.flow_json import flow_json
from app.api.flow_lookup import Key, existing, flows_of
from app.api.granted import Granted
from app.api.graphs import Subflows, drawn, runs_of
from app.api.paths import PREFIX, ExecutionId, FlowId, Namespace, Tenant
from app.api.query import known_keys
from app.api.result_documents import GraphDocument
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.status import owned
from app.errors import Conflict
from app.executions import Execution
from app.flows.model import Task
from app.ports import FlowRevision, LoadedFlow

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/executions",
    tags=["Executions"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)


async def loaded_for(node: Services, execution: Execution) -> LoadedFlow:
    """Return the flow that an execution runs.

    Raises:
        NotFound, Conflict: when its revision is not kept, or cannot be read any more.
    """
    where = (execution.tenant, execution.namespace, execution.flow_id)
    return await node.flows.at(*where, revision=execution.revision)


@router.get(
    "/{execution_id}/graph",
    summary="The graph of an execution",
    responses=answers_with(GraphDocument),
)
@needs(Permission.EXECUTION_READ)
async def graph(
    right: Granted,
    execution_id: ExecutionId,
    node: Node,
    subflows: Subflows = [],  # noqa: B006
) -> Response:
    """Draw the flow of an execution with its task runs."""
    execution = await owned(node, right, execution_id)
    flows = right.to(Permission.FLOW_READ)
    flows.permit(execution.namespace, f"execution {execution_id}")
    loaded = await loaded_for(node, execution)
    data = right.data(execution.namespace)
    runs = runs_of(execution, node.clock.now(), data=data)
    return Json(await drawn(node, flows, loaded, subflows, runs))


@router.get("/{execution_id}/flow", summary="The flow of an execution, as forms need it")
@needs(Permission.EXECUTION_READ)
async def flow_of(right: Granted, execution_id: ExecutionId, node: Node) -> Response:
    """Answer with what an execution ran."""
    execution = await owned(node, right, execution_id)
    right.to(Permission.FLOW_READ).permit(execution.namespace, f"execution {execution_id}")
    return Json(for_execution(await loaded_for(node, execution)))


@router.get("/flows/{namespace}/{flow_id}", summary="A flow, as forms need it")
@needs(Permission.EXECUTION_CREATE)
async def flow(
    tenant: Tenant, namespace: Namespace, flow_id: FlowId, node: Node, revision: int | None = None
) -> Response:
    """Answer with a flow as it is shown before it is executed."""
    key = Key(tenant, namespace, flow_id)
    current = existing(node, key)
    if revision is None:
        return Json(for_execution(await node.flows.load(current)))
    return Json(for_execution(await node.flows.at(*key, revision=revision)))


@router.get("/namespaces", summary="Namespaces with flows to execute")
@needs(Permission.EXECUTION_CREATE)
async def namespaces(right: Granted, node: Node) -> Response:
    """List the namespaces that have flows to execute, in order."""
    return Json(sorted({each.namespace for each in flows_of(node, right)}))


@router.get("/namespaces/{namespace}/flows", summary="Flows of a namespace to execute")
@needs(Permission.EXECUTION_CREATE)
async def executable(tenant: Tenant, namespace: Namespace, node: Node) -> Response:
    """List the flows of one namespace that can be executed, as forms need them."""
    found = [each for each in node.flows.active(tenant) if each.namespace == namespace]
    shown = [await _loaded(node, each) for each in found]
    return Json([for_execution(each) for each in shown if each and not each.flow.disabled])


async def _loaded(node: Services, flow: FlowRevision) -> LoadedFlow | None:
    try:
        return await node.flows.current(flow.tenant, flow.namespace, flow.flow_id)
    except Conflict:
        return None  # what is pinned cannot be read


def for_execution(loaded: LoadedFlow) -> dict[str, Any]:
    """Return Kestra's `FlowForExecution`: tasks and triggers without their properties."""
    flow, body = loaded.flow, flow_json(loaded)
    for name, tasks in (
        ("tasks", flow.tasks),
        ("errors", flow.errors),
        ("finally", flow.finally_),
        ("afterExecution", flow.after_execution),
    ):
        if tasks:
            body[name] = _reduced(tasks)
    if flow.triggers:
        body["triggers"] = [{"id": each.id, "type": each.type} for each in flow.triggers]
    for name in ("pluginDefaults", "listeners", "concurrency", "retry", "sla", "checks"):
        body.pop(name, None)
    return body


def _reduced(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    return [{"id": each.id, "type": each.type} for each in tasks]
