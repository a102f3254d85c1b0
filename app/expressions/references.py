"""Static analysis: which variables, secrets and functions a value's templates use."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.expressions.nodes import (
    HOLE,
    Attribute,
    Call,
    Filter,
    For,
    Literal,
    Macro,
    Name,
    Node,
    Set,
    inside,
)
from app.expressions.tags import parse
from app.expressions.values import LISTS

_KEYED: Final = {"inputs": "inputs", "outputs": "outputs", "vars": "vars", "labels": "labels"}
_ASKING: Final = {"secret": "secrets", "kv": "kv"}


@dataclass(frozen=True, slots=True)
class References:
    """What templates use, as far as it can be told without evaluating them.

    `inputs`, `outputs` (task ids), `vars` and `labels` are first keys; `secrets` and `kv` are
    constant first arguments. `names`: all variables of the context. `dynamic`: something is looked
    up by a name that is only known at run time (`outputs[x]`, `secret(x)`, `render(…)`).
    """

    names: set[str] = field(default_factory=set)
    inputs: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    vars: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    kv: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    filters: set[str] = field(default_factory=set)
    dynamic: set[str] = field(default_factory=set)


def references(value: Any) -> References:
    """Return what the templates in a text, map or list use.

    Raises:
        ExpressionError: when a template cannot be read.
    """
    found = References()
    for text in _texts(value):
        body = parse(text)
        local = {HOLE}
        nodes = list(_nodes(body))
        for node in nodes:
            if isinstance(node, (Set, Macro)):
                local.add(node.name)
            elif isinstance(node, For):
                local.update((node.variable, "loop"))
            if isinstance(node, Macro):
                local.update(name for name, _ in node.parameters)
        for node in nodes:
            _note(node, found, local)
    return found


def _note(node: Any, found: References, local: set[str]) -> None:
    if isinstance(node, Name) and node.name not in local:
        found.names.add(node.name)
    elif isinstance(node, Attribute) and isinstance(node.target, Name):
        _note_key(node.target, node.key, found, local)
    elif isinstance(node, Filter):
        found.filters.add(node.name)
    elif isinstance(node, Call) and node.name not in local:
        _note_call(node, found)


def _note_key(target: Name, key: Node, found: References, local: set[str]) -> None:
    kept = _KEYED.get(target.name)
    if kept is None or target.name in local:
        return
    if isinstance(key, Literal) and isinstance(key.value, str):
        getattr(found, kept).add(key.value)
    else:
        found.dynamic.add(target.name)


def _note_call(node: Call, found: References) -> None:
    found.functions.add(node.name)
    if node.name in ("render", "renderOnce"):
        found.dynamic.add(node.name)
    kept = _ASKING.get(node.name)
    if kept is None:
        return
    named = dict(node.arguments.named)
    key = node.arguments.positional[0] if node.arguments.positional else named.get("key")
    if isinstance(key, Literal) and isinstance(key.value, str):
        getattr(found, kept).add(key.value)
    else:
        found.dynamic.add(node.name)


def _nodes(body: Any) -> Iterator[Any]:
    """Give all nodes of a syntax tree."""
    pending = [body]
    while pending:
        one = pending.pop()
        yield one
        pending.extend(inside(one))


def _texts(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            if "{" in one:
                yield one
        elif isinstance(one, Mapping):
            pending.extend(one)
            pending.extend(one.values())
        elif isinstance(one, LISTS):
            pending.extend(one)
