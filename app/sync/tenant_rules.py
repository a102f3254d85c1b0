"""What tenants may take, and what namespaces may do with each other: implements `TenantRules`.

A namespace acts as its own service account. Who else's flows, executions, keys or files it may use
is for the other namespace to say (`allow:` of its `namespace.yaml`); where that says nothing the
tenant decides, and the settings of the service. No namespace ever reaches another tenant.
"""

from collections.abc import Mapping
from typing import Final

from app.access import is_within
from app.config import Settings
from app.ports import UNBOUNDED, Share, Use
from app.sync.namespace_file import NamespaceSettings
from app.sync.namespace_settings import NamespaceReader
from app.sync.tenants import Tenants

_WORDS: Final[Mapping[Use, str]] = {
    "execute": "start its flows",
    "trigger": "listen to its executions",
    "executions": "see or change its executions",
    "kv": "use its keys",
    "files": "use its files",
    "secrets": "read its secrets",
}
_INHERITED: Final = frozenset[Use]({"kv", "secrets"})
"""What a namespace has of those above it, as if it were its own."""
_REMEMBERED = 10_000


class NodeRules:
    """The rules of a node: settings, then files of tenants and namespaces."""

    def __init__(self, tenants: Tenants, namespaces: NamespaceReader, settings: Settings) -> None:
        """Ask `tenants` and `namespaces`, within `settings`."""
        self._tenants = tenants
        self._namespaces = namespaces
        self._settings = settings
        self._shares: dict[str, Share] = {}
        self._known: dict[tuple[str, str], NamespaceSettings] = {}
        self._generation = -1
        tenants.heard.append(self._shares.clear)

    def share(self, tenant: str, /) -> Share:
        """Return how much a tenant may take now."""
        found = self._shares.get(tenant)
        if found is None:
            if len(self._shares) >= _REMEMBERED:
                self._shares.clear()
            found = self._shares[tenant] = self._share(tenant)
        return found

    def _share(self, tenant: str) -> Share:
        said = self._tenants.of(tenant).quotas
        given = self._settings.tenants.quotas.get(tenant)
        most = self._settings.tenants
        weight = min(said.weight, most.max_weight)
        executions = [said.executions, self._settings.engine.queue_depth]
        task_runs = [said.task_runs, most.task_runs]
        if given is not None:
            executions = [said.executions, given.executions or self._settings.engine.queue_depth]
            task_runs = [said.task_runs, given.task_runs or most.task_runs]
            weight = given.weight or weight
        return Share(_least(executions), _least(task_runs), weight)

    async def refusal(self, tenant: str, who: str, whose: str, use: Use, /) -> str | None:
        """Return why a namespace may not use another one of its tenant; None: it may."""
        if who == whose or (use in _INHERITED and is_within(who, whose)):
            return None
        grants = (await self._of(tenant, whose)).allow
        if grants is None and self.mode(tenant) == "allowed":
            return None
        if any(use in grant.may and grant.covers(who) for grant in grants or ()):
            return None
        return (
            f"namespace {whose} does not let namespace {who} {_WORDS[use]}; `allow` in its"
            f" namespace.yaml grants it: {{namespace: {who}, may: [{use}]}}"
        )

    def mode(self, tenant: str) -> str:
        """Return what holds in a tenant where a namespace says nothing: `allowed` or `granted`."""
        if self._settings.tenants.cross_namespace == "granted":
            return "granted"
        return self._tenants.of(tenant).cross_namespace

    async def _of(self, tenant: str, namespace: str) -> NamespaceSettings:
        """Return the settings of a namespace, as the commit has it that is active now."""
        if self._generation != self._tenants.generation or len(self._known) >= _REMEMBERED:
            self._known.clear()
            self._generation = self._tenants.generation
        key = tenant, namespace
        found = self._known.get(key)
        if found is None:
            generation = self._generation
            found = await self._namespaces.read(tenant, namespace)
            if generation == self._generation:
                self._known[key] = found
        return found


def _least(bounds: list[int | None]) -> int:
    return min((each for each in bounds if each is not None), default=UNBOUNDED)
