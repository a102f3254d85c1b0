"""Crowds: which executions a node does not take on (contract D15).

A tenant has its quota, whoever else there is. A node that is full refuses those tenants only that
have their share of it already, by weight: who floods a node does not lock the others out.
"""

from app.engine.executor import Executor
from app.errors import TooMany
from app.telemetry import METRICS


def refuse_crowd(executor: Executor, tenant: str, most: int) -> None:
    """Let a new execution of a tenant pass on a node that takes `most` of all tenants.

    Raises:
        TooMany: when the tenant has too many in motion.
    """
    quota = executor.share(tenant).executions
    if (own := executor.count(tenant)) >= quota:
        METRICS.limits_reached.labels("tenant_executions").inc()
        message = (
            f"{quota} executions of tenant {tenant} are running, which is its quota; try again in"
            " a moment"
        )
        raise TooMany(message, retry_after=1)
    if executor.count() >= most and own >= fair_part(executor, tenant, most):
        METRICS.limits_reached.labels("executions").inc()
        message = f"{most} executions are running; try again in a moment"
        raise TooMany(message, retry_after=1)


def fair_part(executor: Executor, tenant: str, most: int) -> float:
    """Return how many of `most` executions are a tenant's, of those that have any in motion."""
    weights = {each: executor.share(each).weight for each in (tenant, *executor.tenants())}
    return most * weights[tenant] / sum(weights.values())
