"""The phases that act: PLAN, GATE and ACTIVATE."""

from app.db.activation import Activation
from app.db.records import StoredFinding
from app.sync.findings import difference
from app.sync.gate import refusal
from app.sync.passes import Parts, Pass, Settled
from app.sync.plan import Basis, Plan, make_plan


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
    await _compare_findings(parts, now, now.plan)


async def gate(parts: Parts, now: Pass) -> None:
    """Hold a commit that takes too much away, until somebody approves it."""
    tip = now.tip or ""
    if now.cause == "manual" and parts.held == tip:
        parts.approved.add(tip)
    if now.plan is None or tip in parts.approved:
        parts.held = None
        return
    root = parts.repository.layout.root
    active = sum(not flow.deleted for flow in now.active.values())
    why = refusal(now.plan, active=active, root_missing=bool(root) and not now.entries)
    parts.held = tip if why else None
    if why:
        await parts.sources.activation.activate(_held(now.plan))
        parts.done = now.seen, tip
        raise Settled("HELD", f"PRUNE_LIMIT: {why}; sync again by hand to let it pass")


async def activate(parts: Parts, now: Pass) -> None:
    """Write everything in one transaction, then let new executions see it."""
    if now.plan is None:
        return
    new = now.plan.activation
    if not new.stayed and now.tip is not None:
        new.applied = now.tip
    await parts.sources.activation.activate(new)
    await parts.flows.refresh(now.plan.keys)
    parts.done = now.seen, now.tip or ""


def _held(plan: Plan) -> Activation:
    """Return what is written of a plan that does not come about: what was found, and states."""
    planned = plan.activation
    states = [(flow.key, flow.revision, "held") for flow in planned.flows]
    return Activation(
        planned.source_id,
        planned.at,
        states=states,
        findings=planned.findings,
        resolved=planned.resolved,
    )


async def _compare_findings(parts: Parts, now: Pass, plan: Plan) -> None:
    before = await parts.sources.findings(now.source.id)
    stamp = StoredFinding(
        "", now.source.id, now.id, now.tip or "", "", "", "", "", at=now.started_at
    )
    judged = [tree.key for tree in now.changed]
    result = difference(before, now.found, judged=judged, kept=frozenset(now.kept), stamp=stamp)
    plan.activation.findings, plan.activation.resolved = result
