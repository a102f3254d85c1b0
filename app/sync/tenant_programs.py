"""Whether programs of a tenant may run as processes beside the service."""

from collections.abc import Callable, Sequence

from app.sync.tenant_file import TenantSettings


class TenantPrograms:
    """Says why programs of a tenant do not run as processes; None: they do."""

    def __init__(
        self,
        settings: Callable[[str], TenantSettings],
        names: Callable[[], Sequence[str]],
        *,
        is_allowed: bool,
    ) -> None:
        """`names` are the tenants there are; `is_allowed`: the operator lets several share it."""
        self._settings = settings
        self._names = names
        self._is_allowed = is_allowed

    def __call__(self, tenant: str) -> str | None:
        """Return the reason, and the way out."""
        if not self._settings(tenant).runners.process:
            return f"the tenant {tenant} runs no programs beside the service: see its tenant.yaml"
        if not self._is_allowed and len(self._names()) > 1:
            return (
                "this service has several tenants, and a program could reach what belongs to "
                "another one; the operator may allow it with `runners.process_for_tenants`"
            )
        return None
