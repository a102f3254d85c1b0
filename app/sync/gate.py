"""The gate: a plan that takes too much away waits for somebody's word."""

from app.sync.plan import Plan

_ALWAYS = 10
_SHARE = 0.2


def refusal(plan: Plan, *, active: int, root_missing: bool) -> str | None:
    """Return why a plan is held, None when it may go on.

    Held is what deletes more than ten flows and a fifth of all `active` ones, and what deletes any
    because the folder that the source reads is gone.
    """
    if plan.deleted == 0:
        return None
    if root_missing:
        return f"the source's folder is gone, {plan.deleted} flows with it"
    if plan.deleted > max(_ALWAYS, _SHARE * active):
        return f"it deletes {plan.deleted} of {active} flows"
    return None
