"""What merging would do: the plan of the merged tree against the tip of the base (blocking)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from app.db.records import StoredFinding
from app.sync.findings import Found
from app.sync.passes import Parts
from app.sync.planning.plan import ChangePlan, make_change_plan
from app.sync.planning.source_trees import SourceTrees
from app.sync.planning.tree import TreeView
from app.sync.review.leaks import Leaked, leaks
from app.sync.review.merging import MergeResult


class Judgement(NamedTuple):
    """A plan, and the tree that it is about."""

    plan: ChangePlan
    tree: TreeView
    leaked: Leaked

    @property
    def touched(self) -> tuple[str, ...]:
        """`tenant/namespace` of what changes, or becomes wrong by it."""
        names = {(each.tenant, each.namespace) for each in self.plan.namespaces}
        names |= {each.namespace for each in self.plan.findings if each.namespace[0]}
        return tuple(sorted(f"{tenant}/{namespace}" for tenant, namespace in names))


class Judge:
    """Plans merge results. What was read of files is remembered, and the last base of a source."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        """Know the server's time zone."""
        self._zone = zone
        self._bases: dict[str, TreeView] = {}

    def judge(self, source_id: str, parts: Parts, result: MergeResult, now: datetime) -> Judgement:
        """Return what the merged tree changes; `now`: triggers fire after it."""
        trees = SourceTrees.of(parts)
        base = self._bases.get(source_id)
        # Beside other sources, what is ours may change without a commit.
        known = base is not None and not parts.claims.is_shared
        if base is None or not known or base.label != result.sides.base:
            base = trees.commit(result.sides.base)
            self._bases[source_id] = base
        tree = trees.commit(result.tree)
        tree.label = result.sides.head  # people know the commit, not the tree of the merge
        plan = make_change_plan(base, tree, now=now, zone=self._zone, elsewhere=trees.is_elsewhere)
        leaked = leaks(parts.repository, result)
        ours = [each for each in leaked.found if not trees.standing(*each.namespace)]
        return Judgement(replace(plan, findings=(*plan.findings, *ours)), tree, leaked)


def standing(stored: Iterable[StoredFinding], judged: Judgement) -> Sequence[Found]:
    """Return what was wrong before in the namespaces that change, and is not mended by it."""
    touched = set(judged.touched)
    told = {(each.path, each.code) for each in judged.plan.findings}
    mended = {path for flow in judged.plan.flows for path in (flow.path, flow.old_path)}
    return [
        Found(
            (each.tenant, each.namespace),
            each.path,
            each.code,
            each.severity,
            each.message,
            each.fix,
            each.line,
            each.column,
            each.pointer,
            each.flow_id,
        )
        for each in stored
        if f"{each.tenant}/{each.namespace}" in touched
        and each.path not in mended
        and (each.path, each.code) not in told
    ]
