"""What a flow refers to: other flows, secrets, keys, files, types; and what is wrong with that.

Read from the raw document, so that a flow with errors has references, too, and so that ten thousand
of them are read in seconds. Everything here is pure: which flows there are, the caller says.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Protocol

from app.flows.cycles import cycle
from app.flows.defaults import KEYS, merge_defaults
from app.flows.flow import Flow
from app.flows.interfaces import interface_of
from app.flows.nodes import Node, walk
from app.flows.parse import parse_document
from app.flows.places import place_of
from app.flows.problems import Path
from app.flows.referring import NONE, Call, References
from app.flows.rules import SUBFLOWS
from app.flows.tasks import Task
from app.flows.topology import Name
from app.flows.trigger_types import FlowTrigger
from app.flows.typed import TYPES, Typed
from app.flows.typenames import Types
from app.flows.usages import Analyser
from app.flows.values import DOCUMENT, is_template
from app.flows.yaml import YamlError

__all__ = [
    "NONE",
    "Call",
    "References",
    "callers_of",
    "missing_calls",
    "of_document",
    "place_of",
    "references_of",
    "subflow_cycles",
    "unknown_secrets",
]

_OWN_NAMESPACE: Final = re.compile(r"\{\{\s*flow\.namespace\s*\}\}")
_LOOKED_UP: Final = re.compile(r"\b(?:secret|kv|read|file\w+|isFileEmpty)\s*\(")
_STEP: Final = r"""(?:\.([\w-]+)|\[['"]([^'"]+)['"]\])"""
_OUTPUT: Final = re.compile(rf"""\boutputs{_STEP}(?:\.outputs\b|\[['"]outputs['"]\]){_STEP}""")
_TRIGGERED: Final = re.compile(r"\btrigger\.outputs\.(\w+)")
_KINDS: Final = ("secrets", "kv", "files")
_MOST_CYCLES: Final = 100
_ALWAYS: Final = frozenset({"tasks", "task"})
"""Keys below which tasks run in any case."""
_LOOP: Final = re.compile(r"\.(?:ForEach|ForEachItem|EachSequential|EachParallel|Loop|LoopUntil)\Z")


def references_of(
    source: str | bytes, *, types: Types, namespace: str, analyser: Analyser | None = None
) -> References:
    """Return what the flow in a document refers to; nothing when it cannot be read.

    Args:
        source: the YAML of the flow.
        types: the known types.
        namespace: the namespace that the document lies in, if it names none.
        analyser: knows templates; without it secrets, keys and files are left out.
    """
    try:
        raw = parse_document(source)
        own = raw.get("namespace")
        return of_document(raw, types, own if isinstance(own, str) else namespace, analyser)
    except YamlError:
        return NONE


def of_document(
    raw: dict[str, Any], types: Types, namespace: str, analyser: Analyser | None = None
) -> References:
    """Return what the raw document of a flow refers to.

    Raises:
        YamlError: its plugin defaults make it too large.
    """
    merged = merge_defaults(raw, types).raw
    nodes = list(walk(merged, Flow, types))
    texts = list(_templates(merged))
    used = _looked_up(texts, analyser)
    return References(
        calls=tuple(_calls(merged, nodes, namespace, texts)),
        listens=tuple(_listens(nodes, types)),
        triggered=frozenset(name for text in texts for name in _TRIGGERED.findall(text)),
        secrets=frozenset(used["secrets"]),
        kv=frozenset(used["kv"]),
        files=frozenset(used["files"] | set(_included(nodes))),
        types=frozenset(node.model.type_name for node in nodes if issubclass(node.model, Typed)),
        interface=interface_of(merged),
    )


def _calls(
    document: Any, nodes: Iterable[Node], namespace: str, texts: list[str]
) -> Iterator[Call]:
    outputs: dict[str, set[str]] | None = None
    for node in nodes:
        if not (issubclass(node.model, Task) and _starts(node.model)):
            continue
        target = _target(node.raw, namespace)
        if target is None:
            continue
        if outputs is None:
            outputs = _outputs(texts)
        task = str(node.raw.get("id", ""))
        revision = node.raw.get("revision")
        yield Call(
            task,
            node.path,
            target,
            revision if isinstance(revision, int) else None,
            _given(node.raw.get("inputs")),
            frozenset(outputs.get(task, ())),
            _is_certain(document, node.path),
        )


def _is_certain(document: Any, path: Path) -> bool:
    """Whether nothing on the way to a task decides if it runs: no branch, no loop, no `runIf`."""
    value = document
    for step in path:
        value = value[step]
        if isinstance(step, str) and step not in _ALWAYS:
            return False
        if isinstance(value, dict) and (value.get("runIf") or value.get("disabled")):
            return False
        if isinstance(value, dict) and _LOOP.search(str(value.get("type", ""))):
            return False
    return True


def _starts(model: type[Task]) -> bool:
    return model.subflow or model.type_name in SUBFLOWS


def _target(raw: Mapping[str, Any], own: str) -> Name | None:
    namespace = _OWN_NAMESPACE.sub(own, str(raw.get("namespace") or ""))
    flow_id = str(raw.get("flowId") or "")
    if not namespace or not flow_id or is_template(namespace) or is_template(flow_id):
        return None
    return Name(namespace, flow_id)


def _given(inputs: Any) -> frozenset[str] | None:
    if inputs is None:
        return frozenset()
    if not isinstance(inputs, dict):
        return None
    return frozenset(map(str, inputs))


def _outputs(texts: Iterable[str]) -> dict[str, set[str]]:
    """Return task id -> the outputs of the flow it starts that templates name."""
    found: dict[str, set[str]] = {}
    for text in texts:
        for dotted, quoted, name, key in _OUTPUT.findall(text):
            found.setdefault(dotted or quoted, set()).add(name or key)
    return found


def _listens(nodes: Iterable[Node], types: Types) -> Iterator[FlowTrigger]:
    context = {TYPES: types, DOCUMENT: True}
    for node in nodes:
        if not issubclass(node.model, FlowTrigger):
            continue
        try:
            raw = {**node.raw, "type": FlowTrigger.type_name}
            yield FlowTrigger.__pydantic_validator__.validate_python(
                raw, context=context, by_alias=True, by_name=False
            )
        except ValueError:
            continue  # the validation of the flow says what is wrong with it


def _included(nodes: Iterable[Node]) -> Iterator[str]:
    for node in nodes:
        chosen = node.raw.get("namespaceFiles")
        patterns = chosen.get("include") if isinstance(chosen, dict) else None
        for pattern in patterns if isinstance(patterns, list) else ():
            if isinstance(pattern, str) and not is_template(pattern):
                yield pattern


def _templates(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text with a template; descriptions are never rendered."""
    rest: list[Any] = [value for key, value in raw.items() if key not in KEYS]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            rest += [item for key, item in value.items() if key != "description"]
        elif isinstance(value, list):
            rest += value
        elif isinstance(value, str) and is_template(value):
            yield value


def _looked_up(texts: Iterable[str], analyser: Analyser | None) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    if analyser is None:
        return found
    for text in texts:
        uses = analyser.check(text) if _LOOKED_UP.search(text) else ()
        # What is no list says what is wrong with the syntax: the flow's validation tells.
        for use in uses if isinstance(uses, Sequence) else ():
            if use.kind in found:
                found[use.kind].add(use.name)
    return found


def missing_calls(references: References, exists: Callable[[Name], bool]) -> list[Call]:
    """Return the calls of flows that there are not."""
    return [call for call in references.calls if not exists(call.target)]


class Lookup(Protocol):
    """Flows by name, read when they are asked for: a dictionary is one."""

    def __getitem__(self, name: Name, /) -> References:
        """Return what a flow refers to."""
        ...

    def __contains__(self, name: object, /) -> bool:
        """Whether there is such a flow."""
        ...


def subflow_cycles(flows: Lookup, start: Iterable[Name]) -> list[list[Name]]:
    """Return circles in which flows start each other, each with its first flow again at the end.

    Of circles that share a call, one; a hundred at most. Only what can be reached from `start` is
    looked at.
    """
    graph = _graph(flows, start)
    found: list[list[Name]] = []
    while len(found) < _MOST_CYCLES and (circle := cycle(graph)):
        found.append([Name(*key.split("/", 1)) for key in circle])
        graph[circle[-2]].remove(circle[-1])
    return found


def is_endless(flows: Lookup, ring: Sequence[Name]) -> bool:
    """Return whether nothing ends a circle: every call of it is made in any case."""
    return all(
        any(call.certain and call.target == called for call in flows[name].calls)
        for name, called in pairwise(ring)
    )


def _graph(flows: Lookup, start: Iterable[Name]) -> dict[str, list[str]]:
    graph: dict[str, list[str]] = {}
    rest = sorted(start, reverse=True)
    while rest:
        name = rest.pop()
        if _key(name) in graph or name not in flows:
            continue
        targets = sorted({call.target for call in flows[name].calls})
        graph[_key(name)] = [_key(each) for each in targets]
        rest += targets
    return graph


def _key(name: Name) -> str:
    return f"{name.namespace}/{name.id}"


def unknown_secrets(references: References, known: Iterable[str]) -> list[str]:
    """Return the secrets that a flow uses and that there are not, in order."""
    return sorted(references.secrets.difference(known))


def callers_of(flows: Mapping[Name, References]) -> dict[Name, list[tuple[Name, Call]]]:
    """Return each flow that is called -> the calls, each with the flow that it stands in."""
    callers: dict[Name, list[tuple[Name, Call]]] = {}
    for name, references in flows.items():
        for call in references.calls:
            callers.setdefault(call.target, []).append((name, call))
    return callers
