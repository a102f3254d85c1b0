"""What `read()`, `fileSize()` and `fileExists()` of expressions answer.

A path without a scheme is a file of a namespace, as the execution's commit has it; a `kestra:///`
address is a file of the execution, of the one that started it, or again one of a namespace.
"""

from typing import NamedTuple

from app.engine.identity import Identity
from app.engine.live import Live
from app.engine.stores import BoundFiles
from app.engine.uris import may_read
from app.errors import BadRequest, Forbidden, NotFound
from app.plugins.api import TaskFailed
from app.ports import NamespaceFiles, Storage, TenantRules

MAX_READ = 10 * 1024 * 1024
"""The longest file (bytes) that an expression reads."""

_SCHEME = "kestra://"
_FILES = "/_files/"


class _Owned(NamedTuple):
    """A file of a namespace."""

    namespace: str
    path: str


class FileAnswers:
    """The files that the expressions of one execution may ask for."""

    def __init__(
        self, live: Live, storage: Storage, files: NamespaceFiles, rules: TenantRules
    ) -> None:
        """Answer for `live`, under the rules of its tenant."""
        self._live = live
        self._storage = storage
        self._files = files
        self._who = Identity(rules, *live.place[:2])
        self._rules = rules

    async def read(self, path: str, namespace: str | None = None) -> str:
        """Return the text of a file; what is not UTF-8 in it is replaced.

        Raises:
            NotFound: when it is not there.
            Forbidden: when it belongs to another execution.
            BadRequest: when it is too long.
        """
        owned = self._owned(path, namespace)
        if owned is not None:
            data = await self._bytes(owned)
            _check_size(path, len(data))
            return data.decode("utf-8", "replace")
        self._allow(path)
        _check_size(path, await self._storage.size(path))
        data = b"".join([chunk async for chunk in self._storage.get(path)])
        return data.decode("utf-8", "replace")

    async def size(self, path: str, namespace: str | None = None) -> int:
        """Return the size of a file in bytes; raises as `read`."""
        owned = self._owned(path, namespace)
        if owned is not None:
            return len(await self._bytes(owned))
        self._allow(path)
        return await self._storage.size(path)

    async def exists(self, path: str, namespace: str | None = None) -> bool:
        """Whether a file is there."""
        try:
            await self.size(path, namespace)
        except NotFound:
            return False
        return True

    def _owned(self, path: str, namespace: str | None) -> _Owned | None:
        """Return the namespace file that is meant, None for one of an execution."""
        if not path.startswith(_SCHEME):
            place = namespace or self._who.namespace
            return _Owned(place, path.lstrip("/"))
        folder = folder_named(path)
        return _Owned(folder, path.partition(_FILES)[2]) if folder is not None else None

    async def _bytes(self, owned: _Owned) -> bytes:
        await self._who.ask(owned.namespace, "files")
        files = BoundFiles(self._files, self._live, self._rules, owned.namespace)
        try:
            return await files.read(owned.path)
        except TaskFailed as error:
            raise NotFound(error.message) from None

    def _allow(self, path: str) -> None:
        if not may_read(self._live.execution, path):
            message = f"{path} is no file of this execution and cannot be read here"
            raise Forbidden(message)


def folder_named(path: str) -> str | None:
    """Return the namespace whose file an address names, None for other addresses and for paths."""
    folder, mark, _ = path.removeprefix(_SCHEME).partition(_FILES)
    if not mark or not path.startswith(_SCHEME):
        return None
    return folder.strip("/").replace("/", ".")


def _check_size(path: str, size: int) -> None:
    if size > MAX_READ:
        message = f"{path} has {size} bytes; expressions read {MAX_READ} at most"
        raise BadRequest(message)
