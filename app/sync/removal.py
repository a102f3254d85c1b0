"""A source that is taken away: its flows are gone, its revisions stay readable."""

from app.db.activation import Activation
from app.db.records import ActiveFlow, Head, NewRevision, Snapshot, Source
from app.sync.worker import Shared


async def live_flows(shared: Shared, source_id: str) -> list[ActiveFlow]:
    """Return what is active of a source, without tombstones."""
    found = await shared.sources.activation.flows(source_id)
    return [each for each in found.values() if not each.deleted]


async def retire(shared: Shared, source: Source) -> int:
    """Delete the flows of a source, each with a revision that says so; return how many."""
    flows = await live_flows(shared, source.id)
    now = shared.clock.now()
    heads = await shared.sources.revisions.heads(source.id)
    seq = await shared.sources.revisions.last_seq(source.id) + 1
    commit = source.last_attempted or source.last_applied or ""
    gone = {each.key: _deletion(each, heads[each.key], commit, seq) for each in flows}
    if gone:
        revisions = gone.values()
        await shared.sources.revisions.add(source.id, [], revisions, attempted=commit, at=now)
    activation = Activation(source.id, now, reason=f"source {source.id} was removed")
    snapshots = await shared.sources.activation.snapshots(source.id)
    activation.moved = [
        Snapshot(*key, each.commit, "", "active") for key, each in snapshots.items() if each.tree
    ]
    activation.flows = [
        each._replace(revision=gone[each.key].revision, deleted=True) for each in flows
    ]
    for each in flows:
        activation.states.append((each.key, each.revision, "superseded"))
        activation.states.append((each.key, gone[each.key].revision, "active"))
    found = await shared.sources.findings(source.id)
    activation.resolved = [each.id for each in found]
    await shared.sources.activation.activate(activation)
    await shared.flows.refresh(set(gone))
    return len(flows)


def _deletion(flow: ActiveFlow, head: Head, commit: str, seq: int) -> NewRevision:
    number = head.revision + 1
    path, blob = flow.path, head.blob
    return NewRevision(flow.key, number, commit, blob, path, "delete", head.incarnation, seq)
