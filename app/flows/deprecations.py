"""Warnings for what a flow should no longer use: old names, and types and properties to leave."""

from collections.abc import Iterator
from typing import Final

from app.flows.declarations import Input
from app.flows.findings import Finding
from app.flows.nodes import Node, outdated_properties
from app.flows.runners import TaskRunner
from app.flows.tasks import Task
from app.flows.triggers import Trigger
from app.flows.typed import Typed
from app.flows.typenames import is_alias

_KINDS: Final = ((Task, "task"), (Trigger, "trigger"), (TaskRunner, "runner"), (Typed, "condition"))


def outdated(node: Node) -> Iterator[Finding]:
    """Yield warnings for old type names, and for types and properties to leave."""
    model = node.model
    written = node.raw.get("type")
    if issubclass(model, Typed) and isinstance(written, str) and is_alias(written, model):
        kind = next(name for base, name in _KINDS if issubclass(model, base))
        message = f"The {kind} {written} is renamed to {model.type_name}"
        fix = f"write {model.type_name}"
        yield Finding((*node.path, "type"), "RENAMED_TYPE", message, fix, "warning")
    if model.deprecated and issubclass(model, Typed | Input):
        message = f"{written} is deprecated: {model.deprecated}"
        yield Finding(node.path, "DEPRECATED", message, model.deprecated, "warning")
    for old, new in model.renamed.items():
        if old in node.raw:
            message = f"`{old}` is deprecated: use {new}"
            yield _left(node, old, message, f"use {new}")
    for name, reason in outdated_properties(model).items():
        if name in node.raw:
            yield _left(node, name, f"`{name}` is deprecated: {reason}", reason)


def _left(node: Node, name: str, message: str, fix: str) -> Finding:
    return Finding((*node.path, name), "DEPRECATED", message, fix, "warning", at_key=True)
