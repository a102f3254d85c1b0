"""Cases of the flow corpus: files under `corpus/`, each a few flows and what must come of them.

A file holds YAML documents. Those with `tasks` are flows, taken as text; every other one is a case:

    case: what it shows
    flow: the flow to start, by id (default: the first one)
    inputs, labels, revision …: how it is started; `start: false` starts nothing
    requires: a program without which the case is left out
    steps: what is done meanwhile, in order; see `Story` for the verbs
    expect:
      state: SUCCESS
      runs: {task: STATE or [STATE, …]}      # all of them, in order of start
      outputs: {task: {name: value}}         # of task runs, those that are named
      returns: {name: value}                 # outputs of the flow
      values, attempts, labels, logs, history, reason, started …
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from app.flows.parse import parse_flow
from app.flows.typenames import Types

FOLDER = Path(__file__).parent / "corpus"
NAMESPACE = "corpus"


@dataclass(frozen=True)
class Case:
    """One case and the flows it needs."""

    name: str
    title: str
    flow: str
    flows: Mapping[str, str]
    """Sources by flow id."""
    start: Mapping[str, Any] | None
    steps: list[dict[str, Any]] = field(default_factory=list)
    expect: Mapping[str, Any] = field(default_factory=dict)
    requires: str | None = None

    def invalid(self, types: Types) -> str:
        """Return what is wrong with its flows; empty when nothing is."""
        parsed = [parse_flow(source, types=types) for source in self.flows.values()]
        return "; ".join(str(each.problems) for each in parsed if each.flow is None)


def cases() -> list[Case]:
    """Return all cases, in order of their names."""
    return [case for path in sorted(FOLDER.rglob("*.yaml")) for case in _cases_of(path)]


def _cases_of(path: Path) -> Iterator[Case]:
    flows: dict[str, str] = {}
    told: list[dict[str, Any]] = []
    for text in re.split(r"(?m)^---\s*$", path.read_text()):
        document = yaml.load(text, Loader=_Texts)
        if document is None:
            continue
        if "case" in document:
            told.append(document)
        else:
            source = text if re.search(r"(?m)^namespace:", text) else f"namespace: corpus\n{text}"
            flows[document["id"]] = source
    name = path.relative_to(FOLDER).with_suffix("").as_posix()
    for number, document in enumerate(told):
        yield _case(f"{name}-{number}" if len(told) > 1 else name, document, flows)


def _case(name: str, document: dict[str, Any], flows: Mapping[str, str]) -> Case:
    known = {"case", "flow", "inputs", "labels", "revision", "start", "steps", "expect", "files",
             "requires"}  # fmt: skip
    assert not document.keys() - known, f"{name}: unknown {document.keys() - known}"
    start = {key: document[key] for key in ("inputs", "labels", "revision", "files")
             if key in document}  # fmt: skip
    return Case(
        name=name,
        title=document["case"],
        flow=document.get("flow") or next(iter(flows)),
        flows=flows,
        start=None if document.get("start") is False else start,
        steps=document.get("steps", []),
        expect=document["expect"],
        requires=document.get("requires"),
    )


class _Texts(yaml.SafeLoader):
    """Reads dates as the texts they are."""


_Texts.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith("timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Return how `found` differs from what is expected; maps may hold more than is asked for.

    `{$contains: text}`, `{$matches: pattern}`, `{$any: true}` and `{$missing: true}` ask for less.
    """
    if isinstance(expected, Mapping) and (asked := _asked(expected, found, place)) is not None:
        return asked
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        return [
            line
            for key, value in expected.items()
            for line in differences(value, found.get(key, _MISSING), f"{place}.{key}")
        ]
    if expected == found and isinstance(expected, bool) == isinstance(found, bool):
        return []
    return [f"{place or 'it'}: expected {_shown(expected)}, found {_shown(found)}"]


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


_MISSING = _Missing()


def _asked(expected: Mapping[str, Any], found: Any, place: str) -> list[str] | None:
    if len(expected) != 1:
        return None
    (name, value), = expected.items()  # fmt: skip
    checks = {
        "$contains": lambda: value in (found if isinstance(found, str | list) else str(found)),
        "$matches": lambda: re.search(value, str(found)) is not None,
        "$any": lambda: found is not _MISSING,
        "$missing": lambda: found is _MISSING,
        "$size": lambda: len(found) == value,
    }
    if name not in checks:
        return None
    return [] if checks[name]() else [f"{place}: {name} {value!r} does not hold for {found!r}"]


def _shown(value: Any) -> str:
    try:
        return json.dumps(value)
    except TypeError:
        return repr(value)
