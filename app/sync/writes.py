"""Edits by the API: a flow that is saved or deleted becomes a commit, and is active at once."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from app.config.tenant_names import TENANT_NAME, tenant_name_problem
from app.db.records import FlowKey
from app.errors import Conflict, Invalid, NotFound
from app.flows.parse import Parsed
from app.flows.problems import Problem
from app.git.fastimport import blob_id
from app.git.layout import NAMESPACE_NAME
from app.git.objects import ObjectReader
from app.git.trees import blob_of
from app.ports import FlowRevision
from app.ports.flows import DefaultSetOf
from app.sync.model import Actor, FlowWrite
from app.sync.passes import Parts
from app.sync.publishing import Edits, Publisher
from app.sync.validation import parse


class FlowEdit(NamedTuple):
    """One flow file to write; `known` is the active revision of the flow, if there is one."""

    key: FlowKey
    path: str
    data: bytes | None
    known: FlowRevision | None


class Writes:
    """Makes commits of edits and waits until they are active."""

    def __init__(self, parts: Parts, publisher: Publisher) -> None:
        """Publish by `publisher`."""
        self._parts = parts
        self._publisher = publisher

    async def put(
        self,
        tenant: str,
        namespace: str | None,
        flow_id: str | None,
        source: str,
        *,
        actor: Actor,
        message: str | None,
        create: bool | None,
    ) -> FlowRevision:
        """Write one flow (see `SyncService.put_flow`)."""
        self._publisher.refuse_read_only()
        key = await self._identified(tenant, namespace, flow_id, source)
        known = self._known(key)
        if create and known is not None:
            _refuse("id", f"Flow {key[1]}.{key[2]} already exists", "ALREADY_EXISTS")
        if create is False and known is None:
            message = f"there is no flow {key[1]}.{key[2]} in tenant {tenant}"
            raise NotFound(message)
        edit = await self._edit(key, source.encode("utf-8"), known)
        verb = "Create" if known is None else "Update"
        await self._commit([edit], message or f"{verb} flow {key[1]}.{key[2]}", actor)
        return self._parts.flows.effective(*key)

    async def put_all(
        self, tenant: str, wanted: Sequence[FlowWrite], *, actor: Actor, message: str | None
    ) -> list[FlowRevision | None]:
        """Write several flows in one commit (see `SyncService.put_flows`)."""
        self._publisher.refuse_read_only()
        edits = await self.prepared(tenant, wanted)
        if edits:
            await self._commit(edits, message or f"Update {len(edits)} flows", actor)
        return [
            None if edit.data is None else self._parts.flows.effective(*edit.key) for edit in edits
        ]

    async def delete(
        self, tenant: str, namespace: str, flow_id: str, *, actor: Actor, message: str | None
    ) -> None:
        """Delete one flow (see `SyncService.delete_flow`)."""
        self._publisher.refuse_read_only()
        edit = await self._edit((tenant, namespace, flow_id), None, None)
        await self._commit([edit], message or f"Delete flow {namespace}.{flow_id}", actor)

    # -- the edit --------------------------------------------------------------------------------

    async def prepared(self, tenant: str, wanted: Sequence[FlowWrite]) -> list[FlowEdit]:
        """Return which files are to be written; an empty id means the one that the text names.

        Raises:
            Invalid: with `problems`, when a source is no valid flow. NotFound, Gone: when what is
                to be deleted is not there.
        """
        edits = []
        for namespace, flow_id, source in wanted:
            if source is None:
                edits.append(await self._edit((tenant, namespace, flow_id), None, None))
                continue
            key = await self._identified(tenant, namespace, flow_id or None, source)
            edits.append(await self._edit(key, source.encode("utf-8"), self._known(key)))
        return edits

    def edits_of(self, flows: Sequence[FlowEdit], message: str, actor: Actor) -> Edits:
        """Return the edits of files as what a publisher takes."""

        def check(tip: str) -> None:
            for edit in flows:
                if edit.known is not None:
                    _refuse_moved(self._parts.repository.mirror.objects, tip, edit)

        changes = {edit.path: edit.data for edit in flows}
        places = {edit.key[:2] for edit in flows}
        return Edits(changes, places, message, actor, check)

    async def _identified(
        self, tenant: str, namespace: str | None, flow_id: str | None, source: str
    ) -> FlowKey:
        """Return the identity that a source has.

        Raises:
            Invalid: when it is no valid flow. Unavailable: when that cannot be told now.
        """
        defaults = await self._parts.tenants.defaults_in(tenant, [source], namespace)
        parsed = await asyncio.to_thread(self._parsed, source, tenant, namespace, defaults)
        if parsed.flow is None:
            problems = [each for each in parsed.problems if each.severity == "error"]
            raise Invalid("; ".join(map(str, problems)), problems=list(parsed.problems))
        flow = parsed.flow
        if flow_id is not None and flow.id != flow_id:
            _refuse("id", f"The id is {flow.id!r}, but the flow to write is {flow_id!r}")
        if not TENANT_NAME.match(tenant):
            raise Invalid(tenant_name_problem(tenant))
        if not NAMESPACE_NAME.match(flow.namespace):
            _refuse("namespace", f"{flow.namespace!r} is no namespace")
        size = len(source.encode("utf-8"))
        if size > self._parts.spec.max_flow_bytes:
            most = self._parts.spec.max_flow_bytes
            _refuse("", f"The flow has {size} bytes, {most} are allowed", "TOO_LARGE")
        return tenant, flow.namespace, flow.id

    def _parsed(
        self, source: str, tenant: str, namespace: str | None, defaults: DefaultSetOf
    ) -> Parsed:
        return parse(source, self._parts.types, tenant, namespace, defaults=defaults)

    def _known(self, key: FlowKey) -> FlowRevision | None:
        return self._parts.flows.in_git(*key)

    async def _edit(self, key: FlowKey, data: bytes | None, known: FlowRevision | None) -> FlowEdit:
        if data is None:
            known = self._known(key)
            if known is None:
                self._parts.flows.effective(*key)  # raises NotFound or Gone
                message = f"there is no flow {key[1]}.{key[2]} in tenant {key[0]}"
                raise NotFound(message)
        path = known.path if known else await self.path_of(key)
        return FlowEdit(key, path, data, known)

    async def path_of(self, key: FlowKey) -> str:
        """Return where a flow lies, also one that is not valid, or where it is to lie."""
        known = self._known(key)
        if known is not None:
            return known.path
        revisions = await self._parts.flows.revisions(*key)
        if revisions and revisions[-1].kind != "delete":
            return revisions[-1].path
        return self._parts.repository.layout.flow_path(*key)

    # -- the commit ------------------------------------------------------------------------------

    async def _commit(self, edits: Sequence[FlowEdit], message: str, actor: Actor) -> None:
        """Publish the edits as one commit and wait until it is active."""
        commit = await self._publisher.publish(self.edits_of(edits, message, actor))
        if self._publisher.mode == "push":  # else nothing was to change: it would be proposed
            for edit in edits:
                self._refuse_inactive(edit, commit)

    def _refuse_inactive(self, edit: FlowEdit, commit: str) -> None:
        """Tell when the edit is in Git, but something else keeps its namespace from moving."""
        now = self._known(edit.key)
        if edit.data is None:
            is_active = now is None
        else:
            is_active = now is not None and now.blob == blob_id(edit.data, len(now.blob))
        if not is_active:
            message = (
                f"commit {commit[:12]} was made, but is not active:"
                f" see the findings of namespace {edit.key[1]}"
            )
            raise Conflict(message)


def _refuse_moved(objects: ObjectReader, tip: str, edit: FlowEdit) -> None:
    """Refuse to write where the file is not any more: it would define the flow twice."""
    if blob_of(objects, tip, edit.path) is None:
        message = f"{edit.path} was moved or deleted in the meantime; sync and try again"
        raise Conflict(message)


def _refuse(path: str, message: str, code: str = "SCHEMA") -> NoReturn:
    problem = Problem(code, "error", path, 0, 0, message)
    raise Invalid(message, problems=[problem])
