"""Where calls of a tenant may go, as its `tenant.yaml` says: less than the service allows."""

import functools
from collections.abc import Callable

from app.plugins.http import Narrowing, Policy
from app.sync.tenant_file import Egress, TenantSettings


def narrowing_of(settings: Callable[[str], TenantSettings]) -> Narrowing:
    """Return the rules of tenants, by what `settings` says of each at the moment."""

    def narrowing(tenant: str) -> Policy | None:
        return _policy(tenant, settings(tenant).egress)

    return narrowing


@functools.lru_cache(1024)
def _policy(tenant: str, egress: Egress) -> Policy | None:
    if egress.policy is None and not egress.allow:
        return None
    # A list alone is meant as one: as an exception from nothing it would have no meaning.
    return Policy.named(egress.policy or "allow-list", egress.allow, whose=f"tenant {tenant}")
