"""What is active after a plan of which a part stays behind, and whether it has all it needs."""

import asyncio

from app.db.records import FlowKey
from app.sync.findings import Found
from app.sync.passes import Parts, Pass
from app.sync.plan import Plan


async def left_behind(parts: Parts, now: Pass, plan: Plan) -> list[Found]:
    """Return errors for flows that would start one which does not become active with them."""
    crossing = now.crossing
    if crossing is None or not plan.is_partial:
        return []
    planned = {flow.key: not flow.deleted for flow in plan.activation.flows}

    def is_live(key: FlowKey) -> bool:
        return planned[key] if key in planned else parts.flows.in_git(*key) is not None

    moving = [key for key, is_there in planned.items() if is_there]
    found = await asyncio.to_thread(crossing.left_behind, moving, is_live)
    known = {(each.path, each.message) for each in now.found}
    return [each for each in found if (each.path, each.message) not in known]
