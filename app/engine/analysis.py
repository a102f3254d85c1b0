"""What a flow's templates use: inputs, outputs, secrets, keys, files and other flows, by part."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import ExpressionError
from app.expressions import References
from app.flows.flow import Flow
from app.flows.rules import SUBFLOWS
from app.flows.tasks import Task
from app.flows.triggers import Trigger
from app.flows.typed import Model
from app.flows.values import is_template


@dataclass(frozen=True, slots=True)
class FlowReferences:
    """What the parts of a flow use; `flow` is for all that is neither a task nor a trigger."""

    flow: References = field(default_factory=References)
    tasks: dict[str, References] = field(default_factory=dict)
    triggers: dict[str, References] = field(default_factory=dict)


def flow_references(flow: Flow) -> FlowReferences:
    """Return what the templates of a flow use; those that cannot be read count for nothing.

    A task's part is without its children. The flow that a task starts is among its `flows`, if its
    name is no template.
    """
    found = FlowReferences()
    pending: list[tuple[Any, References]] = [(flow, found.flow)]
    while pending:
        value, owner = pending.pop()
        if isinstance(value, Task):
            owner = found.tasks.setdefault(value.id, References())
            owner.flows.update(_started(value))
        elif isinstance(value, Trigger):
            owner = found.triggers.setdefault(value.id, References())
        if isinstance(value, str):
            _add(owner, value)
        else:
            pending.extend((part, owner) for part in _parts(value))
    return found


def _parts(value: Any) -> Iterator[Any]:
    """Yield what a value consists of; descriptions are never rendered."""
    if isinstance(value, Model):
        for name in type(value).model_fields:
            if name != "description":
                yield getattr(value, name)
        yield from (value.model_extra or {}).values()
    elif isinstance(value, Mapping):
        yield from value
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value


def _add(found: References, text: str) -> None:
    if is_template(text):
        try:
            found.add(text)
        except ExpressionError:
            return


def _started(task: Task) -> Iterator[str]:
    if not (getattr(task, "subflow", False) or type(task).type_name in SUBFLOWS):
        return
    namespace, flow_id = getattr(task, "namespace", None), getattr(task, "flow_id", None)
    if isinstance(namespace, str) and isinstance(flow_id, str):
        name = f"{namespace}.{flow_id}"
        if not is_template(name):
            yield name
