"""The revision index: which revision of which flow each commit makes. Pure, no I/O.

A flow's identity is (tenant, namespace, id). Its revision grows by one for every commit after which
its blob is another one; a deletion is a revision, a move of the file is none, and numbers are never
used twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from app.db.records import FlowKey, Head, NewRevision, PathMove


class FlowFile(NamedTuple):
    """A flow file as the index knows it. `key` None: its content does not tell an identity."""

    blob: str
    key: FlowKey | None


class FileChange(NamedTuple):
    """One flow file that a commit changed; `file` None: it is gone."""

    path: str
    file: FlowFile | None


class Point(NamedTuple):
    """Where the index goes: a commit, and its place among all that were processed."""

    commit: str
    seq: int


class FlowIndex:
    """The flow files of the followed branch and the newest revision of every flow.

    Two files may claim one identity: then the one that had it first owns it, and the others are
    refused (`rivals`) until it is gone.
    """

    def __init__(self, heads: Mapping[FlowKey, Head] | None = None) -> None:
        """Begin with no files; `heads` are the newest revisions so far."""
        self.files: dict[str, FlowFile] = {}
        self.heads: dict[FlowKey, Head] = {}
        self.adopted: set[FlowKey] = set()
        """Flows of other sources, which are not here: theirs is the word on whether they run."""
        self._names: dict[tuple[str, str], list[FlowKey]] = {}
        for key, head in (heads or {}).items():
            self._set_head(key, head)
        self.owners: dict[FlowKey, str] = {}
        self.moves: list[PathMove] = []
        """Where files have come to be since somebody took the list away."""
        self._claims: dict[FlowKey, set[str]] = {}

    def adopt(self, elsewhere: Mapping[FlowKey, Head]) -> None:
        """Go on counting where another source, which had the same flow, has stopped."""
        for key, head in elsewhere.items():
            mine = self.heads.get(key)
            if mine is None or mine.revision < head.revision:
                self._set_head(key, head._replace(deleted=True))
                self.adopted.add(key)

    def load(self, files: Mapping[str, FlowFile], preferred: Mapping[FlowKey, str]) -> None:
        """Take files as they are, without making revisions; `preferred` owns what it can."""
        self.files = dict(files)
        self._claims.clear()
        self.owners.clear()
        for path, file in files.items():
            if file.key is not None:
                self._claims.setdefault(file.key, set()).add(path)
        for key, paths in self._claims.items():
            head, wanted = self.heads.get(key), preferred.get(key)
            owner = self._successor(key, paths)
            # Whose blob is the newest revision owns the identity: `wanted` may be older than that.
            if wanted in paths and (head is None or files[wanted].blob == head.blob):
                owner = wanted
            self.owners[key] = owner
            if head is not None:
                self.heads[key] = head._replace(path=owner)

    def apply(
        self, at: Point, changes: Iterable[FileChange], *, kind: str = "commit"
    ) -> list[NewRevision]:
        """Take the changes of a commit and return the revisions they make, in order of identity."""
        touched: dict[FlowKey, None] = {}
        renames: dict[FlowKey, FlowKey] = {}
        for path, content in changes:
            before = self.files.get(path)
            file = self._sticky(path, content, before)
            for key in (before.key if before else None, file.key if file else None):
                if key is not None:
                    touched[key] = None
            if before and file and before.key and file.key and before.key != file.key:
                renames[file.key] = before.key
            self._place(path, before, file)
        settled = [self._settle(key, at, kind) for key in sorted(touched)]
        made = [revision for revision in settled if revision is not None]
        return with_renames(made, renames)

    def sweep(self, at: Point) -> list[NewRevision]:
        """Return revisions for flows whose newest one is not what the files say.

        There are none unless history was rewritten or an import was interrupted.
        """
        stale = sorted(key for key in {*self.heads, *self._claims} if self._is_stale(key))
        made = (self._settle(key, at, "reset") for key in stale)
        return [revision for revision in made if revision is not None]

    def rivals(self) -> Iterator[tuple[str, str]]:
        """Yield (path, path of the owner) of the files that claim what another one owns."""
        for key, paths in self._claims.items():
            if len(paths) > 1:
                owner = self.owners[key]
                yield from ((path, owner) for path in sorted(paths) if path != owner)

    def of_namespace(self, tenant: str, namespace: str) -> Sequence[FlowKey]:
        """Return the identities that a namespace ever had."""
        return self._names.get((tenant, namespace), ())

    def _set_head(self, key: FlowKey, head: Head) -> None:
        if key not in self.heads:
            self._names.setdefault(key[:2], []).append(key)
        self.heads[key] = head
        self.adopted.discard(key)

    def _place(self, path: str, before: FlowFile | None, file: FlowFile | None) -> None:
        if before is not None and before.key is not None:
            self._claims[before.key].discard(path)
        if file is None:
            self.files.pop(path, None)
            return
        self.files[path] = file
        if file.key is not None:
            self._claims.setdefault(file.key, set()).add(path)

    def _is_stale(self, key: FlowKey) -> bool:
        head, owner = self.heads.get(key), self.owners.get(key)
        if owner is None or not self._claims.get(key):
            return head is not None and not head.deleted
        return head is None or head.deleted or head.blob != self.files[owner].blob

    def _settle(self, key: FlowKey, at: Point, kind: str) -> NewRevision | None:
        """Compare what the files say of a flow with its newest revision."""
        paths = self._claims.get(key)
        head = self.heads.get(key)
        if not paths:
            self._claims.pop(key, None)
            self.owners.pop(key, None)
            if head is None or head.deleted:
                return None
            gone = head._replace(revision=head.revision + 1, deleted=True)
            return self._new(key, gone, at, "delete")
        owner = self.owners.get(key)
        if owner not in paths:
            owner = self.owners[key] = self._successor(key, paths)
        blob = self.files[owner].blob
        if head is None:
            return self._new(key, Head(1, blob, owner, False, 1), at, kind)
        if not head.deleted and head.blob == blob:
            if head.path != owner:
                self.moves.append(PathMove(key, at.seq, owner, at.commit))
            self.heads[key] = head._replace(path=owner)
            return None
        incarnation = head.incarnation + 1 if head.deleted else head.incarnation
        new = Head(head.revision + 1, blob, owner, False, incarnation)
        return self._new(key, new, at, kind)

    def _sticky(self, path: str, file: FlowFile | None, before: FlowFile | None) -> FlowFile | None:
        """Return a file that cannot be read as still being the flow that it was."""
        if file is None or file.key is not None or before is None or before.key is None:
            return file
        return file._replace(key=before.key) if self.owners.get(before.key) == path else file

    def _new(self, key: FlowKey, head: Head, at: Point, kind: str) -> NewRevision:
        head = head._replace(commit=at.commit)
        before = self.heads.get(key)
        if not head.deleted and (before is None or before.deleted or before.path != head.path):
            self.moves.append(PathMove(key, at.seq, head.path, at.commit))
        self._set_head(key, head)
        return NewRevision(
            key, head.revision, at.commit, head.blob, head.path, kind, head.incarnation, at.seq
        )

    def _successor(self, key: FlowKey, paths: Iterable[str]) -> str:
        """Return who owns an identity: a moved file first (same blob), then the first by name."""
        head = self.heads.get(key)
        ordered = sorted(paths)
        same = [path for path in ordered if head and self.files[path].blob == head.blob]
        if head is not None and head.path in same:
            return head.path
        return (same or ordered)[0]


def with_renames(
    made: Sequence[NewRevision], same_file: Mapping[FlowKey, FlowKey]
) -> list[NewRevision]:
    """Return the revisions of one commit, with what those that are new were called before.

    A flow that begins where another one ends is that one renamed: in the same file (`same_file`:
    new -> old), or with the same id in another namespace of the tenant, if there is just one.
    """
    ended = {each.key for each in made if each.kind == "delete"}
    if not ended:
        return list(made)
    by_id: dict[tuple[str, str], list[FlowKey]] = {}
    for key in ended:
        by_id.setdefault((key[0], key[2]), []).append(key)
    return [_renamed(each, same_file.get(each.key), ended, by_id) for each in made]


def _renamed(
    new: NewRevision,
    before: FlowKey | None,
    ended: set[FlowKey],
    by_id: Mapping[tuple[str, str], Sequence[FlowKey]],
) -> NewRevision:
    if new.revision != 1:
        return new
    others = by_id.get((new.key[0], new.key[2]), ())
    old = before if before in ended else others[0] if len(others) == 1 else None
    if old is None or old[0] != new.key[0]:
        return new
    return new._replace(renamed_from=f"{old[1]}.{old[2]}")
