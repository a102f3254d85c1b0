"""Rules across the parts of a flow. They read the raw document, so that all problems show at once.

Source of the rules and of most texts: Kestra's flow validators, and what its documentation says of
later versions.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from app.flows.cycles import cycle
from app.flows.declarations import Input, Output
from app.flows.deprecations import outdated
from app.flows.findings import Finding
from app.flows.flow import Flow
from app.flows.labels import ALLOWED, SYSTEM
from app.flows.nodes import Node, properties, takes
from app.flows.policies import ServiceLevel
from app.flows.problems import Path
from app.flows.suggestions import did_you_mean
from app.flows.tasks import Task
from app.flows.trigger_types import FlowTrigger, Webhook
from app.flows.triggers import Trigger
from app.flows.typed import Model
from app.flows.typenames import Types
from app.flows.values import is_template

RESERVED: Final = frozenset(
    {
        "pause",
        "resume",
        "force-run",
        "change-status",
        "kill",
        "executions",
        "search",
        "source",
        "disable",
        "enable",
    }
)
"""Flow ids that clash with paths of the API (Kestra 1.0)."""

SUBFLOWS: Final = frozenset(
    {"io.kestra.plugin.core.flow.Subflow", "io.kestra.plugin.core.flow.ForEachItem"}
)
"""Task types that start the flow they name; a task type may also say so by `subflow`."""

SHORTEST_KEY: Final = 16
"""Characters of a webhook's key that are not warned of."""

_SECRET: Final = re.compile(r"\bsecret\s*\(")

_MAX_CIRCLE: Final = 20
"""How many inputs of a circle are named."""

_UNIQUE: Final[tuple[tuple[type, str], ...]] = (
    (Trigger, "trigger"),
    (Input, "input"),
    (Output, "output"),
)

Rule = Callable[[Node, Types], Iterator[Finding]]


def check_flow(nodes: list[Node], types: Types) -> Iterator[Finding]:
    """Yield what breaks a rule; the first node is the flow."""
    yield from _duplicate_tasks(nodes)
    yield from _duplicates(nodes)
    root = nodes[0]
    yield from _flow_rules(root, types)
    for node in nodes:
        yield from outdated(node)
        for model, rule in _RULES:
            if issubclass(node.model, model):
                yield from rule(node, root)


def check_entry(nodes: list[Node]) -> Iterator[Finding]:
    """Yield what breaks a rule inside a single task, trigger or condition."""
    yield from _duplicate_tasks(nodes)
    yield from _duplicates(nodes)
    for node in nodes:
        yield from outdated(node)
        yield from _secret_labels(node, node)


