"""The graph of a flow: nodes, edges and clusters as Kestra counts them."""

import textwrap

from app.flows.drawing import flow_graph
from app.flows.graph import Edge, Graph, Run, subflow_nodes
from app.flows.model import Flow
from app.flows.parse import parse_flow
from app.plugins.registry import Registry

TYPES = Registry.load()
LOG = "type: io.kestra.plugin.core.log.Log, message: m"
FLOW = "io.kestra.plugin.core.flow"


def flow(body: str, flow_id: str = "f") -> Flow:
    parsed = parse_flow(f"id: {flow_id}\nnamespace: n\n{textwrap.dedent(body)}", types=TYPES)
    assert parsed.flow is not None, parsed.errors
    return parsed.flow


def counts(graph: Graph) -> tuple[int, int, int]:
    return len(graph.nodes), len(graph.edges), len(graph.clusters)


def edge(graph: Graph, source: str, target: str) -> Edge:
    return next(e for e in graph.edges if (e.source, e.target) == (source, target))


def check(graph: Graph) -> None:
    """Hold every graph to what must always be so."""
    uids = [node.uid for node in graph.nodes]
    assert len(set(uids)) == len(uids)
    known = set(uids)
    assert all(e.source in known and e.target in known for e in graph.edges)
    assert all(set(c.nodes) <= known and {c.start, c.end} <= known for c in graph.clusters)


def test_tasks_follow_each_other() -> None:
    graph = flow_graph(flow(f"tasks: [{{id: a, {LOG}}}, {{id: b, {LOG}}}]"))
    check(graph)
    assert [(e.source, e.target, e.relation) for e in graph.edges] == [
        ("root.start", "root.a", None),
        ("root.a", "root.b", "SEQUENTIAL"),
        ("root.b", "root.end", None),
    ]


def test_a_group_with_its_errors() -> None:
    graph = flow_graph(
        flow(f"""
        tasks:
          - id: s
            type: {FLOW}.Sequential
            tasks: [{{id: a, {LOG}}}, {{id: b, {LOG}}}]
            errors: [{{id: e, {LOG}}}]
        errors: [{{id: x, {LOG}}}]
        """)
    )
    check(graph)
    assert counts(graph) == (9, 10, 1)
    assert edge(graph, "root.s", "root.s.e").relation == "ERROR"
    assert edge(graph, "root.start", "root.x").relation == "ERROR"
    assert graph.clusters[0].uid == "cluster_root.s"
    assert graph.flowables == ["s"]
    assert next(node for node in graph.nodes if node.uid == "root.s.e").branch == "ERROR"


def test_choices_have_their_values() -> None:
    graph = flow_graph(
        flow(f"""
        tasks:
          - id: w
            type: {FLOW}.Switch
            value: x
            cases: {{A: [{{id: a, {LOG}}}], B: [{{id: b, {LOG}}}]}}
            defaults: [{{id: d, {LOG}}}]
          - id: i
            type: {FLOW}.If
            condition: "true"
            then: [{{id: t, {LOG}}}]
            else: [{{id: o, {LOG}}}]
        """)
    )
    check(graph)
    assert edge(graph, "root.w", "root.w.a").value == "A"
    assert edge(graph, "root.w", "root.w.d").value == "defaults"
    assert edge(graph, "root.i", "root.i.o").value == "else"
    assert edge(graph, "root.i", "root.i.t").relation == "CHOICE"


def test_parallel_tasks_all_lead_to_the_end() -> None:
    graph = flow_graph(
        flow(
            f"""
            tasks:
              - id: p
                type: {FLOW}.Parallel
                tasks: [{{id: a, {LOG}}}, {{id: b, {LOG}}}]
            """
        )
    )
    check(graph)
    assert edge(graph, "root.p", "root.p.b").relation == "PARALLEL"
    assert edge(graph, "root.p.a", "root.p.end").relation is None
    assert edge(graph, "root.p.b", "root.p.end").relation is None


def test_what_comes_after() -> None:
    graph = flow_graph(
        flow(f"""
        tasks: [{{id: a, {LOG}}}]
        errors: [{{id: e, {LOG}}}]
        finally: [{{id: f, {LOG}}}]
        afterExecution: [{{id: z, {LOG}}}]
        """)
    )
    check(graph)
    assert [node.kind for node in graph.nodes if "Cluster" in node.kind][2:] == [
        "GraphClusterFinally",
        "GraphClusterAfterExecution",
    ]
    assert edge(graph, "root.e", "root.finally")
    assert edge(graph, "root.finally", "root.f").relation == "FINALLY"
    assert edge(graph, "root.z", "root.end")


def test_triggers_come_before() -> None:
    cron = "type: io.kestra.plugin.core.trigger.Schedule, cron: '@daily'"
    graph = flow_graph(
        flow(f"tasks: [{{id: a, {LOG}}}]\ntriggers: [{{id: t, {cron}}}, {{id: u, {cron}}}]")
    )
    check(graph)
    assert counts(graph) == (7, 7, 1)
    assert edge(graph, "root.Triggers.end", "root.start")


def test_subflows_are_one_node_or_all_of_theirs() -> None:
    outer = flow(f"tasks: [{{id: s, type: {FLOW}.Subflow, namespace: n, flowId: inner}}]")
    inner = flow(f"tasks: [{{id: a, {LOG}}}, {{id: b, {LOG}}}]", "inner")
    graph = flow_graph(outer)
    assert [node.uid for node in subflow_nodes(graph)] == ["root.s"]
    assert counts(graph) == (3, 2, 0)
    whole = flow_graph(outer, expand=lambda uid, _: inner if uid == "root.s" else None)
    check(whole)
    assert counts(whole) == (7, 6, 1)
    assert edge(whole, "root.s", "root.s.a")


def test_rounds_of_an_execution() -> None:
    loop = flow(
        f"tasks: [{{id: l, type: {FLOW}.ForEach, values: [x, y], tasks: [{{id: a, {LOG}}}]}}]"
    )
    runs = {
        None: [Run("/l", "l", -1, None, 1)],
        "/l": [Run("/l[0]/a", "a", 0, "x", 2), Run("/l[1]/a", "a", 1, "y", 3)],
    }
    graph = flow_graph(loop, runs)
    check(graph)
    drawn = [(node.uid, node.run.data, node.values) for node in graph.nodes if node.run]
    assert drawn == [("root.l", 1, ()), ("root.l.a", 2, ("x",)), ("root.l.a-y", 3, ("y",))]
    assert edge(graph, "root.l", "root.l.a-y").value == "y"
