"""The plan of an activation: which namespaces move to the tip, and what that changes. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from app.db.activation import Activation
from app.db.carrying import Rename
from app.db.records import ActiveFlow, FlowKey, Head, Snapshot
from app.git.survey import shown
from app.sync.findings import Found
from app.sync.index import FlowIndex
from app.sync.ownership import NamespaceKey
from app.sync.validation import Facts

RENAMED_FROM: Final = "system.renamedFrom"
"""The label of a flow that names, as `namespace/id`, what it was called before."""


class Tree(NamedTuple):
    """A namespace at the tip: what identifies its folder, "" when there is none."""

    key: NamespaceKey
    oid: str


@dataclass(slots=True)
class Basis:
    """Everything that a plan is made of."""

    tip: str
    atomic: str
    index: FlowIndex
    changed: Sequence[Tree]
    """The namespaces that were looked at."""
    snapshots: Mapping[NamespaceKey, Snapshot]
    active: Mapping[FlowKey, ActiveFlow]
    facts: Mapping[str, Facts]
    """Path -> facts of the flows that were parsed; of the others the active ones hold."""
    found: Sequence[Found]


@dataclass(slots=True)
class Plan:
    """What is going to change. `activation` is all of it, as the database takes it."""

    activation: Activation
    added: int = 0
    changed: int = 0
    deleted: int = 0
    invalid: int = 0
    keys: set[FlowKey] = field(default_factory=set)
    """Flows whose state in memory is to be read again."""

    def counts(self, revisions: int) -> dict[str, int]:
        """Return what is told of the plan in numbers; `revisions` were made on the way to it."""
        return {
            "added": self.added,
            "changed": self.changed,
            "deleted": self.deleted,
            "invalid": self.invalid,
            "namespaces": len(self.activation.moved),
            "revisions": revisions,
        }

    @property
    def is_partial(self) -> bool:
        """Whether something of the tip does not become active."""
        return bool(self.activation.stayed) or self.invalid > 0


def make_plan(basis: Basis, activation: Activation) -> Plan:
    """Decide what moves and fill the activation with it."""
    plan = Plan(activation)
    bad_paths = {each.path for each in basis.found if each.is_error}
    bad_places = {each.namespace for each in basis.found if each.is_error}
    plan.invalid = len(bad_paths)
    for tree in basis.changed:
        is_bad = tree.key in bad_places
        if (basis.atomic == "commit" and bad_places) or (basis.atomic == "namespace" and is_bad):
            _stay(plan, basis, tree, bad_paths, is_bad=is_bad)
        else:
            _move(plan, basis, tree, bad_paths if is_bad else frozenset())
    if activation.moved:
        activation.applied = basis.tip
    activation.renames = list(_renames(activation.flows))
    return plan


def _renames(flows: Sequence[ActiveFlow]) -> Iterator[Rename]:
    """Yield the flows that say which one they were, where that one ends with the same commit.

    The label alone is no proof: a flow that goes on, or is of another source, keeps what it has.
    """
    ended = {each.key for each in flows if each.deleted}
    for flow in flows:
        if flow.deleted or RENAMED_FROM not in flow.labels:
            continue
        for label in orjson.loads(flow.labels):
            namespace, _, flow_id = str(label["value"]).rpartition("/")
            old = (flow.key[0], namespace, flow_id)
            if label["key"] == RENAMED_FROM and old in ended:
                yield Rename(old, flow.key, flow.revision)


def _stay(plan: Plan, basis: Basis, tree: Tree, bad_paths: Iterable[str], *, is_bad: bool) -> None:
    """Leave a namespace where it is; its newer revisions are invalid or held."""
    old = basis.snapshots.get(tree.key)
    state = "invalid" if is_bad else "held"
    commit, oid = (old.commit, old.tree) if old else ("", "")
    plan.activation.stayed.append(Snapshot(*tree.key, commit, oid, state))
    for key in basis.index.of_namespace(*tree.key):
        head, active = basis.index.heads[key], basis.active.get(key)
        if active is None or active.revision != head.revision:
            _mark(plan, basis, key, "invalid" if _is_bad(basis, key, bad_paths) else "held")


def _move(plan: Plan, basis: Basis, tree: Tree, bad_paths: Iterable[str]) -> None:
    """Take a namespace to the tip, except for flows of `bad_paths` (atomic: flow)."""
    state = "invalid" if bad_paths else "active"
    plan.activation.moved.append(Snapshot(*tree.key, basis.tip, tree.oid, state))
    for key in basis.index.of_namespace(*tree.key):
        head, active = basis.index.heads[key], basis.active.get(key)
        if active is None and key in basis.index.adopted:
            continue
        if not head.deleted and _is_bad(basis, key, bad_paths):
            if active is None or active.revision != head.revision:
                _mark(plan, basis, key, "invalid")
            continue
        if active is not None and not active.deleted:
            plan.keys.add(key)
        if active is None or _differs(active, head):
            _activate(plan, basis, key, head, active)


def _activate(
    plan: Plan, basis: Basis, key: FlowKey, head: Head, active: ActiveFlow | None
) -> None:
    plan.keys.add(key)
    if active is not None and active.revision != head.revision:
        plan.activation.states.append((key, active.revision, "superseded"))
    plan.activation.states.append((key, head.revision, "active"))
    known = Facts(active.labels, active.description, active.disabled) if active else Facts()
    facts = basis.facts.get(head.path, known)
    plan.activation.flows.append(
        ActiveFlow(
            key,
            head.revision,
            head.commit,
            basis.tip,
            head.blob,
            shown(head.path),
            head.deleted,
            *facts,
        )
    )
    _count(plan, head, active)


def _count(plan: Plan, head: Head, active: ActiveFlow | None) -> None:
    was_there = active is not None and not active.deleted
    if head.deleted:
        plan.deleted += was_there
    elif not was_there:
        plan.added += 1
    elif active is not None and active.blob != head.blob:
        plan.changed += 1


def _differs(active: ActiveFlow, head: Head) -> bool:
    now = (head.revision, head.deleted, shown(head.path))
    return (active.revision, active.deleted, active.path) != now


def _is_bad(basis: Basis, key: FlowKey, bad_paths: Iterable[str]) -> bool:
    owner = basis.index.owners.get(key)
    return owner is not None and shown(owner) in bad_paths


def _mark(plan: Plan, basis: Basis, key: FlowKey, state: str) -> None:
    plan.activation.states.append((key, basis.index.heads[key].revision, state))
