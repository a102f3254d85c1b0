"""What the templates of a flow use, against what the flow has.

Kestra finds such mistakes when a template is rendered; here they are warnings with a place. Only a
secret where everybody would see it is an error.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from app.flows.declarations import Input
from app.flows.findings import Finding
from app.flows.nodes import Node
from app.flows.problems import Path
from app.flows.suggestions import did_you_mean
from app.flows.tasks import Task
from app.flows.values import is_template


class Fault(Protocol):
    """What is wrong with the syntax of a template; line and column count from 1 inside of it."""

    message: str
    line: int
    column: int


class Use(Protocol):
    """One use of something by a template: see `expressions.Use`."""

    @property
    def kind(self) -> str:
        """What it is: `inputs`, `outputs`, `functions` and so on."""
        ...

    @property
    def name(self) -> str:
        """Which one."""
        ...

    @property
    def line(self) -> int:
        """Where, from 1, inside the template."""
        ...

    @property
    def column(self) -> int:
        """Where, from 1, in that line."""
        ...

    @property
    def guarded(self) -> bool:
        """Whether the template says what happens when it is missing."""
        ...

    @property
    def printed(self) -> bool:
        """Whether its text becomes part of the result, not quoted for a shell."""
        ...


class Analyser(NamedTuple):
    """What is known of templates; made of functions of the package `expressions`."""

    check: Callable[[str], Sequence[Use] | Fault]
    """Returns what a template uses, or what is wrong with it."""
    is_known: Callable[[Any], bool]
    """Whether a function, filter or test exists."""


_GENERATED: Final = ("_split", "_items", "_merge")
"""What ForEachItem appends to its id for the tasks that it makes."""

_TEMPLATED: Final = "TemplatedTask"
"""Makes tasks whose ids are not known before it runs."""

_SCRIPTS: Final = frozenset({"script", "commands", "beforeCommands"})
_TAME: Final = frozenset(
    {"INT", "FLOAT", "BOOL", "BOOLEAN", "DATE", "TIME", "DATETIME", "DURATION"}
)
"""Types of inputs whose texts hold nothing that a shell takes for its own."""

_CONDITIONS: Final = frozenset(
    {"conditions", "preconditions", "when", "condition", "responseCondition"}
)


@dataclass(slots=True)
class Known:
    """What a flow has: ids of tasks, and types of inputs by id."""

    tasks: set[str] = field(default_factory=set)
    inputs: dict[str, str] = field(default_factory=dict)
    open: bool = False
    """Whether there may be tasks that the document does not show."""

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> "Known":
        """Return what the nodes of a flow's document say."""
        known = cls()
        for node in nodes:
            name = str(node.raw.get("id", node.raw.get("name", "")))
            if issubclass(node.model, Task):
                known.tasks.add(name)
                known.open |= str(node.raw.get("type", "")).endswith(_TEMPLATED)
            elif issubclass(node.model, Input):
                known.inputs[name] = str(node.raw.get("type", ""))
        return known

    def has_input(self, name: str) -> bool:
        """Whether there is an input of a first key; dots in ids nest."""
        return any(each == name or each.startswith(f"{name}.") for each in self.inputs)

    def has_task(self, name: str) -> bool:
        """Whether a task may have outputs under a name."""
        if self.open or name in self.tasks:
            return True
        return any(
            name.endswith(each) and name.removesuffix(each) in self.tasks for each in _GENERATED
        )


def check_templates(raw: Any, analyser: Analyser, known: Known | None) -> Iterator[Finding]:
    """Yield what is wrong with the templates of a raw value.

    Without `known`, names of inputs and tasks are not looked up. Descriptions are never rendered.
    """
    rest: list[tuple[Path, Any]] = [((), raw)]
    while rest:
        path, value = rest.pop()
        if isinstance(value, dict):
            rest.extend(((*path, key), item) for key, item in value.items() if key != "description")
        elif isinstance(value, list):
            rest.extend(((*path, index), item) for index, item in enumerate(value))
        elif isinstance(value, str) and is_template(value):
            yield from _template(path, value, analyser, known)


def _template(path: Path, text: str, analyser: Analyser, known: Known | None) -> Iterator[Finding]:
    found = analyser.check(text)
    if not isinstance(found, Sequence):
        message = f"The expression cannot be read: {found.message}"
        yield Finding(
            path, "EXPRESSION", message, severity="warning", offset=(found.line, found.column)
        )
        return
    told: set[tuple[str, str]] = set()
    for use in found:
        if (use.kind, use.name) not in told:
            for finding in _of_use(path, use, analyser, known):
                told.add((use.kind, use.name))
                yield finding


def _of_use(path: Path, use: Use, analyser: Analyser, known: Known | None) -> Iterator[Finding]:
    if use.kind == "functions" and use.name == "secret" and _in_condition(path):
        message = "A condition of a trigger may not use a secret"
        yield Finding(path, "SECRET", message, offset=(use.line, use.column))
    if not analyser.is_known(use):
        message = f"There is no {use.kind.removesuffix('s')} `{use.name}`"
        yield _warning(path, "UNKNOWN_FUNCTION", message, use)
    if known is None:
        return
    if use.kind == "inputs":
        yield from _input(path, use, known)
    elif use.kind == "outputs" and not use.guarded and not known.has_task(use.name):
        message = f"There is no task `{use.name}` whose outputs could be used"
        yield _warning(path, "UNKNOWN_OUTPUT", message, use, _task_like(use.name, known))


def _input(path: Path, use: Use, known: Known) -> Iterator[Finding]:
    if not known.has_input(use.name):
        if not use.guarded:
            message = f"There is no input `{use.name}`"
            fix = did_you_mean(use.name, known.inputs)
            yield _warning(path, "UNKNOWN_INPUT", message, use, fix)
    elif use.printed and _in_script(path) and known.inputs.get(use.name, "") not in _TAME:
        message = (
            f"The text of the input `{use.name}` becomes part of the script, so that whoever starts"
            " the flow can run commands"
        )
        fix = "pass it in `env` and use the variable, or quote it with `| sh`"
        yield _warning(path, "SCRIPT_INJECTION", message, use, fix)


def _warning(path: Path, code: str, message: str, use: Use, fix: str = "") -> Finding:
    return Finding(path, code, message, fix, "warning", offset=(use.line, use.column))


def _task_like(name: str, known: Known) -> str:
    """Suggest a task; `outputs.my-task` is read as `outputs.my` minus `task`."""
    dashed = next((each for each in sorted(known.tasks) if each.startswith(f"{name}-")), None)
    if dashed is not None:
        return f"write outputs['{dashed}']"
    return did_you_mean(name, known.tasks)


def _in_condition(path: Path) -> bool:
    return path[:1] == ("triggers",) and not _CONDITIONS.isdisjoint(path[2:])


def _in_script(path: Path) -> bool:
    return any(part in _SCRIPTS for part in path[-2:])
