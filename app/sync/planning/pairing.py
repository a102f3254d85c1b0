"""Which flow of one tree is which of the other: the same, moved, or under another name."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from app.flows.parse import parse_document
from app.flows.yaml import YamlError
from app.sync.planning.tree import FlowFile, FlowKey, TreeView

LABEL = "system.renamedFrom"
"""The label of a flow that was another one before: `old.namespace/old_id`."""


class Pair(NamedTuple):
    """A flow in both trees; None where one of them does not have it."""

    old: FlowFile | None
    new: FlowFile | None
    carries: bool = False
    """Whether a renamed flow says so by its label."""

    @property
    def is_renamed(self) -> bool:
        """Whether both are there and have different names."""
        return bool(self.old and self.new and self.old.key != self.new.key)


def pairs(base: TreeView | None, head: TreeView, old: Mapping[FlowKey, FlowFile]) -> list[Pair]:
    """Return the flows that differ in anything, in the order of their names."""
    new = head.flows(old)
    added = [file for key, file in new.items() if key not in old]
    removed = [file for key, file in old.items() if key not in new]
    changed = [
        Pair(old[key], file)
        for key, file in new.items()
        if key in old and (old[key].oid, old[key].path) != (file.oid, file.path)
    ]
    renamed = _renamed(base, head, removed, added) if base and removed and added else []
    gone = {pair.old.path for pair in renamed if pair.old}
    come = {pair.new.path for pair in renamed if pair.new}
    rest = [Pair(file, None) for file in removed if file.path not in gone]
    rest += [Pair(None, file) for file in added if file.path not in come]
    return sorted([*changed, *renamed, *rest], key=_name)


def _name(pair: Pair) -> FlowKey:
    file = pair.new or pair.old
    return file.key if file else ("", "", "")


def _renamed(
    base: TreeView, head: TreeView, removed: list[FlowFile], added: list[FlowFile]
) -> list[Pair]:
    """Return removed flows with the added ones that they became: by label, path or content."""
    documents = {file.path: _document(source) for file, source in head.sources(added)}
    by_key = {file.key: file for file in removed}
    found: list[Pair] = []
    rest: list[FlowFile] = []
    for file in added:
        old = by_key.pop(named_before(file, documents.get(file.path)), None)
        if old is None:
            rest.append(file)
        else:
            found.append(Pair(old, file, carries=True))
    return [*found, *_alike(base, by_key.values(), rest, documents)]


def named_before(file: FlowFile, document: Any) -> FlowKey:
    """Return the flow that a document says it was; empty texts where it says nothing."""
    labels = document.get("labels") if isinstance(document, dict) else None
    if isinstance(labels, list):
        labels = {each.get("key"): each.get("value") for each in labels if isinstance(each, dict)}
    text = labels.get(LABEL) if isinstance(labels, dict) else None
    namespace, _, flow_id = str(text or "").partition("/")
    return (file.place.tenant, namespace, flow_id) if flow_id else ("", "", "")


def _alike(
    base: TreeView,
    removed: Iterable[FlowFile],
    added: Iterable[FlowFile],
    documents: Mapping[str, Any],
) -> Iterator[Pair]:
    by_path = {file.path: file for file in removed}
    by_body: dict[tuple[str, bytes], list[FlowFile]] = {}
    for file, source in base.sources(by_path.values()):
        body = _body(_document(source))
        if body:
            by_body.setdefault((file.place.tenant, body), []).append(file)
    taken: set[str] = set()
    for file in added:
        same = [*by_body.get((file.place.tenant, _body(documents.get(file.path))), ())]
        if file.path in by_path:
            same.insert(0, by_path[file.path])
        old = next((each for each in same if each.path not in taken), None)
        if old is not None:
            taken.add(old.path)
            yield Pair(old, file)


def _document(source: bytes) -> Any:
    try:
        return parse_document(source)
    except YamlError:
        return None


def _body(document: Any) -> bytes:
    """Return what a document is besides its name; nothing where it cannot be read."""
    if not isinstance(document, dict):
        return b""
    rest = {key: value for key, value in document.items() if key not in ("id", "namespace")}
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(rest, option=options, default=str)
    except TypeError:  # numbers that JSON does not have
        return repr(rest).encode()
