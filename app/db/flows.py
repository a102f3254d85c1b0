"""Flows by revision: the `FlowSource` on the database, with pins and a cache of parsed flows.

What is active is held in memory (one small record per flow), so that starting an execution asks
the database nothing; activation and pins call `refresh`.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import and_, bindparam, func, select

from app.db.database import Database
from app.db.flow_rows import (
    ACTIVE,
    PIN,
    REVISION,
    active_query,
    is_kept_out,
    of_flow,
    pin_query,
    revision_of,
    revision_query,
    until,
)
from app.db.named_commits import as_of, named_commits
from app.db.overlays import COLUMNS, open_query
from app.db.overrides import Overrides
from app.db.packing import unpacked
from app.db.sql import Row
from app.db.tables import BlobRow
from app.errors import Conflict, Gone, NotFound, Redacted
from app.flows.flow import PluginDefault
from app.flows.parse import Parsed, parse_flow
from app.flows.typenames import Types
from app.ports import FlowRevision, LoadedFlow
from app.ports.flows import NO_DEFAULTS, DefaultSet, PluginDefaults, incomplete

_BLOB: Any = BlobRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it

FlowKey = tuple[str, str, str]
"""Tenant, namespace, flow id."""

_NEWEST = (
    revision_query()
    .where(*(REVISION.c[name] == bindparam(name) for name in ("tenant", "namespace", "flow_id")))
    .order_by(REVISION.c.revision.desc())
    .limit(1)
)
_ONE_REVISION = _NEWEST.where(REVISION.c.revision == bindparam("revision"))
_SOURCE = select(_BLOB.c.data).where(_BLOB.c.oid == bindparam("oid"))

_PARSED = 512


class FlowStore:
    """Which flows there are, what they say at any revision, and what runs now."""

    def __init__(self, database: Database, types: Types) -> None:
        """Read from `database`; `types` are the task and trigger types flows may use."""
        self._database = database
        self._types = types
        self._active: dict[FlowKey, FlowRevision] = {}
        self._deleted: set[FlowKey] = set()
        self._pins: dict[FlowKey, FlowRevision] = {}
        self.overrides = Overrides()
        """What operators override without touching Git."""
        self._loaded: OrderedDict[tuple[Any, ...], LoadedFlow] = OrderedDict()
        self.defaults: PluginDefaults | None = None
        """The plugin defaults of tenants and namespaces; None: there are none."""
        self.heard: list[Callable[[set[FlowKey] | None], None]] = []
        """Who hears which flows may be others from now on (None: all of them)."""

    async def open(self) -> None:
        """Read what is active."""
        await self.refresh()

    async def refresh(self, keys: Iterable[FlowKey] | None = None) -> None:
        """Read again what is active, pinned and overridden: of these flows, or of all.

        They change at once: nobody sees some of them old and some new.
        """
        wanted = None if keys is None else set(keys)
        if wanted is not None and not wanted:
            return
        active, pins, overlays = active_query(), pin_query(), open_query()
        for name in ("tenant", "namespace", "flow_id"):
            some = _values(wanted, name)
            if some is not None:
                active = active.where(ACTIVE.c[name].in_(some))
                pins = pins.where(PIN.c[name].in_(some))
                overlays = overlays.where(COLUMNS[name].in_(some))
        active_rows = await self._database.fetch(active)
        pin_rows = await self._database.fetch(pins)
        overlay_rows = await self._database.fetch(overlays)
        self._take(wanted, active_rows, pin_rows)
        self.overrides.take(wanted, overlay_rows)
        for hear in self.heard:
            hear(wanted)

    def _take(
        self, wanted: set[FlowKey] | None, active: Sequence[Row], pins: Sequence[Row]
    ) -> None:
        if wanted is None:
            self._active.clear()
            self._deleted.clear()
            self._pins.clear()
        for key in wanted or ():
            self._active.pop(key, None)
            self._deleted.discard(key)
            self._pins.pop(key, None)
        for row in active:
            key = (row.tenant, row.namespace, row.flow_id)
            if wanted is None or key in wanted:
                if row.deleted:
                    self._deleted.add(key)
                else:
                    self._active[key] = revision_of(row, "active")
        for row in pins:
            key = (row.tenant, row.namespace, row.flow_id)
            if wanted is None or key in wanted:
                self._pins[key] = revision_of(row, "active")

    # -- what runs ----------------------------------------------------------------------------

    def effective(self, tenant: str, namespace: str, flow_id: str) -> FlowRevision:
        """Return the revision that a new execution runs: the pinned one, else the active one.

        Raises:
            NotFound: when there is no such flow.
            Gone: when it was deleted.
        """
        key = (tenant, namespace, flow_id)
        found = self._pins.get(key) if key in self._active else None
        found = found or self._active.get(key)
        if found is not None:
            return found
        if key in self._deleted:
            message = f"flow {namespace}.{flow_id} was deleted; its revisions stay readable"
            raise Gone(message)
        message = f"there is no flow {namespace}.{flow_id} in tenant {tenant}"
        raise NotFound(message)

    def in_git(self, tenant: str, namespace: str, flow_id: str) -> FlowRevision | None:
        """Return what Git says now of a flow (a pin left aside), None if it says nothing."""
        return self._active.get((tenant, namespace, flow_id))

    def pinned(self, tenant: str, namespace: str, flow_id: str) -> FlowRevision | None:
        """Return the revision a flow is pinned to, if it is."""
        return self._pins.get((tenant, namespace, flow_id))

    def active(self, tenant: str | None = None) -> list[FlowRevision]:
        """Return what Git says now of every flow (pins left aside), in order of name."""
        wanted = [each for each in self._active.values() if tenant in (None, each.tenant)]
        return sorted(wanted, key=lambda each: (each.namespace, each.flow_id))

    async def current(self, tenant: str, namespace: str, flow_id: str) -> LoadedFlow:
        """Return what runs now (see the port)."""
        return self.overrides.laid(await self.load(self.effective(tenant, namespace, flow_id)))

    def is_deleted(self, tenant: str, namespace: str, flow_id: str) -> bool:
        """Return whether a flow was deleted (see the port)."""
        return (tenant, namespace, flow_id) in self._deleted

    async def at(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        *,
        revision: int | None = None,
        commit: str | None = None,
        snapshot: str | None = None,
    ) -> LoadedFlow:
        """Return the flow at a revision, or as a commit says (see the port)."""
        running = self._pins.get((tenant, namespace, flow_id))
        running = running or self._active.get((tenant, namespace, flow_id))
        if running is not None and commit is None and running.revision == revision:
            found = running  # what runs now is known without asking the database
        else:
            found = await self.find(tenant, namespace, flow_id, revision=revision, commit=commit)
        if found.kind == "delete":
            # Its row names what was there before; that is not what it says.
            message = f"revision {found.revision} of {namespace}.{flow_id} is its deletion"
            raise Gone(message)
        if snapshot is not None and found.snapshot != snapshot:
            found = replace(found, snapshot=snapshot)
        return self.overrides.laid(await self.load(found))

    async def find(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        *,
        revision: int | None = None,
        commit: str | None = None,
    ) -> FlowRevision:
        """Return a revision by number, or the one that was newest at a commit.

        Raises:
            NotFound: when there is none.
        """
        key = {"tenant": tenant, "namespace": namespace, "flow_id": flow_id}
        found: Sequence[Row] = ()
        if revision is not None:
            rows = await self._database.fetch(_ONE_REVISION, **key, revision=revision)
        elif commit is not None:
            found = await named_commits(self._database, commit, (tenant, namespace, flow_id))
            rows = await self._database.fetch(_NEWEST.where(until(found)), **key)
        else:
            rows = await self._database.fetch(_NEWEST, **key)
        if not rows:
            wanted = f"revision {revision}" if commit is None else f"commit {commit}"
            message = f"flow {namespace}.{flow_id} has no {wanted}"
            raise NotFound(message)
        revision_then = revision_of(rows[0])
        if found:
            return (await as_of(self._database, found, [revision_then]))[0]
        running = self.in_git(tenant, namespace, flow_id)
        if is_kept_out(rows[0]) and running and running.revision == revision_then.revision:
            return running  # with the files that it runs with, not with those of its own commit
        return revision_then

    async def at_commit(self, commit: str, flows: Collection[FlowKey]) -> list[FlowRevision]:
        """Return what a commit says of flows; tombstones too, unknown ones are left out.

        Raises:
            NotFound: when the commit is not known here.
        """
        found = await named_commits(self._database, commit)
        newest = (
            select(*_NAME, func.max(REVISION.c.revision).label("revision"))
            .where(until(found))
            .where(REVISION.c.namespace.in_(sorted({key[1] for key in flows})))
            .group_by(*_NAME)
            .subquery()
        )
        same = (newest.c[name] == REVISION.c[name] for name in (*_NAMES, "revision"))
        rows = await self._database.fetch(revision_query().join(newest, and_(*same)))
        wanted = set(flows)
        there = [row for row in rows if (row.tenant, row.namespace, row.flow_id) in wanted]
        return await as_of(self._database, found, [revision_of(row) for row in there])

    async def revisions(self, tenant: str, namespace: str, flow_id: str) -> list[FlowRevision]:
        """Return all revisions of a flow, oldest first."""
        query = of_flow(revision_query(), REVISION, (tenant, namespace, flow_id))
        rows = await self._database.fetch(query.order_by(REVISION.c.revision))
        return [revision_of(row) for row in rows]

    async def load(self, revision: FlowRevision) -> LoadedFlow:
        """Return a revision ready to run; parsed once per blob.

        Raises:
            Conflict: when that revision is no valid flow.
            Unavailable: when it is none without plugin defaults that cannot be read for now.
        """
        place = (revision.tenant, revision.namespace)
        defaults = await self._defaults(*place, revision.snapshot or revision.commit)
        said = (defaults.mark, defaults.lacking)
        key = (revision.blob, *revision.key, revision.revision, revision.snapshot, *said)
        cached = self._loaded.get(key)
        if cached is not None and revision.state != "redacted":
            # What was active when it was parsed may be superseded by now.
            return cached if cached.revision == revision else replace(cached, revision=revision)
        loaded = self._loaded[key] = await self._read(revision, defaults)
        while len(self._loaded) > _PARSED:
            self._loaded.popitem(last=False)
        return loaded

    async def _read(self, revision: FlowRevision, defaults: DefaultSet) -> LoadedFlow:
        source = await self.source(revision)
        parsed = await self.parse(source, revision, defaults.entries)
        if parsed.flow is not None:
            return LoadedFlow(revision, parsed.flow, source, lacking=defaults.lacking)
        if defaults.lacking:
            raise incomplete(revision, defaults.lacking)
        first = parsed.problems[0].message if parsed.problems else "unreadable"
        name = f"{revision.namespace}.{revision.flow_id}"
        message = f"revision {revision.revision} of {name} is not valid: {first}"
        raise Conflict(message)

    async def _defaults(self, tenant: str, namespace: str, commit: str) -> DefaultSet:
        if self.defaults is None:
            return NO_DEFAULTS
        known = self.defaults.known(tenant, namespace, commit)
        return known if known is not None else await self.defaults.of(tenant, namespace, commit)

    def forget(self, blob: str) -> None:
        """Drop what is in memory of a source."""
        for key in [each for each in self._loaded if each[0] == blob]:
            del self._loaded[key]

    async def parse(
        self, source: str, revision: FlowRevision, defaults: Sequence[PluginDefault] = ()
    ) -> Parsed:
        """Parse a source in its place (in a thread: large flows take a while)."""
        return await asyncio.to_thread(
            parse_flow,
            source,
            types=self._types,
            tenant=revision.tenant,
            namespace=revision.namespace,
            path=revision.path,
            defaults=defaults,
        )

    async def source(self, revision: FlowRevision) -> str:
        """Return the text of a revision.

        Raises:
            NotFound: when it is not kept (any more). Redacted: when it must not be.
        """
        if revision.state == "redacted":
            raise _redacted(revision)
        rows = await self._database.fetch(_SOURCE, oid=revision.blob)
        if not rows:
            message = f"the source {revision.blob} is not kept here"
            raise NotFound(message)
        return unpacked(rows[0].data)

    async def sources(self, revisions: Sequence[FlowRevision]) -> dict[str, str]:
        """Return the texts of revisions by the object id of their source.

        In place of one that was redacted stands a comment that says so.

        Raises:
            NotFound: when one is not kept (any more).
        """
        wanted = sorted({each.blob for each in revisions})
        found: dict[str, str] = {}
        for start in range(0, len(wanted), _SOURCES):
            some = wanted[start : start + _SOURCES]
            query = select(_BLOB.c.oid, _BLOB.c.data).where(_BLOB.c.oid.in_(some))
            rows = await self._database.fetch(query)
            found |= await asyncio.to_thread(_texts, rows)
        for each in revisions:
            if each.state == "redacted":
                found[each.blob] = REDACTED_SOURCE
            if each.blob not in found:
                message = f"the source {each.blob} of {each.flow_id} is not kept here"
                raise NotFound(message)
        return found


REDACTED_SOURCE = "# This revision was redacted.\n"


def _redacted(revision: FlowRevision) -> Redacted:
    name = f"{revision.namespace}.{revision.flow_id}"
    message = f"revision {revision.revision} of {name} was redacted; use another one"
    return Redacted(message)


def _texts(rows: Sequence[Row]) -> dict[str, str]:
    return {row.oid: unpacked(row.data) for row in rows}


_NAMES = ("tenant", "namespace", "flow_id")
_NAME = tuple(REVISION.c[name] for name in _NAMES)

_SOURCES = 500
"""Sources read at once."""

_NARROW = 100


def _values(keys: set[FlowKey] | None, name: str) -> list[str] | None:
    """Return the tenants, namespaces or ids of flows, None when naming them would not pay."""
    if keys is None:
        return None
    place = ("tenant", "namespace", "flow_id").index(name)
    found = sorted({key[place] for key in keys})
    return found if len(found) <= _NARROW else None
