"""Plans as reverts tell them."""

from collections.abc import Awaitable, Callable

from app.sync.planning.comment import plan_markdown
from app.sync.planning.planner import Planner

_LONGEST = 30_000


def plans_of(planner: Planner) -> Callable[[str, str, str], Awaitable[str]]:
    """Return what tells the plan of two commits of a source in Markdown."""

    async def told(source_id: str, base: str, head: str) -> str:
        plan = await planner.plan(source_id, base, head)
        return plan_markdown(plan, limit=_LONGEST, title="What it changes")

    return told
