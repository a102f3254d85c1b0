"""`access.yaml`: who may do what, as the active commit of one configured source says it.

Only the source that the setting `access.source` names may speak of it, and only its own file beside
`tenants/`: no tenant's repository gives rights. What a commit says becomes active with the commit;
a file that cannot be read changes nothing, so that nobody is locked out by a typing error.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from app.access.document import EMPTY, AccessDocument, read_document
from app.db.access import DocumentStore, access_file, document_writes
from app.db.sql import Write
from app.errors import HeadwaterError
from app.flows.yaml import YamlError, decode, load
from app.git.survey import shown
from app.git.trees import blob_of
from app.sync.findings import NOWHERE, Found
from app.sync.origin import Origin

NAME = "access.yaml"
LARGEST = 1 << 20
"""Bytes of the file."""
_CODE = "ACCESS_INVALID"


class Said(NamedTuple):
    """What a commit says; no document: it cannot be read, and what was said before holds."""

    document: AccessDocument | None = EMPTY
    found: tuple[Found, ...] = ()


class AccessFiles:
    """Reads the file out of the commits of the source that may speak of access."""

    def __init__(self, source_id: str | None = None) -> None:
        """Hear `source_id` only; None: no source may speak of it."""
        self.source_id = source_id
        self._store: DocumentStore | None = None
        self.changed: Callable[[], None] = _nothing

    def listen(self, store: DocumentStore, changed: Callable[[], None]) -> None:
        """Keep what is said in `store`, and tell that rights may be others."""
        self._store = store
        self.changed = changed

    async def start(self) -> None:
        """Forget what sources said that may not speak of access any more.

        When one of them may again, its commit is read anew: rights may have been taken meanwhile.
        """
        if self._store is not None:
            await self._store.forget(access_file(""), but=access_file(self.source_id or ""))

    async def is_known(self, source_id: str) -> bool:
        """Whether what a source says is known, or it may not speak of access anyway."""
        if source_id != self.source_id or self._store is None:
            return True
        return await self._store.get(access_file(source_id)) is not None

    def at(self, source_id: str, origin: Origin, commit: str) -> Said:
        """Return what a commit of a source says (blocking)."""
        if source_id != self.source_id or origin.layout.style == "kestra" or not commit:
            return Said()
        path = origin.layout.below(NAME)
        objects = origin.mirror.objects
        blob = blob_of(objects, commit, path)
        if blob is None:
            return Said()
        try:
            return read_access(objects.read(blob, limit=LARGEST), path)
        except HeadwaterError as error:
            return Said(None, (Found(NOWHERE, shown(path), _CODE, "error", error.message),))

    async def writes(self, source_id: str, origin: Origin, commit: str, at: int) -> list[Write]:
        """Return what makes a commit's file the one that counts; nothing if it does already."""
        if source_id != self.source_id or self._store is None:
            return []
        said = (await asyncio.to_thread(self.at, source_id, origin, commit)).document
        if said is None:
            return []
        text = said.model_dump_json(by_alias=True, exclude_defaults=True)
        name = access_file(source_id)
        return [] if await self._store.get(name) == text else document_writes(name, text, at)


def _nothing() -> None:
    """Nobody listens."""


def read_access(source: bytes, path: str = NAME) -> Said:
    """Return what a file says, and what is wrong with it."""
    try:
        value = load(decode(source)).value
    except YamlError as error:
        place = ("", error.line, error.column)
        return Said(None, (Found(NOWHERE, path, _CODE, "error", error.message, *place),))
    if value is None:
        return Said()
    if not isinstance(value, Mapping):
        found = Found(NOWHERE, path, _CODE, "error", "The document is not a map")
        return Said(None, (found,))
    document, problems = read_document(value)
    return Said(document, tuple(Found(NOWHERE, path, _CODE, "error", each) for each in problems))
