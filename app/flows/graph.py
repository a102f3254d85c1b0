"""The graph of a flow as Kestra draws it: nodes, edges, and clusters of what belongs together.

A flowable is a cluster: a start, the task itself, its children, an end. Paths of clusters are the
ids of the tasks around, beginning with `root`. With task runs, each round of a loop is drawn.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from app.flows.tasks import Task
from app.flows.triggers import Trigger

Relation = Literal[
    "SEQUENTIAL", "CHOICE", "ERROR", "FINALLY", "AFTER_EXECUTION", "PARALLEL", "DYNAMIC"
]
NodeKind = Literal[
    "GraphTask", "SubflowGraphTask", "GraphTrigger", "GraphClusterRoot", "GraphClusterEnd",
    "GraphClusterFinally", "GraphClusterAfterExecution",
]  # fmt: skip


class Run(NamedTuple):
    """A task run, as far as the graph knows it; `data` is whatever the caller wants to find."""

    key: Hashable
    task: str
    round: int
    value: str | None
    data: Any


Runs = Mapping[Hashable, Sequence[Run]]
"""The task runs below each task run, by its key; those of the flow itself are under `None`."""


@dataclass(slots=True)
class Node:
    """A node of the graph."""

    uid: str
    kind: NodeKind
    task: Task | None = None
    trigger: Trigger | None = None
    relation: Relation | None = None
    branch: Relation | None = None
    run: Run | None = None
    values: tuple[str, ...] = ()


@dataclass(slots=True)
class Edge:
    """An edge from one node to another, both by uid."""

    source: str
    target: str
    relation: Relation | None = None
    value: str | None = None


@dataclass(slots=True)
class Cluster:
    """Nodes that belong together; `node` is the flowable they belong to."""

    uid: str
    path: str
    parents: tuple[str, ...]
    start: str
    end: str
    node: Node | None = None
    relation: Relation | None = None
    nodes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Graph:
    """The whole graph; what is outermost is in no cluster."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    flowables: list[str] = field(default_factory=list)


def subflow_nodes(graph: Graph) -> Iterator[Node]:
    """Yield the nodes that could be drawn as the flow they start."""
    return (node for node in graph.nodes if node.kind == "SubflowGraphTask")
