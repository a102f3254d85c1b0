"""Edits of `tenant.yaml` and `namespace.yaml`: commits, or pull requests, as those of flows are."""

from collections.abc import Mapping
from typing import Any

import yaml

from app.config.tenant_names import TENANT_NAME, tenant_name_problem
from app.errors import Conflict, Invalid, NotFound
from app.git.layout import NAMESPACE_NAME
from app.git.trees import blob_of
from app.sync.model import Actor
from app.sync.namespace_file import settings_problems
from app.sync.publishing import Edits
from app.sync.sources import SourceSet
from app.sync.tenant_file import tenant_problems
from app.sync.worker import SourceWorker


class TenantWrites:
    """Writes settings of tenants and namespaces to the sources that these come from."""

    def __init__(self, workers: SourceSet) -> None:
        """Write to the repositories of `workers`."""
        self._workers = workers
        self._tenants = workers.shared.tenants

    async def put_tenant(
        self, tenant: str, document: Mapping[str, Any], *, actor: Actor, new: bool
    ) -> None:
        """Write the file of a tenant, which makes a `new` one; it counts when this returns.

        Raises:
            Invalid: when the name or a value is wrong.
            Conflict: when there is the new tenant already, or its source takes no edits.
            NotFound: when there is no such tenant, or no source for one.
            Proposed: when the source takes changes by pull request only: it is open now.
        """
        if not TENANT_NAME.match(tenant):
            raise Invalid(tenant_name_problem(tenant))
        there = self._tenants.source_of(tenant)
        if new and there is not None:
            raise Conflict(f"there is a tenant {tenant} already")
        if not new and there is None:
            raise NotFound(f"there is no tenant {tenant}")
        text = _text(document)
        if problem := next(tenant_problems(text), None):
            raise Invalid(f"{problem.path}: {problem.message}", problems=[problem])
        worker = self._workers.get(there) if there else await self._governing(tenant)
        verb = "Add" if new else "Change"
        await self._write(
            worker, _tenant_path(worker, tenant), text, f"{verb} tenant {tenant}", actor
        )

    async def remove_tenant(self, tenant: str, *, actor: Actor) -> None:
        """Remove the file of a tenant that holds nothing else.

        Raises:
            NotFound: when there is no such tenant.
            Conflict: when flows lie in it: whoever wants that removes its folder in Git.
        """
        there = self._tenants.source_of(tenant)
        if there is None:
            raise NotFound(f"there is no tenant {tenant}")
        if self._workers.shared.flows.active(tenant):
            message = (
                f"flows lie in tenant {tenant}: remove its folder in Git to remove it with them"
            )
            raise Conflict(message)
        worker = self._workers.get(there)
        await self._write(
            worker, _tenant_path(worker, tenant), None, f"Remove tenant {tenant}", actor
        )

    async def put_namespace(
        self, tenant: str, namespace: str, document: Mapping[str, Any] | None, *, actor: Actor
    ) -> None:
        """Write the file of a namespace (None: remove it); it counts when this returns.

        Raises:
            Invalid: when the name or a value is wrong.
            NotFound: when no source may hold the namespace, or there is none to remove.
            Conflict, Proposed: as `put_tenant`.
        """
        if not NAMESPACE_NAME.match(namespace):
            raise Invalid(f"{namespace!r} is no namespace")
        text = None if document is None else _text(document)
        if text is not None and (problem := next(settings_problems(text), None)):
            raise Invalid(problem.message, problems=[problem])
        worker = await self._workers.owner(tenant, namespace)
        layout = worker.parts.repository.layout
        path = f"{layout.namespace_folder(tenant, namespace)}/namespace.yaml"
        verb = "Remove" if text is None else "Change"
        message = f"{verb} settings of namespace {namespace}"
        written = await self._write(worker, path, text, message, actor, (tenant, namespace))
        if not (written or self._holds_flows(tenant, namespace)):
            raise NotFound(f"there is no namespace {namespace} in tenant {tenant}")

    def _holds_flows(self, tenant: str, namespace: str) -> bool:
        """Whether flows lie in a namespace, or below it."""
        found = (each.namespace for each in self._workers.shared.flows.active(tenant))
        return any(f"{each}.".startswith(f"{namespace}.") for each in found)

    async def _governing(self, tenant: str) -> SourceWorker:
        """Return the source that a new tenant goes to: the first that may own all of it."""
        for worker in self._workers:
            if worker.ownership.owns(tenant, "*") and worker.spec.layout == "native":
                return worker
        message = f"no source holds all of tenant {tenant}: add it to the namespaces of one"
        raise NotFound(message)

    async def _write(
        self,
        worker: SourceWorker,
        path: str,
        text: bytes | None,
        message: str,
        actor: Actor,
        *places: tuple[str, str],
    ) -> bool:
        """Write a file, or remove it (None); return whether there was anything to do."""
        worker.publisher.refuse_read_only()
        origin = await worker.publisher.opened()
        tip = worker.source.last_applied
        if text is None and (tip is None or blob_of(origin.mirror.objects, tip, path) is None):
            return False
        await worker.publisher.publish(Edits({path: text}, places, message, actor))
        await self._tenants.refresh()
        return True


def _tenant_path(worker: SourceWorker, tenant: str) -> str:
    path = worker.parts.repository.layout.tenant_file(tenant)
    if path is None:
        message = f"source {worker.id} has no place for the settings of a tenant"
        raise Conflict(message)
    return path


def _text(document: Mapping[str, Any]) -> bytes:
    kept = {key: value for key, value in document.items() if value is not None}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True).encode() if kept else b""
