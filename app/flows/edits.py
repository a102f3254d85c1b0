"""Small changes of a flow's source that leave everything else as it is written, comments too."""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from app.errors import Invalid, NotFound
from app.flows.yaml import YamlError, load

_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_LISTS: Final = frozenset({"tasks", "errors", "finally", "afterExecution", "listeners"})
"""Top-level properties below which tasks stand."""


def with_disabled(source: str, *, disabled: bool) -> str:
    """Return the source of a flow, or of its tests, that is disabled or not.

    Raises:
        Invalid: when the source is no map.
    """
    value = "true" if disabled else "false"
    root = _root(source)
    for key, node in root.value:
        if key.value == "disabled":
            return _replaced(source, node, value)
    if not disabled:
        return source
    if root.flow_style:
        at = _offset(source, root.start_mark) + 1
        return f"{source[:at]}disabled: {value}, {source[at:]}"
    last = next(node for key, node in reversed(root.value) if key.value in ("id", "namespace"))
    at = _line_end(source, _offset(source, last.end_mark))
    return f"{source[:at]}\ndisabled: {value}{source[at:]}"


def with_task(source: str, task_id: str, task: dict[str, Any]) -> str:
    """Return the source of a flow in which a task is another one.

    Raises:
        Invalid: when the source is no map.
        NotFound: when it has no such task.
    """
    root = _root(source)
    for key, node in root.value:
        found = _find(node, task_id) if key.value in _LISTS else None
        if found is not None:
            return _replaced(source, found, _written(task, found))
    message = f"the flow has no task {task_id}"
    raise NotFound(message)


def _root(source: str) -> yaml.MappingNode:
    try:
        load(source)  # refuses hostile documents, which must not be composed
        node = yaml.compose(source, Loader=_LOADER)
    except YamlError as error:
        raise Invalid(error.message) from None
    if not isinstance(node, yaml.MappingNode):
        message = "the flow's source is no map"
        raise Invalid(message)
    return node


def _find(node: yaml.Node, task_id: str) -> yaml.MappingNode | None:
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, yaml.MappingNode):
            written = {key.value: value.value for key, value in current.value}
            if written.get("id") == task_id and "type" in written:
                return current
            stack.extend(value for _, value in current.value)
        elif isinstance(current, yaml.SequenceNode):
            stack.extend(current.value)
    return None


def _written(task: dict[str, Any], node: yaml.MappingNode) -> str:
    """Return a task as YAML that fits in the place of a node."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    if node.flow_style:
        text: str = yaml.dump(
            task, Dumper=dumper, default_flow_style=True, sort_keys=False, width=1_000_000,
            allow_unicode=True,
        )  # fmt: skip
        return text.strip()
    text = yaml.dump(task, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
    indent = " " * node.start_mark.column
    first, *others = text.rstrip("\n").split("\n")
    return "\n".join([first, *(f"{indent}{line}" if line else line for line in others)])


def _replaced(source: str, node: yaml.Node, text: str) -> str:
    start, end = _offset(source, node.start_mark), _end(source, node)
    written = source[start:end].rstrip()  # a block of text ends where the next thing begins
    return source[:start] + text + source[start + len(written) :]


def _end(source: str, node: yaml.Node) -> int:
    """Return where what a node says ends; blank lines and comments after it are not part of it."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return _offset(source, node.end_mark)
    return max(_end(source, each) for each in _last(node))


def _last(node: yaml.CollectionNode) -> Iterator[yaml.Node]:
    last = node.value[-1]
    yield from last if isinstance(last, tuple) else (last,)


def _offset(source: str, mark: Any) -> int:
    """Return the offset of a mark, found by its line: marks of the C parser count bytes."""
    position = 0
    for _ in range(mark.line):
        position = source.index("\n", position) + 1
    return position + int(mark.column)


def _line_end(source: str, position: int) -> int:
    end = source.find("\n", position)
    return len(source) if end < 0 else end
