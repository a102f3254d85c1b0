"""Flow files that lie in no repository of flows: each is a flow by itself, all are one tenant's."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from app.cli.check_formats import Finding
from app.flows.flow import Flow
from app.flows.parse import parse_flow
from app.flows.problems import Problem
from app.flows.references import References, is_endless, references_of, subflow_cycles
from app.flows.topology import Name
from app.flows.typenames import Types
from app.flows.unit_test_documents import parse_suite
from app.git.layout import NAMESPACE_NAME
from app.sync.planning.consequences import circles_of, circular
from app.sync.planning.memory import ANALYSER

_CASES = re.compile(rb"^testCases\s*:", re.MULTILINE)
_NAMESPACE = re.compile(rb"^namespace\s*:", re.MULTILINE)
_YAML = (".yaml", ".yml")
_SKIPPED = frozenset({"node_modules", "__pycache__"})


def documents_below(folder: Path) -> list[Path]:
    """Return the YAML files below a folder, hidden folders left out, in order."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each[0] != "." and each not in _SKIPPED]
        found += [Path(root, name) for name in names if name.endswith(_YAML)]
    return sorted(found)


class Loose:
    """Checks files one by one, and then what they start of each other."""

    def __init__(self, types: Types) -> None:
        """Know the types."""
        self._types = types
        self._owners: dict[Name, Path] = {}
        self._flows: dict[Name, References] = {}
        self._parsed: dict[Name, Flow] = {}
        self._suites: list[tuple[Path, bytes]] = []

    def findings(self, files: Sequence[Path]) -> Iterator[Finding]:
        """Yield what is wrong with files."""
        for file in files:
            yield from self._of_file(file)
        for file, source in self._suites:
            yield from self._of_suite(file, source)
        for name, trail in circles_of(subflow_cycles(self._flows, self._flows)):
            severity, message, fix = circular(trail, endless=is_endless(self._flows, trail))
            yield Finding(self._owners[name], "CYCLE", severity, message, fix)

    def _of_file(self, file: Path) -> Iterator[Finding]:
        try:
            source = file.read_bytes()
        except OSError as error:
            yield Finding(file, "UNREADABLE", "error", str(error.strerror))
            return
        if _CASES.search(source):
            self._suites.append((file, source))
            return
        parsed = parse_flow(source, types=self._types, path=str(file), check=ANALYSER)
        yield from _told(file, parsed.problems)
        if parsed.flow is None:
            return
        name = Name(parsed.flow.namespace, parsed.flow.id)
        owner = self._owners.setdefault(name, file)
        if owner != file:
            message = f"{name.namespace}.{name.id} is already defined in {owner}"
            yield Finding(file, "DUPLICATE_ID", "error", message, "give it another id", "id")
            return
        self._flows[name] = references_of(source, types=self._types, namespace=name.namespace)
        self._parsed[name] = parsed.flow

    def _of_suite(self, file: Path, source: bytes) -> Iterator[Finding]:
        """Yield what is wrong with a file of tests: by itself, and for its flow if that is here."""
        namespace = None if _NAMESPACE.search(source) else _folder_name(file)
        parsed = parse_suite(source, namespace=namespace, path=str(file))
        yield from _told(file, parsed.problems)
        if parsed.suite is not None:
            flow = self._parsed.get(Name(parsed.suite.namespace, parsed.suite.flow_id))
            if flow is not None:
                yield from _told(file, parsed.against(flow))


def _told(file: Path, problems: Iterable[Problem]) -> Iterator[Finding]:
    for each in problems:
        place = (each.path, each.line, each.column)
        yield Finding(file, each.code, each.severity, each.message, each.fix, *place)


def _folder_name(file: Path) -> str | None:
    """Return the namespace that `<namespace>/tests/…` stands for."""
    parts = file.absolute().parts
    above = [parts[at - 1] for at, part in enumerate(parts) if at and part == "tests"]
    return above[-1] if above and NAMESPACE_NAME.match(above[-1]) else None
