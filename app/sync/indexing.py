"""Bringing the revision index up to a commit: the history in between, and what it leaves open.

Commits are read in chunks; each chunk is one transaction that also notes how far the index is, so
that a crash anywhere is continued from there.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from app.db.records import CommitRecord, NewRevision, Source
from app.db.sources import SourceStore
from app.errors import Unavailable
from app.git.history import Change, CommitChange, changes_between, history
from app.git.survey import shown
from app.sync.chunks import chunks_of, is_in, record_of, start_of, storable
from app.sync.contents import Contents
from app.sync.drawing import Drawing
from app.sync.flowfiles import (
    flow_files,
    flow_ids,
    has_blob,
    is_flow,
    key_of,
    known_id,
    tree_entries,
)
from app.sync.index import FileChange, FlowFile, FlowIndex, Point
from app.sync.leading import Leader
from app.sync.origin import Origin

_CHUNK = 2_000
"""Changes (and commits) that one transaction of history holds at least, unless it is the last."""
_READS = 20
"""Tries to read what belongs together while somebody writes it."""
_BLOBS = 500
"""Blobs that are read and stored at a time."""


class Indexer:
    """The revision index of one source, in memory and in the database."""

    def __init__(
        self, source_id: str, sources: SourceStore, contents: Contents, *, is_dry: bool = False
    ) -> None:
        """Start with nothing in memory; `contents` reads blobs. `is_dry`: nothing is stored."""
        self._is_dry = is_dry
        self.source_id = source_id
        self._sources = sources
        self._contents = contents
        self._index: FlowIndex | None = None
        self._at: str | None = None
        """The commit whose files the index has."""
        self._known: set[str] = set()
        self._seq = 0
        self._is_exact = False
        """Whether the newest revisions are known to be what the files say."""
        self.leader: Leader | None = None  # the lease under which it writes

    @property
    def index(self) -> FlowIndex:
        """The index as `bring_up_to` left it."""
        if self._index is None:
            self._index = FlowIndex()
        return self._index

    def forget(self) -> None:
        """Drop what is in memory: it may be ahead of the database."""
        self._index = None
        self._at = None

    async def bring_up_to(
        self, source: Source, origin: Origin, tip: str, now: int
    ) -> list[NewRevision]:
        """Count the revisions up to the commit `tip` and return the new ones; `now` in µs.

        After an error what is in memory is dropped.
        """
        try:
            source = await self._sources.get(self.source_id)
            if self._index is None or self._at != source.last_attempted:
                source = await self._load(origin)
            was_known = tip in self._known
            made = await self._walk(source, origin, tip, now)
            made += await self._finish(source, origin, tip, now, was_known=was_known)
        except BaseException:
            self.forget()
            raise
        self._at, self._is_exact = tip, True
        return made

    # -- from the database -----------------------------------------------------------------------

    async def _stored(self) -> tuple[Source, FlowIndex]:
        """Return the source and an index of its revisions, both of the same moment.

        Raises:
            Unavailable: when another node goes on writing them.
        """
        revisions = self._sources.revisions
        for _ in range(_READS):
            before = await self._sources.get(self.source_id)
            index = FlowIndex(await revisions.heads(self.source_id))
            index.adopt(await revisions.heads_elsewhere(self.source_id))
            self._known = await revisions.known_commits(self.source_id)
            self._seq = await revisions.last_seq(self.source_id)
            after = await self._sources.get(self.source_id)
            if before.last_attempted == after.last_attempted:
                return after, index
        message = f"another node is indexing source {self.source_id}"
        raise Unavailable(message)

    async def _load(self, origin: Origin) -> Source:
        """Take up where the database is; files that make a newest revision are not read again."""
        source, index = await self._stored()
        commit = source.last_attempted
        if commit is not None and await asyncio.to_thread(origin.mirror.has, commit):
            known = flow_ids(index)
            entries = await asyncio.to_thread(tree_entries, origin, commit)
            files = [
                (entry, place, known_id(known, entry, place))
                for entry, place in flow_files(entries, origin)
            ]
            await self._read_blobs(origin, (entry.oid for entry, _, name in files if not name))
            loaded = {
                entry.path: FlowFile(
                    entry.oid, key_of(place, name or self._contents.flow_id(entry.oid))
                )
                for entry, place, name in files
            }
            active = await self._sources.activation.flows(self.source_id)
            index.load(loaded, {key: flow.path for key, flow in active.items()})
        else:
            commit = None
        self._index, self._at, self._is_exact = index, commit, False
        return source

    # -- from history ----------------------------------------------------------------------------

    async def _walk(self, source: Source, origin: Origin, tip: str, now: int) -> list[NewRevision]:
        """Process the commits that are new on the way to the tip."""
        if source.last_attempted == tip:
            return []
        base = await asyncio.to_thread(start_of, origin.mirror, source.last_attempted, tip)
        commits = history(origin.mirror.disk.launcher, tip, base=base, root=origin.layout.root)
        made: list[NewRevision] = []
        with Drawing(chunks_of(commits, self._known, _CHUNK)) as chunks:
            while chunk := await chunks.some(1):
                made += await self._process(origin, chunk[0], now)
        return made

    async def _process(
        self, origin: Origin, chunk: Sequence[CommitChange], now: int
    ) -> list[NewRevision]:
        """Index one chunk of commits in one transaction."""
        await self._read(origin, (change for _, changes in chunk for change in changes))
        made: list[NewRevision] = []
        records = []
        for commit, changes in chunk:
            self._seq += 1
            records.append(record_of(self.source_id, commit, self._seq))
            at = Point(commit.sha, self._seq)
            made += self.index.apply(at, self._file_changes(origin, changes))
        await self._store(records, made, records[-1].sha, now)
        self._known.update(record.sha for record in records)
        return made

    def _file_changes(self, origin: Origin, changes: Sequence[Change]) -> Iterator[FileChange]:
        for change in changes:
            place = origin.file_at(change.path)
            if place is None or not is_flow(place):
                continue
            if change.new_blob is None or not has_blob(change):
                yield FileChange(change.path, None)
            else:
                key = key_of(place, self._contents.flow_id(change.new_blob))
                yield FileChange(change.path, FlowFile(change.new_blob, key))

    async def _finish(
        self, source: Source, origin: Origin, tip: str, now: int, *, was_known: bool
    ) -> list[NewRevision]:
        """Make the index equal to the tree at the tip.

        What the commits on the way do not explain (history was rewritten, or a branch came in by
        the second parent) becomes a revision of kind `reset`. A tip that `was_known` before takes a
        new place among the commits that were processed.
        """
        index = self.index
        at = Point(tip, self._seq + was_known)
        changes = [
            change
            for change in await asyncio.to_thread(self._left_open, origin, tip)
            if not is_in(index, change)
        ]
        await self._read(origin, changes)
        made = index.apply(at, self._file_changes(origin, changes), kind="reset")
        if not self._is_exact:
            made += index.sweep(at)
        if made or index.moves or source.last_attempted != tip:
            self._seq = at.seq
            await self._store([], made, tip, now)
        return made

    async def _store(
        self, commits: Sequence[CommitRecord], made: Sequence[NewRevision], attempted: str, now: int
    ) -> None:
        paths = [each._replace(path=shown(each.path)) for each in self.index.moves]
        self.index.moves.clear()
        if self._is_dry:
            return
        await self._sources.revisions.add(
            self.source_id,
            commits,
            storable(made),
            attempted=attempted,
            at=now,
            paths=paths,
            guard=self.leader.guard(moves=True) if self.leader else (),
        )
        if self.leader is not None:
            self.leader.moved()

    def _left_open(self, origin: Origin, tip: str) -> list[Change]:
        """Return every path in which the tip may differ from the index (blocking)."""
        if self._at is not None:
            launcher = origin.mirror.disk.launcher
            return changes_between(launcher, self._at, tip, root=origin.layout.root)
        entries = tree_entries(origin, tip)
        there = [Change("A", each.path, None, each.oid, each.mode) for each in entries]
        gone = set(self.index.files).difference(each.path for each in entries)
        return there + [Change("D", path, None, None, 0) for path in gone]

    async def _read(self, origin: Origin, changes: Iterable[Change]) -> None:
        """Read the flows that changes bring and that are not known."""
        await self._read_blobs(
            origin,
            (
                change.new_blob
                for change in changes
                if change.new_blob and has_blob(change) and is_flow(origin.file_at(change.path))
            ),
        )

    async def _read_blobs(self, origin: Origin, oids: Iterable[str]) -> None:
        """Read blobs that are not known, and store them; all are known then."""
        self._contents.trim()
        unknown = [oid for oid in dict.fromkeys(oids) if not self._contents.is_known(oid)]
        with Drawing(self._contents.read(origin.mirror.objects, unknown)) as blobs:
            while part := await blobs.some(_BLOBS):
                if self._is_dry:
                    continue
                await self._sources.revisions.add_blobs([(each.oid, each.data) for each in part])
