"""One reading of a document: its text, its nodes, and the places of what is found."""

import functools
from collections.abc import Iterable
from typing import Any

from app.flows.defaults import Merged
from app.flows.findings import Finding
from app.flows.nodes import Node, walk
from app.flows.places import Place, find_places
from app.flows.problems import Path, Problem, path_text, printable
from app.flows.typed import ByType, Model
from app.flows.typenames import Types
from app.flows.yaml import YamlError


class Reading:
    """Looks up what is only needed when something is wrong: each at most once."""

    def __init__(self, text: str, merged: Merged, types: Types, root: type[Model] | ByType) -> None:
        """Read a merged document as a model, or as an entry that names its type."""
        self._text = text
        self._merged = merged
        self._types = types
        self._root = root

    @functools.cached_property
    def nodes(self) -> list[Node]:
        """The maps that are read as models, from the outside in."""
        raw, root = self._merged.raw, self._root
        if isinstance(root, ByType):
            name: Any = raw.get("type")
            model = root.find(name, {"types": self._types}) if isinstance(name, str) else None
        else:
            model = root
        return list(walk(raw, model, self._types)) if model is not None else []

    @functools.cached_property
    def _places(self) -> dict[Path, Place]:
        return find_places(self._text)

    def written(self, path: Path) -> str | None:
        """Return the scalar at a path of the merged document as it is written, None if unknown."""
        place = self._places.get(self._merged.origin(path))
        return None if place is None else place.text

    def line(self, path: Path) -> int:
        """Return the line (from 1) of the value at a path of the merged document, 0 if unknown."""
        place = self._places.get(self._merged.origin(path))
        return 0 if place is None else place.line

    def problems(self, findings: Iterable[Finding]) -> list[Problem]:
        """Return findings as problems with their places, each once, in the order of the text."""
        unique = dict.fromkeys(map(self._problem, findings))
        return sorted(unique, key=lambda problem: (problem.line, problem.column))

    def _problem(self, finding: Finding) -> Problem:
        path = self._merged.origin(finding.path)
        line, column = self._position(path, finding)
        return Problem(
            code=finding.code,
            severity=finding.severity,
            path=path_text(path),
            line=line,
            column=column,
            message=printable(finding.message),
            fix=printable(finding.fix),
        )

    def _position(self, path: Path, finding: Finding) -> tuple[int, int]:
        place = self._places.get(path)
        if place is None:  # a property that is missing: the entry that should have it
            known = next(path[:n] for n in range(len(path), -1, -1) if path[:n] in self._places)
            place = self._places[known]
            return place.line, place.column
        if finding.at_key:
            return place.key_line, place.key_column
        if finding.offset[0]:
            return self._inside(place, *finding.offset)
        return place.line, place.column

    def _inside(self, place: Place, line: int, column: int) -> tuple[int, int]:
        """Return where a line and column inside the value of a scalar stand in the document.

        Exact for literal blocks and for texts on one line without escapes; else the right line or
        the start of the value.
        """
        lines = self._text.splitlines()
        first = lines[place.line - 1][place.column - 1 :]
        if first[:1] in "|>":
            indent = next((len(x) - len(x.lstrip()) for x in lines[place.line :] if x.strip()), 0)
            return place.line + line, indent + column
        if line > 1:
            return place.line, place.column
        return place.line, place.column + column - 1 + (first[:1] in "\"'")


def syntax_problem(error: YamlError) -> Problem:
    """Return the problem of a document that cannot be read."""
    return Problem(error.problem, "error", "", error.line, error.column, error.message)