def _text(value: Any) -> str | None:
    """Return the id that a raw value stands for, None if it is no scalar."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else None


def _id(node: Node) -> str | None:
    return _text(node.raw.get("id", node.raw.get("name")))


def _duplicate_tasks(nodes: list[Node]) -> Iterator[Finding]:
    tasks = [node for node in nodes if issubclass(node.model, Task)]
    yield from _repeated(tasks, "task id")


def _duplicates(nodes: list[Node]) -> Iterator[Finding]:
    """Yield ids that are there twice in one list of triggers, inputs or outputs."""
    for model, kind in _UNIQUE:
        lists: dict[Path, list[Node]] = {}
        for node in nodes:
            if issubclass(node.model, model):
                lists.setdefault(node.path[:-1], []).append(node)
        for siblings in lists.values():
            yield from _repeated(siblings, kind if kind == "input" else f"{kind} id")


def _repeated(nodes: list[Node], kind: str) -> Iterator[Finding]:
    seen: set[str] = set()
    told: set[str] = set()
    for node in nodes:
        name = _id(node)
        if name is not None and name in seen and name not in told:
            told.add(name)
            message = f"Duplicate {kind} with name [{name}]"
            yield Finding((*node.path, "id"), "DUPLICATE_ID", message)
        if name is not None:
            seen.add(name)


def _flow_rules(root: Node, types: Types) -> Iterator[Finding]:
    name = root.raw.get("id")
    if isinstance(name, str) and name in RESERVED:
        message = f"Flow id is a reserved keyword: {name}; it clashes with a path of the API"
        yield Finding(("id",), "RESERVED_ID", message, "choose another id", "warning")
    yield from _dependencies(root.raw.get("inputs"))
    yield from _default_properties(root, types)


def _dependencies(inputs: Any) -> Iterator[Finding]:
    """Yield dependencies on inputs that do not exist, and one circle of those that do."""
    graph: dict[str, list[str]] = {}
    places: dict[str, Path] = {}
    for index, item in enumerate(inputs if isinstance(inputs, list) else ()):
        if isinstance(item, dict):
            name = _text(item.get("id", item.get("name"))) or ""
            places[name] = ("inputs", index, "dependsOn", "inputs")
            graph[name] = _needs(item)
    for name, needs in graph.items():
        for position, other in enumerate(needs):
            if other not in graph:
                message = f"The input `{name}` depends on `{other}`, which is no input of the flow"
                fix = did_you_mean(other, graph)
                yield Finding((*places[name], position), "SCHEMA", message, fix)
    circle = cycle(graph)
    if circle:
        shown = " → ".join(circle if len(circle) <= _MAX_CIRCLE else [*circle[:_MAX_CIRCLE], "…"])
        message = f"Inputs depend on each other in a circle: {shown}"
        yield Finding(places[circle[0]], "SCHEMA", message)


def _needs(item: dict[str, Any]) -> list[str]:
    """Return the ids of the inputs that a raw input depends on."""
    depends = item.get("dependsOn")
    needs = depends.get("inputs") if isinstance(depends, dict) else None
    return [str(name) for name in needs] if isinstance(needs, list) else []


def _default_properties(root: Node, types: Types) -> Iterator[Finding]:
    """Yield properties that a default sets for one type which does not have them."""
    key = "pluginDefaults" if "pluginDefaults" in root.raw else "taskDefaults"
    defaults = root.raw.get(key)
    for index, default in enumerate(defaults if isinstance(defaults, list) else ()):
        name = default.get("type") if isinstance(default, dict) else None
        values = default.get("values") if isinstance(default, dict) else None
        if not isinstance(name, str) or not isinstance(values, dict):
            continue
        model = (
            types.task(name) or types.trigger(name) or types.condition(name) or types.runner(name)
        )
        for value in values if model is not None else ():
            if model is not None and not takes(model, value):
                path = (key, index, "values", value)
                fix = did_you_mean(value, properties(model))
                message = f'Unrecognized field "{value}" of {name}'
                yield Finding(path, "UNKNOWN_PROPERTY", message, fix, at_key=True)


def _recursion(node: Node, root: Node) -> Iterator[Finding]:
    """Yield a task that starts the flow it stands in, with nothing in between to stop it."""
    model = node.model
    if not (getattr(model, "subflow", False) or getattr(model, "type_name", "") in SUBFLOWS):
        return
    target = (node.raw.get("namespace"), node.raw.get("flowId"))
    if target == (root.raw.get("namespace"), root.raw.get("id")) and None not in target:
        message = f"Invalid Flow: Recursive call to flow [{target[0]}.{target[1]}]"
        yield Finding((*node.path, "flowId"), "SCHEMA", message)


def _broad(node: Node, _: Node) -> Iterator[Finding]:
    """Yield a Flow trigger that fires for everything."""
    if not any(node.raw.get(name) for name in ("conditions", "preconditions", "dependsOn", "when")):
        message = (
            "This flow will be triggered for EVERY execution of EVERY flow on your instance. "
            "We recommend adding the preconditions property to the Flow trigger "
            f"'{node.raw.get('id')}'."
        )
        yield Finding(node.path, "BROAD_TRIGGER", message, "add preconditions", "warning")


def _weak_key(node: Node, _: Node) -> Iterator[Finding]:
    """Yield a webhook whose key is short enough to be guessed, or is no secret to a reader."""
    key = node.raw.get("key")
    if isinstance(key, str) and not is_template(key) and len(key) < SHORTEST_KEY:
        message = f"The key of a webhook is its only protection: {len(key)} characters are few"
        fix = "take a random one of 22 characters or more, at best as a secret"
        yield Finding((*node.path, "key"), "WEAK_KEY", message, fix, "warning")


def _labels(node: Node) -> Iterator[tuple[Path, Any, Any]]:
    """Yield path, key and value of each label of a node."""
    labels = node.raw.get("labels")
    if isinstance(labels, dict):
        for key, value in labels.items():
            yield (*node.path, "labels", key), key, value
    elif isinstance(labels, list):
        for index, label in enumerate(labels):
            if isinstance(label, dict):
                path = (*node.path, "labels", index)
                yield path, label.get("key"), label.get("value")


def _system_labels(node: Node, _: Node) -> Iterator[Finding]:
    """Yield labels that only the system may set."""
    for path, key, _value in _labels(node):
        if isinstance(key, str) and key.startswith(SYSTEM) and key not in ALLOWED:
            message = f"System labels can only be set by the system itself: {key}"
            yield Finding(path, "SCHEMA", message, at_key=True)


def _secret_labels(node: Node, _: Node) -> Iterator[Finding]:
    """Yield labels that would show a secret: labels are stored and displayed as they are."""
    for path, key, value in _labels(node):
        if isinstance(value, str) and is_template(value) and _SECRET.search(value):
            message = f"A label may not hold a secret: {key}"
            yield Finding(path, "SCHEMA", message)


_RULES: Final[tuple[tuple[type, Callable[[Node, Node], Iterator[Finding]]], ...]] = (
    (Task, _recursion),
    (FlowTrigger, _broad),
    (Webhook, _weak_key),
    (Flow, _system_labels),
    (Trigger, _system_labels),
    (ServiceLevel, _system_labels),
    (Model, _secret_labels),
)
