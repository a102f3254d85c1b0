"""The files of namespaces, whichever source they come from."""

from collections.abc import Collection, Mapping, Sequence

from app.git.file_history import FileCommit
from app.ports import NamespaceFile
from app.sync.files import SourceFiles
from app.sync.inherited import Inheritance
from app.sync.model import Actor
from app.sync.sources import SourceSet
from app.sync.variables import VariableReader


class RoutedFiles:
    """Implements `ports.NamespaceFiles`: every call goes to the source of its namespace."""

    def __init__(self, sources: SourceSet) -> None:
        """Ask `sources` who owns what."""
        self._sources = sources
        self.variables = VariableReader(Inheritance(sources))

    async def _of(self, tenant: str, namespace: str) -> SourceFiles:
        return (await self._sources.owner(tenant, namespace)).files

    async def entries(
        self, tenant: str, namespace: str, commit: str | None = None
    ) -> Sequence[NamespaceFile]:
        """Return all files of a namespace (see `SourceFiles.entries`)."""
        return await (await self._of(tenant, namespace)).entries(tenant, namespace, commit)

    async def read(
        self, tenant: str, namespace: str, path: str, commit: str | None = None
    ) -> bytes:
        """Return a file's bytes (see `SourceFiles.read`)."""
        return await (await self._of(tenant, namespace)).read(tenant, namespace, path, commit)

    async def stored(self, tenant: str, namespace: str, path: str) -> bytes:
        """Return a file as the active commit has it (see `SourceFiles.stored`)."""
        return await (await self._of(tenant, namespace)).stored(tenant, namespace, path)

    async def write(
        self, tenant: str, namespace: str, changes: Mapping[str, bytes | None], *, reason: str
    ) -> str:
        """Write files as one commit (see `SourceFiles.write`)."""
        files = await self._of(tenant, namespace)
        return await files.write(tenant, namespace, changes, reason=reason)

    async def put(
        self,
        tenant: str,
        namespace: str,
        changes: Mapping[str, bytes | None],
        *,
        actor: Actor,
        message: str,
        executable: Collection[str] = (),
    ) -> str:
        """Write files in the name of somebody (see `SourceFiles.put`)."""
        files = await self._of(tenant, namespace)
        return await files.put(
            tenant, namespace, changes, actor=actor, message=message, executable=executable
        )

    async def active(self, tenant: str, namespace: str) -> str | None:
        """Return the commit that is active in a namespace (see `SourceFiles.active`)."""
        return await (await self._of(tenant, namespace)).active(tenant, namespace)

    async def history(self, tenant: str, namespace: str, path: str) -> list[FileCommit]:
        """Return the commits that changed a path (see `SourceFiles.history`)."""
        return await (await self._of(tenant, namespace)).history(tenant, namespace, path)
