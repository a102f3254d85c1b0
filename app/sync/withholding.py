"""Taking namespaces out of a plan: they stay where they are, the others move. Pure."""

from collections.abc import Collection, Mapping

from app.db.records import ActiveFlow, FlowKey, Snapshot
from app.sync.ownership import NamespaceKey
from app.sync.plan import Plan


def withhold(
    plan: Plan,
    keys: Collection[NamespaceKey],
    snapshots: Mapping[NamespaceKey, Snapshot],
    active: Mapping[FlowKey, ActiveFlow],
) -> None:
    """Leave namespaces at what `snapshots` say is active in them; their newer revisions wait."""
    new = plan.activation
    new.stayed += [standing(key, snapshots.get(key)) for key in sorted(keys)]
    new.moved = [each for each in new.moved if each[:2] not in keys]
    waiting = [flow for flow in new.flows if flow.key[:2] in keys]
    new.flows = [flow for flow in new.flows if flow.key[:2] not in keys]
    revisions = {(flow.key, flow.revision) for flow in waiting}
    new.states = [each for each in new.states if each[0][:2] not in keys or each[2] == "invalid"]
    new.states += [(key, revision, "held") for key, revision in sorted(revisions)]
    plan.keys = {key for key in plan.keys if key[:2] not in keys}
    for flow in waiting:
        _uncount(plan, flow, active.get(flow.key))


def _uncount(plan: Plan, flow: ActiveFlow, before: ActiveFlow | None) -> None:
    was_there = before is not None and not before.deleted
    if flow.deleted:
        plan.deleted -= was_there
    elif not was_there:
        plan.added -= 1
    elif before is not None and before.blob != flow.blob:
        plan.changed -= 1


def standing(key: NamespaceKey, old: Snapshot | None) -> Snapshot:
    """Return what is active in a namespace that has to wait."""
    commit, tree = (old.commit, old.tree) if old else ("", "")
    return Snapshot(*key, commit, tree, "held")
