"""What `headwater flow` does besides: validate files, draw graphs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from app.cli.client import Client
from app.cli.numbers import Revision
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import FAILED, OK, USAGE, CommandError
from app.cli.printing import Table, clean, show

Name = Annotated[str, Parameter(help="The flow: NAMESPACE ID, or NAMESPACE.ID.")]


def validate(
    *files: Annotated[Path, Parameter(help="Files, each of one flow or several.")],
    options: Options = DEFAULTS,
) -> int:
    """Let the service validate flow files; exit 1 when one is wrong; see also `check`."""
    if not files:
        message = "name the files to validate"
        raise CommandError(message, USAGE)
    rows, results = [], []
    with Client(options) as client:
        for file in files:
            found = _validated(client, file)
            results += [{"file": str(file), **each} for each in found]
            rows += [_row(file, each) for each in found]
    headings = ("FILE", "FLOW", "RESULT", "WHY")
    names = [f"{each.get('namespace')}.{each.get('flow')}" for each in results]
    show(results, options.output, names=names, table=Table(headings, rows))
    return FAILED if any("constraints" in each for each in results) else OK


def _validated(client: Client, file: Path) -> list[dict[str, Any]]:
    """Return what the service says of the flows in a file: at least that it holds none."""
    content, wrong = _read(file), "The file holds no flow"
    try:
        content.decode()
        found = client.answered("POST", client.path("flows", "validate"), content=content)
    except UnicodeDecodeError:
        found, wrong = [], "The file is not UTF-8"
    return found or [{"constraints": wrong, "warnings": [], "infos": [], "outdated": False}]


def _row(file: Path, verdict: dict[str, Any]) -> tuple[str, ...]:
    flow = f"{verdict.get('namespace') or '?'}.{verdict.get('flow') or '?'}"
    wrong = verdict.get("constraints")
    remarks = "; ".join([*verdict["warnings"], *verdict["infos"]])
    result = "invalid" if wrong else "outdated" if verdict["outdated"] else "valid"
    return str(file), flow, result, str(wrong or remarks).replace("\n", "; ")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        message = f"cannot read {file}: {error.strerror}"
        raise CommandError(message, USAGE) from None


def graph(
    *name: Name,
    revision: Revision = None,
    options: Options = DEFAULTS,
) -> None:
    """Print the graph of a flow for Graphviz (`… | dot -Tsvg`); with `-o json` as it is."""
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        path = client.path("flows", namespace, flow_id, "graph")
        found = client.get(path, {"revision": revision})
    if options.output == "table":
        print("\n".join(_dot(f"{namespace}.{flow_id}", found)))
        return
    names = [node["uid"] for node in found["nodes"]]
    show(found, options.output, names=names, table=Table((), ()))


_SHAPES = {"GraphClusterRoot": "point", "GraphClusterEnd": "point", "GraphTrigger": "cds"}


def _dot(name: str, graph: dict[str, Any]) -> list[str]:
    """Return a graph in the language of Graphviz; clusters lie inside each other."""
    nodes = {node["uid"]: node for node in graph["nodes"]}
    lines = [f"digraph {_quoted(name)} {{", "  node [shape=box, style=rounded];"]
    inside = {uid for cluster in graph["clusters"] for uid in cluster["nodes"]}
    lines += [_dot_node(node) for uid, node in nodes.items() if uid not in inside]
    by_parent: dict[str, list[Any]] = {}
    for cluster in graph["clusters"]:
        by_parent.setdefault((cluster["parents"] or [""])[-1], []).append(cluster)
    lines += _dot_clusters("", by_parent, nodes)
    for edge in graph["edges"]:
        relation = edge["relation"]
        label = relation.get("value") or (
            relation["relationType"].lower() if relation.get("relationType") == "ERROR" else ""
        )
        shown = f" [label={_quoted(label)}]" if label else ""
        lines.append(f"  {_quoted(edge['source'])} -> {_quoted(edge['target'])}{shown};")
    return [*lines, "}"]


def _dot_clusters(parent: str, by_parent: dict[str, list[Any]], nodes: dict[str, Any]) -> list[str]:
    lines = []
    for cluster in by_parent.get(parent, ()):
        uid = cluster["cluster"]["uid"]
        lines.append(f"  subgraph {_quoted(uid)} {{ label={_quoted(uid.rpartition('.')[2])};")
        lines += [_dot_node(nodes[each]) for each in cluster["nodes"]]
        lines += [*_dot_clusters(uid, by_parent, nodes), "  }"]
    return lines


def _dot_node(node: dict[str, Any]) -> str:
    shape = _SHAPES.get(node["type"].rpartition(".")[2])
    about = node.get("task") or node.get("triggerDeclaration") or {}
    label = about.get("id", "")
    shown = f", shape={shape}" if shape else ""
    return f"  {_quoted(node['uid'])} [label={_quoted(label)}{shown}];"


def _quoted(text: str) -> str:
    escaped = clean(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


COMMANDS: Mapping[str, Callable[..., Any]] = {
    "validate": validate,
    "graph": graph,
}
"""The commands by name."""
