"""What only a running node knows of a change: executions that go on, and who starts the flows."""

from app.db.impact import ImpactStore
from app.db.records import FlowKey
from app.ports import Clock
from app.sync.planning.changes import Running
from app.sync.planning.plan import ChangePlan

_MOST_FLOWS = 200
_DAYS = 30 * 24 * 3_600_000_000


class NodeFacts:
    """Adds facts of this node to plans; of a change of very many flows only to the first."""

    def __init__(self, impact: ImpactStore, clock: Clock) -> None:
        """`impact` knows the executions."""
        self._impact = impact
        self._clock = clock

    async def __call__(self, plan: ChangePlan) -> ChangePlan:
        """Return the plan with its executions, and its callers of the last 30 days."""
        since = max(0, self._clock.now() - _DAYS)
        running: dict[FlowKey, tuple[Running, ...]] = {}
        users: dict[FlowKey, int] = {}
        changed = [each for each in plan.flows if each.kind != "added"]
        for flow in changed[:_MOST_FLOWS]:
            key = flow.old_key or flow.key
            found = await self._impact.open_ones(key, since)
            running[key] = tuple(Running(*each) for each in found)
            if flow.breaks or flow.kind in ("removed", "renamed"):
                users[key] = await self._impact.calls(key, since)
        return plan.with_facts(running, users)
