"""Settings of tenants: what their files may say, and what operators say in their place."""

from typing import Literal

from pydantic import Field

from app.config.sections import Section


class TenantQuota(Section):
    """What an operator allows one tenant; it counts before what the tenant's file says."""

    executions: int | None = Field(None, gt=0, description="Most executions in motion at once.")
    task_runs: int | None = Field(None, gt=0, description="Most task runs at work at once.")
    weight: float | None = Field(None, ge=0.01, le=1000, description="Share of a busy node.")


class TenantsSettings(Section):
    """What tenants may take of a node, and whether their namespaces are open to each other."""

    cross_namespace: Literal["allowed", "granted"] = Field(
        "allowed",
        description="Whether namespaces may use each other unless one forbids it, as in Kestra, or "
        "only where the used one grants it; a `tenant.yaml` may choose `granted`, too.",
    )
    task_runs: int | None = Field(
        None,
        gt=0,
        description="Most task runs of one tenant at work at once on this node; none: as many as "
        "the node has.",
    )
    max_weight: float = Field(
        10.0, ge=0.01, le=1000, description="Largest weight that a `tenant.yaml` may ask for."
    )
    quotas: dict[str, TenantQuota] = Field(
        {},
        description='Quotas by tenant, such as `{"acme": {"executions": 500, "weight": 2}}`; they '
        "count before those of its file.",
    )
