"""The phases that act: PLAN, GATE and ACTIVATE."""

import asyncio
from collections.abc import Collection

from app.db.activation import Activation
from app.db.records import StoredFinding
from app.sync.claiming import note
from app.sync.findings import difference
from app.sync.gate import hold_of
from app.sync.judging import hold_marks, pass_marks, reached
from app.sync.mixing import left_behind
from app.sync.ownership import NamespaceKey
from app.sync.passes import Parts, Pass, Settled
from app.sync.plan import Basis, Plan, make_plan
from app.sync.superseding import give_way
from app.sync.verifying import store_verdicts
from app.sync.withholding import standing


async def plan(parts: Parts, now: Pass) -> None:
    """Decide what moves, and what stays."""
    basis = Basis(
        tip=now.tip or "",
        atomic=now.source.atomic,
        index=parts.indexer.index,
        changed=now.changed,
        snapshots=now.snapshots,
        active=now.active,
        facts=now.facts,
        found=now.found,
    )
    now.plan = make_plan(basis, Activation(now.source.id, parts.clock.now()))
    while broken := await left_behind(parts, now, now.plan):
        # Each turn holds at least one more namespace (or flow) back, so this comes to an end.
        now.found += broken
        basis.found = now.found
        now.plan = make_plan(basis, Activation(now.source.id, parts.clock.now()))
    _compare_findings(now, now.plan)


async def gate(parts: Parts, now: Pass) -> None:
    """Hold a commit that may not become active yet, or not without somebody's word."""
    await store_verdicts(parts, now)
    await give_way(parts, now)
    parts.opens_at = None
    hold = await hold_of(parts, now)
    parts.held = now.tip if hold else None
    if hold is None:
        return
    if now.plan is not None:
        new = _held(now, now.plan)
        new.also = await hold_marks(parts, now, waits=hold.waits)
        await _write(parts, new)
    parts.done = now.seen, now.tip or ""
    _note_invalid(parts, now)
    raise Settled("HELD", hold.message, hold.code)


async def activate(parts: Parts, now: Pass) -> None:
    """Write everything in one transaction, then let new executions see it."""
    if now.plan is None:
        return
    new = now.plan.activation
    above = _moved(now, new)
    if not new.stayed and now.tip is not None:
        new.applied = now.tip
    judged, out = await pass_marks(parts, now)
    new.released = await _released(parts, now, new, out)
    let_through = f"{parts.spec.ref}@{now.tip}"
    if now.tip is not None and now.source.last_passed != let_through:
        new.passed = let_through
    if new.applied is not None:
        told = await asyncio.to_thread(parts.tenant_files.at, parts.repository, new.applied)
        above |= {(each, "") for each in parts.tenants.changed(new.source_id, told.texts)}
        new.also = parts.tenants.writes(new.source_id, told.texts, new.applied, new.at)
    said = await parts.access.writes(new.source_id, parts.repository, now.tip or "", new.at)
    heard = await parts.reporter.writes(new, now.active)
    new.also = [*new.also, *said, *judged, *heard]
    await _write(parts, new)
    if said:
        parts.access.changed()
    note(parts, new.moved)
    if new.is_news:
        await parts.tenants.refresh()
    await parts.flows.refresh(now.plan.keys)
    parts.done = now.seen, now.tip or ""
    parts.base = now.tip
    _note_invalid(parts, now)
    parts.heirs.moved(new.source_id, above)


def _moved(now: Pass, new: Activation) -> set[NamespaceKey]:
    """Return the namespaces of which something else is active from now on."""
    moved = ((each, now.snapshots.get(each[:2])) for each in new.moved)
    return {each[:2] for each, before in moved if before is None or before.tree != each.tree}


def _note_invalid(parts: Parts, now: Pass) -> None:
    """Note what other sources may put right, once the run counts as done."""
    new = now.plan.activation if now.plan is not None else None
    if new is not None:
        invalid = {each[:2] for each in (*new.moved, *new.stayed) if each.state == "invalid"}
        parts.heirs.left(new.source_id, invalid, now.judged_at)


async def _released(
    parts: Parts, now: Pass, new: Activation, out: Collection[str]
) -> list[tuple[str, str, str]]:
    """Return what was held and comes in with the tip.

    A commit that was forced away again, or stays `out`, never passed: what it says stays held.
    """
    moved = {(each.tenant, each.namespace) for each in new.moved}
    held = await parts.sources.activation.held(new.source_id)
    here = [each for each in held if each[:2] in moved]
    commits = {each[2] for each in here}.difference(out)
    there = await asyncio.to_thread(reached, parts, commits, now.tip or "")
    return [each for each in here if each[2] in there]


async def _write(parts: Parts, new: Activation) -> None:
    """Write an activation, unless another node took over meanwhile: then nothing of it."""
    leader = parts.leader
    if leader is not None:
        new.guard = leader.guard(moves=new.is_news)
    await parts.sources.activation.activate(new)
    if leader is not None and new.is_news:
        leader.moved()


def _held(now: Pass, plan: Plan) -> Activation:
    """Return what is written of a plan that does not come about: what was found, and states."""
    planned = plan.activation
    states = [each for each in planned.states if each[2] in ("held", "invalid")]
    states += [(flow.key, flow.revision, "held") for flow in planned.flows]
    return Activation(
        planned.source_id,
        planned.at,
        holds=True,
        stayed=[
            *planned.stayed,
            *(standing(each[:2], now.snapshots.get(each[:2])) for each in planned.moved),
        ],
        states=states,
        findings=planned.findings,
        resolved=planned.resolved,
    )


def _compare_findings(now: Pass, plan: Plan) -> None:
    stamp = StoredFinding(
        "", now.source.id, now.id, now.tip or "", "", "", "", "", at=now.started_at
    )
    judged = [tree.key for tree in now.changed]
    result = difference(
        now.open_findings,
        now.found,
        judged=judged,
        kept=frozenset(now.kept),
        stamp=stamp,
        crossed=now.crossed,
    )
    plan.activation.findings, plan.activation.resolved = result
