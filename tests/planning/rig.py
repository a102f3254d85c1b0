"""Trees in memory, and short ways to write flows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.git.layout import Layout
from app.plugins.registry import Registry
from app.sync.findings import Found
from app.sync.planning.changes import FlowChange
from app.sync.planning.files import GivenFiles
from app.sync.planning.memory import Memory
from app.sync.planning.plan import ChangePlan, make_change_plan
from app.sync.planning.tree import TreeView

TYPES = Registry.load()
SPACE = "tenants/main/namespaces/company.team"
FLOWS = f"{SPACE}/flows"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOG = "{id: say, type: io.kestra.plugin.core.log.Log, message: hello}"


def flow(name: str, *tasks: str, **parts: str) -> str:
    """A flow with tasks in YAML's flow style; `parts` are further properties."""
    lines = [f"id: {name}", "tasks:", *(f"  - {task}" for task in tasks or (LOG,))]
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in parts.items())]) + "\n"


def call(target: str, task: str = "call", **given: str) -> str:
    inputs = ", ".join(f"{name}: {value}" for name, value in given.items())
    namespace, _, flow_id = target.rpartition(".")
    return (
        f"{{id: {task}, type: io.kestra.plugin.core.flow.Subflow, "
        f"namespace: {namespace or 'company.team'}, flowId: {flow_id}, inputs: {{{inputs}}}}}"
    )


def view(files: Mapping[str, str | bytes], label: str = "", **options: Any) -> TreeView:
    data = {
        path: content.encode() if isinstance(content, str) else content
        for path, content in files.items()
    }
    return TreeView(GivenFiles(data), options.get("layout", Layout()), Memory(TYPES), label=label)


def planned(before: Mapping[str, str] | None, after: Mapping[str, str]) -> ChangePlan:
    base = None if before is None else view(before, "base")
    return make_change_plan(base, view(after, "head"), now=NOW)


def changed(plan: ChangePlan, name: str) -> FlowChange:
    """The change of the flow of an id."""
    found = [each for each in plan.flows if each.key[2] == name]
    assert len(found) == 1, [each.name for each in plan.flows]
    return found[0]


def coded(plan: ChangePlan, code: str) -> list[Found]:
    return [each for each in plan.findings if each.code == code]
