"""`ChangePlan`: what one tree changes against another, said before anything of it happens."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from app.sync.findings import Found
from app.sync.planning.changes import FileChange, FlowChange, NamespaceChange, Running
from app.sync.planning.comparing import compare, namespaces_of
from app.sync.planning.dates import Times
from app.sync.planning.judging import IsActive, judge
from app.sync.planning.shapes import plan_json
from app.sync.planning.tree import FlowKey, TreeView


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What a tree changes. `base` and `head` name the trees, `base` is empty where there is none.

    `findings`: what is wrong with what changed, and what the change makes wrong elsewhere.
    """

    base: str
    head: str
    namespaces: tuple[NamespaceChange, ...] = ()
    findings: tuple[Found, ...] = ()
    approvers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Who must approve -> the paths that they own, by CODEOWNERS of the base."""
    new_types: tuple[str, ...] = ()
    """Types that nothing in the base uses."""
    others: tuple[FileChange, ...] = ()
    """Files of no namespace, by their paths: sources, tenants, settings, CODEOWNERS."""

    @property
    def flows(self) -> Iterator[FlowChange]:
        """Every flow that changes."""
        return (flow for each in self.namespaces for flow in each.flows)

    @property
    def changed_keys(self) -> frozenset[FlowKey]:
        """The flows that change, a renamed one by both of its names."""
        keys = {flow.key for flow in self.flows}
        return frozenset(keys | {flow.old_key for flow in self.flows if flow.old_key})

    @property
    def impact(self) -> frozenset[FlowKey]:
        """The flows that change, and those that depend on them."""
        found = {(flow.key[0], *name) for flow in self.flows for name in flow.dependents}
        return self.changed_keys | found

    @property
    def counts(self) -> dict[str, int]:
        """How many flows are added, changed, removed, renamed, moved, invalid; zeros left out."""
        found: dict[str, int] = {}
        for flow in self.flows:
            found[flow.kind] = found.get(flow.kind, 0) + 1
        return found

    @property
    def errors(self) -> int:
        """How many of the findings keep something from becoming active."""
        return sum(each.is_error for each in self.findings)

    @property
    def is_empty(self) -> bool:
        """Whether nothing that concerns us changes."""
        return not (self.namespaces or self.findings or self.others)

    def with_facts(
        self,
        running: Mapping[FlowKey, tuple[Running, ...]],
        users: Mapping[FlowKey, int] | None = None,
    ) -> "ChangePlan":
        """Return the plan with what only a server knows: executions, and who starts them."""

        def told(flow: FlowChange) -> FlowChange:
            key = flow.old_key or flow.key
            return replace(flow, running=running.get(key, ()), users=(users or {}).get(key, 0))

        namespaces = tuple(
            replace(each, flows=tuple(map(told, each.flows))) for each in self.namespaces
        )
        return replace(self, namespaces=namespaces)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON has it: camelCase, zeros and nothing left out, no secrets."""
        return {
            "base": self.base or None,
            "head": self.head,
            "counts": self.counts,
            "errors": self.errors,
            "warnings": len(self.findings) - self.errors,
            "newTypes": list(self.new_types),
            "approvers": {name: list(paths) for name, paths in self.approvers.items()},
            "impact": len(self.impact),
            "others": [each._asdict() for each in self.others],
            **plan_json(self.namespaces, self.findings),
        }


def make_change_plan(
    base: TreeView | None,
    head: TreeView,
    *,
    now: datetime | None = None,
    zone: tzinfo = UTC,
    elsewhere: IsActive = lambda _: False,
) -> ChangePlan:
    """Return what `head` changes against `base`; without one, all of it is new (blocking).

    Args:
        base: the tree that is active or that is merged into.
        head: the tree that is to be, such as that of a merge.
        now: the time after which triggers fire; without it no dates are told.
        zone: the server's time zone, for triggers that name none.
        elsewhere: whether a flow that the trees do not have is active all the same.
    """
    head.judged_by = base
    compared = compare(base, head)
    times = Times(now, zone) if now else None
    return ChangePlan(
        base.label if base else "",
        head.label,
        tuple(namespaces_of(compared, base, head, times)),
        tuple(judge(base, head, compared, elsewhere)),
        (base or head).owners.by_owner(compared.surroundings.changed_paths),
        tuple(sorted(compared.new_types)),
        tuple(compared.surroundings.others()),
    )
