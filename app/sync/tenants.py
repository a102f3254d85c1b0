"""The tenants of a node: what the active commits say of them, in memory.

Of several sources that may speak for a tenant the first one with a `tenant.yaml` counts; a source
speaks for tenants of which it owns all namespaces. What was active last is in the database, so that
it holds from the first moment of a process on, whether or not a repository can be reached.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from app.config.tenant_names import TENANT_NAME
from app.db.sql import Write
from app.db.tenants import TenantFile, TenantStore, tenant_writes
from app.errors import HeadwaterError
from app.flows.yaml import decode
from app.git.survey import shown
from app.git.trees import blob_of, ls_tree, tree_of
from app.ports.flows import NO_DEFAULTS, DefaultSet, DefaultSetOf
from app.sync.findings import NOWHERE, Found
from app.sync.origin import Origin
from app.sync.ownership import Ownership
from app.sync.tenant_file import UNSAID, TenantSettings, readable_tenant, tenant_problems

LARGEST = 64 * 1024
"""Bytes of a `tenant.yaml`."""
_MOST = 10_000


class _Store(Protocol):
    """Where the files of tenants are kept."""

    async def all(self) -> list[TenantFile]: ...


class Defaulting(Protocol):
    """Finds plugin defaults (see `DefaultsReader`)."""

    async def of(self, tenant: str, namespace: str, commit: str = "") -> DefaultSet:
        """Return those for a namespace at a commit; "": as they are active now."""
        ...

    async def in_sources(
        self, tenant: str, sources: Iterable[str], namespace: str | None = None
    ) -> DefaultSetOf:
        """Return what finds those that flows have, by their documents."""
        ...


class Tenants:
    """What is said of the tenants of a node."""

    def __init__(self, store: "TenantStore | _Store | None" = None) -> None:
        """Read from `store`; without one nothing is said of any tenant."""
        self._store = store
        self._files: list[TenantFile] = []
        self._settings: dict[str, TenantSettings] = {}
        self._texts: dict[str, str] = {}
        self._folders: set[str] = set()
        self.order: Callable[[], Sequence[str]] = list
        """Returns the ids of the sources, the most important first."""
        self.defaults: Defaulting | None = None
        """What finds plugin defaults, once there are sources."""
        self.complete = False
        """Whether `order` names all sources; until then what others say counts, too."""
        self.generation = 0
        """Another number whenever something else became active, of tenants or of namespaces."""
        self.heard: list[Callable[[], None]] = []
        """Who hears that something else may be said from now on."""

    async def defaults_in(
        self, tenant: str, sources: Iterable[str], namespace: str | None = None
    ) -> DefaultSetOf:
        """Return what finds the plugin defaults that flows have from outside their documents."""
        if self.defaults is None:
            return lambda _: NO_DEFAULTS
        return await self.defaults.in_sources(tenant, sources, namespace)

    def of(self, tenant: str) -> TenantSettings:
        """Return what is said of a tenant; for one that nothing is said of, the defaults."""
        return self._settings.get(tenant, UNSAID)

    def names(self) -> list[str]:
        """Return the tenants that have a folder in a source."""
        return sorted({each.tenant for each in self._files if self._ranked(each.tenant)})

    def has_folder(self, tenant: str) -> bool:
        """Whether a source has a folder of a tenant: asked for with every change."""
        return tenant in self._folders

    def source_of(self, tenant: str) -> str | None:
        """Return the source whose file counts, else the first one that has the tenant's folder."""
        found = self._ranked(tenant)
        return found[0].source_id if found else None

    async def refresh(self) -> None:
        """Read again what is stored."""
        if self._store is not None:
            self._files = await self._store.all()
        self._settle()
        self.generation += 1

    def _settle(self) -> None:
        texts = {}
        self._folders = {each.tenant for each in self._files}
        for tenant in self._folders:
            found = self._ranked(tenant)
            if found and found[0].text is not None:
                texts[tenant] = found[0].text
        self._settings = {
            tenant: (
                self._settings[tenant]
                if self._texts.get(tenant) == text
                else readable_tenant(text.encode())
            )
            for tenant, text in texts.items()
        }
        self._texts = texts
        for hear in self.heard:
            hear()

    def _ranked(self, tenant: str) -> list[TenantFile]:
        ranks = {source_id: rank for rank, source_id in enumerate(self.order())}
        last = len(ranks)
        found = [
            each
            for each in self._files
            if each.tenant == tenant and (each.source_id in ranks or not self.complete)
        ]
        return sorted(found, key=lambda each: (each.text is None, ranks.get(each.source_id, last)))

    def changed(self, source_id: str, found: Mapping[str, str | None]) -> set[str]:
        """Return the tenants of which a source says something else than what is stored."""
        before = {(each.tenant, each.text) for each in self._files if each.source_id == source_id}
        return {tenant for tenant, _ in before ^ set(found.items())}

    def writes(
        self, source_id: str, found: Mapping[str, str | None], commit: str, at: int
    ) -> list[Write]:
        """Return what stores the files of a commit; nothing when they are the stored ones."""
        before = {each.tenant: each.text for each in self._files if each.source_id == source_id}
        return list(tenant_writes(source_id, before, found, commit, at))


class Seen(NamedTuple):
    """What a commit says of tenants: their files, and what is wrong with these."""

    texts: Mapping[str, str | None] = {}
    found: tuple[Found, ...] = ()


class TenantFiles:
    """Reads the files of tenants out of the commits of one source, anew when they are others."""

    def __init__(self, ownership: Ownership) -> None:
        """Look at those tenants only that the source owns as a whole."""
        self._ownership = ownership
        self._tree: str | None = None
        self._seen = Seen()

    def at(self, origin: Origin, commit: str) -> Seen:
        """Return what a commit says (blocking)."""
        layout = origin.layout
        if layout.style == "kestra":
            owned = self._ownership.owns(layout.tenant, "*")
            return Seen({layout.tenant: None} if owned else {})
        tree = tree_of(origin.mirror.objects, commit, layout.below("tenants"))
        if tree is None:
            return Seen()
        if tree != self._tree:
            self._seen = self._read(origin, commit)
            self._tree = tree
        return self._seen

    def _read(self, origin: Origin, commit: str) -> Seen:
        folder = origin.layout.below("tenants")
        launcher = origin.mirror.disk.launcher
        texts: dict[str, str | None] = {}
        found: list[Found] = []
        for entry in ls_tree(launcher, commit, folder, recursive=False)[:_MOST]:
            place = origin.layout.place(f"{entry.path}/tenant.yaml")
            if entry.kind != "tree" or place is None or not TENANT_NAME.match(place.tenant):
                continue
            if self._ownership.owns(place.tenant, "*"):
                texts[place.tenant] = _one(origin, commit, place.path, found)
        return Seen(texts, tuple(found))


def _one(origin: Origin, commit: str, path: str, found: list[Found]) -> str | None:
    """Return a file's text, and add what is wrong with it; an unreadable one is as good as `[]`."""
    objects = origin.mirror.objects
    blob = blob_of(objects, commit, path)
    if blob is None:
        return None
    try:
        data = objects.read(blob, limit=LARGEST)
        text = decode(data).replace("\0", "\ufffd")  # PostgreSQL keeps none
    except HeadwaterError as error:
        found.append(Found(NOWHERE, shown(path), "TENANT_INVALID", "error", error.message))
        return "[]"
    for each in tenant_problems(data):
        place = (each.message, each.fix, each.line, each.column, each.path)
        found.append(Found(NOWHERE, shown(path), each.code, each.severity, *place))
    return text
