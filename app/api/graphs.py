"""Graphs of flows as JSON, in Kestra's form; subflows are drawn as a whole on demand."""

import re
from collections.abc import Hashable, Sequence
from typing import Annotated, Any

from fastapi import Query

from app.api.execution_json import task_run_json
from app.api.granted import Right
from app.api.services import Services
from app.errors import Conflict, Gone, NotFound
from app.executions import ROOT, Execution, TaskRun
from app.flows.drawing import flow_graph
from app.flows.dump import dump
from app.flows.graph import Cluster, Edge, Graph, Node, Run, Runs, subflow_nodes
from app.flows.model import Flow, Task
from app.ports import LoadedFlow

MAX_SUBFLOWS = 50

Subflows = Annotated[
    list[str],
    Query(max_length=MAX_SUBFLOWS, description="Uids of subflow nodes to draw as a whole."),
]

_PACKAGE = "io.kestra.core.models.hierarchies."
_ROUND = re.compile(r"\[(\d+)\]/[^/]+$")


async def drawn(
    node: Services,
    right: Right,
    loaded: LoadedFlow,
    subflows: Sequence[str] = (),
    runs: Runs | None = None,
) -> dict[str, Any]:
    """Return the graph of a flow; the subflow nodes that are named become clusters.

    `right` is to read flows: a subflow that is out of its reach stays a node.
    """
    return await drawn_flow(node, right, loaded.flow, subflows, runs)


async def drawn_flow(
    node: Services,
    right: Right,
    flow: Flow,
    subflows: Sequence[str] = (),
    runs: Runs | None = None,
) -> dict[str, Any]:
    """As `drawn`, for a flow that need not be stored."""
    wanted = set(subflows)
    known: dict[str, Flow] = {}

    def expanded(uid: str, _: Task) -> Flow | None:
        return known.get(uid)

    graph = flow_graph(flow, runs, expanded)
    while wanted:
        found = [each for each in subflow_nodes(graph) if each.uid in wanted]
        wanted -= {each.uid for each in found}
        loaded = {each.uid: await _called(node, right, each.task) for each in found}
        fresh = {uid: inner for uid, inner in loaded.items() if inner is not None}
        if not fresh:
            break
        known |= fresh
        graph = flow_graph(flow, runs, expanded)
    return graph_json(graph)


async def _called(node: Services, right: Right, task: Task | None) -> Flow | None:
    """Return the flow that a task starts, None when it is not there or an expression names it."""
    where = (str(getattr(task, "namespace", "")), str(getattr(task, "flow_id", "")))
    if not right.holds(where[0]):
        return None
    try:
        return (await node.flows.current(right.tenant, *where)).flow
    except (NotFound, Gone, Conflict):
        return None


def runs_of(execution: Execution, now: int, *, data: bool = True) -> Runs:
    """Return the task runs of an execution as the drawing looks for them."""
    found: dict[Hashable, list[Run]] = {}
    for run in execution.task_runs.values():
        parent = None if run.parent == ROOT else run.parent
        body = task_run_json(execution, run, now, data=data)
        found.setdefault(parent, []).append(
            Run(run.path, run.task, _round(run), run.value if data else None, body)
        )
    return found


def _round(run: TaskRun) -> int:
    match = _ROUND.search(run.path)
    return int(match[1]) if match else -1


# -- JSON ------------------------------------------------------------------------------------------


def graph_json(graph: Graph) -> dict[str, Any]:
    """Return Kestra's `FlowGraph`."""
    return {
        "nodes": [_node(each) for each in graph.nodes],
        "edges": [_edge(each) for each in graph.edges],
        "clusters": [_cluster(each) for each in graph.clusters],
        "flowables": graph.flowables,
    }


def _node(node: Node) -> dict[str, Any]:
    body: dict[str, Any] = {"uid": node.uid, "type": f"{_PACKAGE}{node.kind}"}
    if node.task is not None:
        body["task"] = dump(node.task)
    if node.trigger is not None:
        body["triggerDeclaration"] = dump(node.trigger)
    body |= _present(
        relationType=node.relation,
        branchType=node.branch,
        values=list(node.values) or None,
        taskRun=node.run.data if node.run else None,
    )
    return body


def _edge(edge: Edge) -> dict[str, Any]:
    relation = _present(relationType=edge.relation, value=edge.value)
    return {"source": edge.source, "target": edge.target, "relation": relation}


def _cluster(cluster: Cluster) -> dict[str, Any]:
    about: dict[str, Any] = {"uid": cluster.uid, "type": f"{_PACKAGE}GraphCluster"}
    if cluster.node is not None:
        about["taskNode"] = _node(cluster.node)
    return {
        "cluster": about | _present(relationType=cluster.relation),
        "nodes": cluster.nodes,
        "parents": list(cluster.parents),
        "start": cluster.start,
        "end": cluster.end,
    }


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
