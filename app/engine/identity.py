"""Flow identity: an execution acts as the service account of its namespace (security case 80).

Not as whoever started it, wrote it or changed it last. What the account may do in its own namespace
is everything; what it may do in another one is for that one to grant, and it is asked anew every
time: a restart or replay of an old execution has the rights of now (case 81).
"""

from collections.abc import Iterable

from app.errors import Forbidden
from app.executions import Execution
from app.ports import TenantRules, Use


class Identity:
    """The service account of a namespace."""

    __slots__ = ("_rules", "namespace", "tenant")

    def __init__(self, rules: TenantRules, tenant: str, namespace: str) -> None:
        """Act for a namespace, under the rules of its tenant."""
        self._rules = rules
        self.tenant = tenant
        self.namespace = namespace

    @classmethod
    def of(cls, rules: TenantRules, execution: Execution) -> "Identity":
        """Return what an execution acts as."""
        return cls(rules, execution.tenant, execution.namespace)

    async def ask(self, namespace: str, use: Use) -> None:
        """Let a use of a namespace pass.

        Raises:
            Forbidden: when the namespace does not let this one.
        """
        if namespace == self.namespace:
            return
        refusal = await self._rules.refusal(self.tenant, self.namespace, namespace, use)
        if refusal is not None:
            raise Forbidden(refusal)

    async def ask_all(self, namespaces: Iterable[str], use: Use) -> None:
        """Let a use of several namespaces pass; raises `Forbidden` for the first that refuses."""
        for namespace in sorted(set(namespaces)):
            await self.ask(namespace, use)

    async def may(self, namespace: str, use: Use) -> bool:
        """Whether a namespace lets this one."""
        if namespace == self.namespace:
            return True
        return await self._rules.refusal(self.tenant, self.namespace, namespace, use) is None
