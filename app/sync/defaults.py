"""Plugin defaults of tenants and namespaces: those of the nearest file count before the others.

As in Kestra a flow's own come first, then those of its namespace, of the namespaces above it and of
the tenant; a forced one of a higher level wins over all below it. They are part of the commit that
an execution stays at: `namespace.yaml` and `tenant.yaml` as that commit has them.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

import orjson

from app.errors import HeadwaterError, NotFound, ObjectMissing
from app.flows.flow import PluginDefault
from app.ports.flows import NO_DEFAULTS, DefaultSet, DefaultSetOf
from app.sync.default_files import defaults_in
from app.sync.inherited import Document, Inheritance
from app.sync.tenants import Tenants
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_REMEMBERED = 5_000
_MOST_NAMED = 200
_NAMESPACE = re.compile(r"""(?m)^["']?namespace["']?\s*:\s*["']?([a-z0-9][a-z0-9_.-]{0,252})""")
"""Where a document names its namespace."""


def _named(source: str) -> Iterator[str]:
    return (match[1] for match in _NAMESPACE.finditer(source))


def _marked(entries: Sequence[PluginDefault]) -> DefaultSet:
    """Return defaults with their mark."""
    if not entries:
        return NO_DEFAULTS
    written = orjson.dumps([each.model_dump() for each in entries], default=str)
    return DefaultSet(tuple(entries), hashlib.sha256(written).hexdigest()[:16])


class DefaultsReader:
    """Finds plugin defaults in commits, and remembers them."""

    def __init__(self, inheritance: Inheritance, tenants: Tenants) -> None:
        """Find files by `inheritance`; those of a tenant that another repository has, in memory."""
        self._inheritance = inheritance
        self._tenants = tenants
        self._known: dict[tuple[str, str, str], DefaultSet] = {}
        self._read: dict[str, tuple[PluginDefault, ...]] = {}
        self._generation = -1

    def known(self, tenant: str, namespace: str, commit: str) -> DefaultSet | None:
        """Return the defaults at a commit, None if they are not in memory."""
        if self._generation != self._tenants.generation:
            self._known.clear()
            self._generation = self._tenants.generation
        return self._known.get((tenant, namespace, commit))

    async def of(self, tenant: str, namespace: str, commit: str = "") -> DefaultSet:
        """Return the defaults for a namespace at a commit; "": as they are active now.

        What is not kept any more counts as not there: flows run without it. What only cannot be
        read for now is `lacking`: they wait for it.
        """
        if (known := self.known(tenant, namespace, commit)) is not None:
            return known
        generation = self._generation
        try:
            found = _marked(await self._found(tenant, namespace, commit))
        except HeadwaterError as error:
            _LOG.warning("no plugin defaults", namespace=namespace, reason=error.message)
            gone = isinstance(error, NotFound | ObjectMissing)
            return NO_DEFAULTS if gone else DefaultSet(lacking=error.message)
        if generation == self._tenants.generation:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[tenant, namespace, commit] = found
        return found

    async def in_sources(
        self, tenant: str, sources: Iterable[str], namespace: str | None = None
    ) -> DefaultSetOf:
        """Return what finds the defaults that flows have, by the namespaces that they name."""
        names = {namespace} if namespace else set()
        for source in sources:
            names.update(islice(_named(source), _MOST_NAMED))
        found = {each: await self.of(tenant, each) for each in names}
        return lambda name: found.get(name, NO_DEFAULTS)

    async def _found(self, tenant: str, namespace: str, commit: str) -> list[PluginDefault]:
        find = partial(self._inheritance.chain, keep=True)
        chain = await find(tenant, namespace, "namespace.yaml", commit or None)
        found = [each for document in chain.documents for each in await self._one(document)]
        source = self._tenants.source_of(tenant)
        own = await find(tenant, namespace, "tenant.yaml", commit or None)
        tops = [each for each in own.documents if source in (None, each.worker.id)]
        if not tops:
            return [*found, *self._tenants.of(tenant).plugin_defaults]
        return [*found, *[each for document in tops for each in await self._one(document)]]

    async def _one(self, document: Document) -> tuple[PluginDefault, ...]:
        known = self._read.get(document.blob)
        if known is None:
            text = await asyncio.to_thread(document.read)
            of_tenant = document.path.endswith("/tenant.yaml")
            known = defaults_in(text, of_tenant=of_tenant)
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            self._read[document.blob] = known
        return known
