"""Writes docs/compatibility.md: the names of the flow language and their state in the code."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from app.expressions import FILTERS, FUNCTIONS, TESTS
from app.expressions.tags import TAGS
from app.flows.declarations import INPUT_TYPES, Input
from app.flows.model import Flow, Task, Trigger
from app.flows.typed import Model, names
from app.plugins.registry import Registry

SOURCE = Path(__file__).parent.parent / "docs" / "compatibility.yaml"
CORE = "io.kestra.plugin.core."
SCRIPTS = "io.kestra.plugin.scripts."

INTRODUCTION = """\
# Compatibility

<!-- Written by scripts/docs from docs/compatibility.yaml and the code; edit the notes there. -->

Every name of Kestra's flow language up to 1.3, and those that 2.0 adds, as Headwater has them.
**same**: it is there and means the same. **better**: it is there and mends what Kestra's own
documentation or issues call a fault. **missing**: it is not there, and why. Names of types are
short for `io.kestra.plugin.…`; old names are read as well.
"""

REMAINING = """\
## Against Kestra's own tests

`scripts/conformance [DATA_DIR]` holds a fresh service, the expressions and the pure rules against
facts that Kestra's tests assert, where that data is at hand. All hold but these:

| Entry | Why |
|---|---|"""

SECTIONS: Mapping[str, str] = {
    "flow": "Flow",
    "task": "Every task",
    "input": "Every input",
    "inputs": "Types of inputs",
    "tasks": "Task types",
    "scripts": "Script tasks",
    "trigger": "Every trigger",
    "triggers": "Trigger types",
    "conditions": "Conditions",
    "operators": "Operators",
    "tags": "Tags",
    "tests": "Tests",
    "functions": "Functions",
    "filters": "Filters",
}
"""The sections of the page: key in the source, heading."""


class Compatibility:
    """The names of the language, looked up in the code."""

    def __init__(self, source: str) -> None:
        """Read the names and notes."""
        self.names: dict[str, Any] = yaml.safe_load(source)
        self.notes: dict[str, dict[str, str]] = self.names.pop("notes")
        self.remaining: dict[str, str] = self.names.pop("remaining")
        registry = Registry.load()
        self._present: dict[str, Any] = {
            "flow": _properties(Flow),
            "task": _properties(Task),
            "input": _properties(Input),
            "trigger": _properties(Trigger),
            "inputs": {name: _properties(each) for name, each in INPUT_TYPES.items()},
            "tasks": _types(self.names["tasks"], CORE, registry.task),
            "scripts": _types(self.names["scripts"], SCRIPTS, registry.task),
            "triggers": _types(self.names["triggers"], CORE, registry.trigger),
            "conditions": _types(self.names["conditions"], CORE, registry.condition),
            "operators": set(self.names["operators"]),
            "tags": {*TAGS, "verbatim", "raw"},
            "tests": set(TESTS),
            "functions": {*FUNCTIONS, "block"},
            "filters": set(FILTERS),
        }

    def entries(self, section: str) -> Iterator[tuple[str, str, str]]:
        """Yield (name, state, why) of a section; properties are `type.property`."""
        present, told = self._present[section], self.names[section]
        for name in told:
            yield name, *self._state(section, name, there=name in present)
            if isinstance(present, Mapping):
                for part in told[name]:
                    there = part in present.get(name, ())
                    yield f"{name}.{part}", *self._state(section, f"{name}.{part}", there=there)

    def _state(self, section: str, name: str, *, there: bool) -> tuple[str, str]:
        note = self.notes.get(f"{section}:{name}", {})
        if not there:
            owner = self.notes.get(f"{section}:{name.rpartition('.')[0]}", {})
            return "missing", note.get("why") or owner.get("why", "")
        return note.get("state", "same"), note.get("why", "")

    def faults(self) -> list[str]:
        """Return what is wrong with the source: names missing without a reason, stale notes."""
        found = [
            f"{section}:{name} is missing and no note says why"
            for section in SECTIONS
            for name, state, why in self.entries(section)
            if state == "missing" and not why
        ]
        states = {
            f"{section}:{name}": state
            for section in SECTIONS
            for name, state, _ in self.entries(section)
        }
        stale = [
            f"the note on {name} says {note['state']}, it is {states.get(name, 'no name here')}"
            for name, note in self.notes.items()
            if states.get(name) != note["state"]
        ]
        return found + stale

    def page(self) -> str:
        """Return the page as Markdown."""
        lines = [INTRODUCTION]
        for section, heading in SECTIONS.items():
            told = list(self.entries(section))
            lines.append(f"## {heading}\n")
            lines.append(_counts(told))
            lines.append("| Name | State | Why |\n|---|---|---|")
            lines += [f"| `{_cell(name)}` | {state} | {why} |" for name, state, why in told]
            lines.append("")
        lines.append(REMAINING)
        lines += [f"| `{entry}` | {why} |" for entry, why in self.remaining.items()]
        return "\n".join([*lines, ""])


def _counts(told: Sequence[tuple[str, str, str]]) -> str:
    states = [state for _, state, _ in told]
    parts = [f"{states.count(each)} {each}" for each in ("same", "better", "missing")]
    return f"{', '.join(parts)}.\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _types(told: Mapping[str, Any], package: str, find: Any) -> dict[str, set[str]]:
    found = {name: find(package + name) for name in told}
    return {name: _properties(each) for name, each in found.items() if each is not None}


def _properties(model: type[Model]) -> set[str]:
    """Return every name of every property of a model."""
    own = {name for field in model.model_fields.values() for name in names(field)}
    return own | set(model.renamed)


def compatibility() -> str:
    """Return the page."""
    return Compatibility(SOURCE.read_text(encoding="utf-8")).page()
