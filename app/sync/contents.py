"""The contents of flow files: read from Git, packed for the database, asked for their identity."""

from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from app.db.packing import packed
from app.flows.typenames import Types
from app.git.objects import ObjectReader
from app.sync.identities import flow_id_in

_REMEMBERED = 200_000


class Content(NamedTuple):
    """A blob that was read: its bytes as the database keeps them."""

    oid: str
    data: bytes


class Contents:
    """Reads blobs and remembers which flow each of them describes."""

    def __init__(self, types: Types, limit: int) -> None:
        """`limit` bytes is the largest flow; larger blobs are not read."""
        self._types = types
        self._limit = limit
        self._ids: dict[str, str | None] = {}

    def flow_id(self, oid: str) -> str | None:
        """Return the flow id in a blob that was read, None if it tells none."""
        return self._ids.get(oid)

    def is_known(self, oid: str) -> bool:
        """Return whether the blob was read, or found too large to read."""
        return oid in self._ids

    def trim(self) -> None:
        """Forget everything where it has become too much: before somebody asks what is known."""
        if len(self._ids) > _REMEMBERED:
            self._ids.clear()

    def read(self, objects: ObjectReader, oids: Iterable[str]) -> Generator[Content, None, None]:
        """Read blobs (blocking), learn their identities and yield them packed."""
        for oid, source in self.sources(objects, oids):
            self._ids[oid] = flow_id_in(source, self._types)
            yield Content(oid, packed(source))

    def sources(self, objects: ObjectReader, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (id, bytes) of the blobs that are not too large."""
        wanted = list(dict.fromkeys(oids))
        readable = []
        for oid, info in objects.infos(wanted):
            if info is not None and info.size > self._limit:
                self._ids[oid] = None
            else:
                readable.append(oid)
        yield from objects.read_many(readable)
