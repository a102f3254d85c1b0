"""Drawing the graph of a flow: from the tasks and their branches to nodes and edges."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from app.flows.branches import Branch, branches
from app.flows.flow import Flow
from app.flows.graph import Cluster, Edge, Graph, Node, NodeKind, Relation, Run, Runs
from app.flows.tasks import Task

MAX_ROUNDS = 100
"""Most rounds of one loop that are drawn."""

ROOT = "root"
_LASTING = frozenset({"ERROR", "FINALLY", "AFTER_EXECUTION"})
"""Relations that hold for all edges of a list, not only for the first."""

Expand = Callable[[str, Task], Flow | None]
"""Returns the flow that the subflow task with this uid is to be drawn as, None for one node."""


def flow_graph(flow: Flow, runs: Runs | None = None, expand: Expand | None = None) -> Graph:
    """Return the graph of a flow, with the task runs of an execution if they are given."""
    drawing = _Drawing(runs, expand or (lambda *_: None))
    root = Cluster("", ROOT, (), f"{ROOT}.start", f"{ROOT}.end")
    drawing.ends(root)
    drawing.flow(flow, root, root.start)
    return drawing.graph


_After = list[tuple[Sequence[Task], Relation]]
"""Lists of tasks that come after the others, each with its relation."""

GATES: Mapping[Relation, NodeKind] = {
    "FINALLY": "GraphClusterFinally",
    "AFTER_EXECUTION": "GraphClusterAfterExecution",
}


class _Place(NamedTuple):
    """Where a list of tasks is drawn: whose children it holds, in which round of a loop."""

    cluster: Cluster
    key: Hashable = None
    round: int | None = None
    values: tuple[str, ...] = ()
    branch: Relation | None = None


class _Drawing:
    """Draws one graph."""

    def __init__(self, runs: Runs | None, expand: Expand) -> None:
        self.graph = Graph()
        self._runs = runs
        self._expand = expand
        self._uids: set[str] = set()

    def ends(self, cluster: Cluster) -> None:
        """Draw the start and the end of a cluster."""
        self._add(cluster, Node(cluster.start, "GraphClusterRoot"))
        self._add(cluster, Node(cluster.end, "GraphClusterEnd"))

    def flow(self, flow: Flow, cluster: Cluster, source: str) -> None:
        """Draw a flow into a cluster: its triggers, and its tasks from the node `source` on."""
        if flow.triggers:
            self._triggers(flow, cluster)
        place = _Place(cluster)
        exits = self._list(place, flow.tasks, [source], None)
        after: _After = [(flow.finally_, "FINALLY"), (flow.after_execution, "AFTER_EXECUTION")]
        self._rest(place, flow.errors, after, exits, source)

    def _rest(
        self,
        place: _Place,
        errors: Sequence[Task],
        after: _After,
        exits: list[str],
        source: str,
    ) -> None:
        """Draw what comes after the tasks of a cluster, and lead everything to its end."""
        if errors:
            exits += self._list(place, errors, [source], "ERROR")
        cluster = place.cluster
        for tasks, relation in after:
            if tasks:
                gate = self._add(
                    cluster, Node(f"{cluster.path}.{relation.lower()}", GATES[relation])
                )
                self._link(exits, gate.uid)
                exits = self._list(place, tasks, [gate.uid], relation)
        self._link(exits, cluster.end)

    def _triggers(self, flow: Flow, owner: Cluster) -> None:
        path = f"{owner.path}.Triggers"
        cluster = Cluster(f"cluster_{path}", path, _around(owner), f"{path}.start", f"{path}.end")
        self.graph.clusters.append(cluster)
        self.ends(cluster)
        for trigger in flow.triggers:
            uid = f"{path}.{trigger.id}"
            self._add(cluster, Node(uid, "GraphTrigger", trigger=trigger))
            self._link([cluster.start], uid)
            self._link([uid], cluster.end)
        self._link([cluster.end], owner.start)

    def _list(
        self,
        place: _Place,
        tasks: Sequence[Task],
        sources: list[str],
        relation: Relation | None,
        value: str | None = None,
    ) -> list[str]:
        """Draw tasks one after another; return the nodes that lead on."""
        inner = place._replace(branch=relation) if relation in _LASTING else place
        for task in tasks:
            entry, exit_ = self._task(inner, task, relation)
            self._link(sources, entry, relation, value)
            sources = [exit_]
            relation, value = (relation if relation in _LASTING else "SEQUENTIAL"), None
        return sources

    def _task(self, place: _Place, task: Task, relation: Relation | None) -> tuple[str, str]:
        """Draw one task; return the nodes that lead to it and on from it."""
        run = self._run(place, task)
        values = (*place.values, run.value) if run and run.value is not None else place.values
        uid = self._unique(f"{place.cluster.path}.{task.id}", values)
        node = Node(uid, "GraphTask", task, None, relation, place.branch, run, values)
        inner = self._expand(uid, task) if task.subflow else None
        if inner is None and (task.subflow or not any(branches(task))):
            if task.subflow:
                node.kind = "SubflowGraphTask"
            self._add(place.cluster, node)
            return uid, uid
        return self._cluster(place, node, task, inner)

    def _cluster(
        self, place: _Place, node: Node, task: Task, inner: Flow | None
    ) -> tuple[str, str]:
        path = node.uid
        found = [] if inner is not None else list(branches(task))
        cluster = Cluster(
            f"cluster_{path}",
            path,
            _around(place.cluster),
            f"{path}.start",
            f"{path}.end",
            node,
            found[0].relation if found else None,
        )
        self.graph.clusters.append(cluster)
        self.graph.flowables.append(task.id)
        self.ends(cluster)
        self._add(cluster, node)
        self._link([cluster.start], node.uid)
        if inner is not None:
            self.flow(inner, cluster, node.uid)
            return cluster.start, cluster.end
        key = node.run.key if node.run else object()
        below = _Place(cluster, key, None, node.values, place.branch)
        exits = [exit_ for branch in found for exit_ in self._branch(below, branch, node.uid)]
        after: _After = [(getattr(task, "finally_", ()), "FINALLY")]
        self._rest(below, getattr(task, "errors", ()), after, exits, node.uid)
        return cluster.start, cluster.end

    def _branch(self, place: _Place, branch: Branch, source: str) -> list[str]:
        if branch.needs is not None:
            return self._dag(place, branch, source)
        if branch.relation == "PARALLEL":
            drawn = [self._list(place, [task], [source], "PARALLEL") for task in branch.tasks]
            return [exit_ for exits in drawn for exit_ in exits]
        if branch.relation != "DYNAMIC":
            return self._list(place, branch.tasks, [source], branch.relation, branch.value)
        drawn = [
            self._list(place._replace(round=number), branch.tasks, [source], "DYNAMIC", value)
            for number, value in self._rounds(place)
        ]
        return [exit_ for exits in drawn for exit_ in exits]

    def _dag(self, place: _Place, branch: Branch, source: str) -> list[str]:
        needs = branch.needs or {}
        drawn = {task.id: self._task(place, task, "PARALLEL") for task in branch.tasks}
        for name, (entry, _) in drawn.items():
            known = [drawn[each][1] for each in needs.get(name, ()) if each in drawn]
            self._link(known or [source], entry, "SEQUENTIAL" if known else "PARALLEL")
        needed = {each for names in needs.values() for each in names}
        return [exit_ for name, (_, exit_) in drawn.items() if name not in needed]

    # -- task runs ------------------------------------------------------------------------------

    def _below(self, place: _Place) -> Sequence[Run]:
        return () if self._runs is None else self._runs.get(place.key, ())

    def _run(self, place: _Place, task: Task) -> Run | None:
        for run in self._below(place):
            if run.task == task.id and place.round in (None, run.round):
                return run
        return None

    def _rounds(self, place: _Place) -> list[tuple[int | None, str | None]]:
        """Return numbers and values of the rounds; one that stands for all if none is known."""
        found = {run.round: run.value for run in self._below(place) if run.round >= 0}
        return [(number, found[number]) for number in sorted(found)[:MAX_ROUNDS]] or [(None, None)]

    # -- parts ----------------------------------------------------------------------------------

    def _add(self, cluster: Cluster, node: Node) -> Node:
        self.graph.nodes.append(node)
        cluster.nodes.append(node.uid)
        return node

    def _link(
        self,
        sources: Sequence[str],
        target: str,
        relation: Relation | None = None,
        value: str | None = None,
    ) -> None:
        self.graph.edges.extend(Edge(source, target, relation, value) for source in sources)

    def _unique(self, uid: str, values: tuple[str, ...]) -> str:
        if self._runs is not None and values and uid in self._uids:
            uid = f"{uid}-{'-'.join(values)}"
        plain, number = uid, 1
        while uid in self._uids:
            number += 1
            uid = f"{plain}-{number}"
        self._uids.add(uid)
        return uid


def _around(cluster: Cluster) -> tuple[str, ...]:
    """Return the uids of the clusters around what lies in a cluster, outermost first."""
    return (*cluster.parents, cluster.uid) if cluster.uid else ()
