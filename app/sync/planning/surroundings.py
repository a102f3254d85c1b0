"""What namespaces hold besides flows: variables, names of secrets, files, tests, settings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from app.flows.differences import safe
from app.flows.secret_files import read_secret_file
from app.flows.yaml import YamlError, decode, load
from app.git.layout import Kind
from app.git.survey import Located, shown
from app.sync.planning.changes import FileChange, FlowChange, KeyChange, NamespaceChange
from app.sync.planning.changes import Kind as How
from app.sync.planning.tree import TreeView

NamespaceKey = tuple[str, str]
"""Tenant, namespace."""

Sides = tuple[Located | None, Located | None]
"""A file in the old tree and in the new one."""

_SECRETS: Final = frozenset({Kind.SECRETS, Kind.PREVIEW_SECRETS})
_LISTED: Final = frozenset({Kind.FILE, Kind.TEST})


@dataclass(slots=True)
class _Parts:
    variables: list[KeyChange] = field(default_factory=list)
    secrets: list[KeyChange] = field(default_factory=list)
    preview_secrets: list[KeyChange] = field(default_factory=list)
    files: list[FileChange] = field(default_factory=list)
    tests: list[FileChange] = field(default_factory=list)
    settings: bool = False


class Surroundings:
    """The files of two trees that are no flows, by what they are."""

    def __init__(self, base: TreeView | None, head: TreeView) -> None:
        """Look at both trees; without a base everything is new."""
        self._base = base
        self._head = head

    @cached_property
    def changed(self) -> list[Sides]:
        """The files that differ, flows and all else that counts, in order of their paths."""
        old = {each.place.path: each for each in self._base.survey.files} if self._base else {}
        new = {each.place.path: each for each in self._head.survey.files}
        sides = ((old.get(path), new.get(path)) for path in sorted({*old, *new}))
        return [(before, after) for before, after in sides if _differs(before, after)]

    @property
    def changed_paths(self) -> list[str]:
        """The paths of all files that differ."""
        return [shown(_either(each).place.path) for each in self.changed]

    def namespaces(self, flows: Mapping[NamespaceKey, list[FlowChange]]) -> list[NamespaceChange]:
        """Return the namespaces with a change, in order of their names."""
        parts: dict[NamespaceKey, _Parts] = {key: _Parts() for key in flows}
        for sides in self.changed:
            place = _either(sides).place
            if place.namespace and place.kind is not Kind.FLOW:
                own = parts.setdefault((place.tenant, place.namespace), _Parts())
                self._add(own, place.kind, sides)
        return [_change(key, flows.get(key, ()), each) for key, each in sorted(parts.items())]

    def others(self) -> list[FileChange]:
        """Return what lies in no namespace: sources, tenants, settings, owners; by their paths."""
        return [
            FileChange(shown(_either(each).place.path), _how(*each))
            for each in self.changed
            if not _either(each).place.namespace
        ]

    def _add(self, parts: _Parts, kind: Kind, sides: Sides) -> None:
        if kind is Kind.VARIABLES:
            parts.variables += key_changes(*(self._variables(*each) for each in self._both(sides)))
        elif kind in _SECRETS:
            names = (self._secrets(*each) for each in self._both(sides))
            found = [each._replace(before=None, after=None) for each in key_changes(*names)]
            own = parts.secrets if kind is Kind.SECRETS else parts.preview_secrets
            own += found
        elif kind is Kind.NAMESPACE:
            parts.settings = True
        elif kind in _LISTED:
            listed = parts.files if kind is Kind.FILE else parts.tests
            listed.append(FileChange(shown(_either(sides).place.name), _how(*sides)))

    def _both(
        self, sides: Sides
    ) -> tuple[tuple[TreeView | None, Located | None], tuple[TreeView | None, Located | None]]:
        return (self._base, sides[0]), (self._head, sides[1])

    def _variables(self, view: TreeView | None, file: Located | None) -> Mapping[str, Any]:
        if view is None or file is None:
            return {}
        return variables_in(view.content(file.entry))

    def _secrets(self, view: TreeView | None, file: Located | None) -> Mapping[str, Any]:
        if view is None or file is None:
            return {}
        return read_secret_file(view.content(file.entry)).secrets


def variables_in(source: bytes) -> Mapping[str, Any]:
    """Return the variables in a file; none where it is no map."""
    try:
        value = load(decode(source)).value
    except YamlError:
        return {}
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def key_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[KeyChange]:
    """Return the keys that differ, in order; what looks like a secret is masked."""
    changes = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if key not in old or key not in new:
            how: How = "added" if key in new else "removed"
        elif before == after and type(before) is type(after):
            continue
        else:
            how = "changed"
        changes.append(KeyChange(key, how, safe(before, key), safe(after, key)))
    return changes


def _change(key: NamespaceKey, flows: Iterable[FlowChange], parts: _Parts) -> NamespaceChange:
    return NamespaceChange(
        *key,
        tuple(flows),
        tuple(parts.variables),
        tuple(parts.secrets),
        tuple(parts.preview_secrets),
        tuple(parts.files),
        tuple(parts.tests),
        parts.settings,
    )


def _differs(before: Located | None, after: Located | None) -> bool:
    if before is None or after is None:
        return True
    return (before.entry.oid, before.entry.mode) != (after.entry.oid, after.entry.mode)


def _either(sides: Sides) -> Located:
    located = sides[1] or sides[0]
    if located is None:
        message = "one of the sides is there"
        raise ValueError(message)
    return located


def _how(before: Located | None, after: Located | None) -> How:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"
