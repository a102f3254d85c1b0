"""The history that a revision index reads: where it begins, in which chunks, as it is stored."""

from collections.abc import Container, Generator, Iterator, Sequence

from app.db.records import CommitRecord, NewRevision
from app.git.history import Change, Commit, CommitChange
from app.git.mirror import Mirror
from app.git.survey import shown
from app.sync.flowfiles import has_blob
from app.sync.index import FlowIndex


def start_of(mirror: Mirror, old: str | None, new: str) -> str | None:
    """Return where the new part of the history begins, None: at the root."""
    if old is None or not mirror.has(old):
        return None
    return mirror.merge_base(old, new)


def chunks_of(
    commits: Iterator[CommitChange], known: Container[str], size: int
) -> Generator[list[CommitChange], None, None]:
    """Yield the commits that are not known, `size` changes (and commits) at a time at least."""
    chunk: list[CommitChange] = []
    weight = 0
    for each in commits:
        if each.commit.sha in known:
            continue
        chunk.append(each)
        weight += 1 + len(each.changes)
        if weight >= size:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk


def is_in(index: FlowIndex, change: Change) -> bool:
    """Return whether the index has a file already as a change leaves it."""
    file = index.files.get(change.path)
    return (file.blob if file else None) == (change.new_blob if has_blob(change) else None)


def storable(revisions: Sequence[NewRevision]) -> Iterator[NewRevision]:
    """Yield revisions with paths that every database takes."""
    return (each._replace(path=shown(each.path)) for each in revisions)


def record_of(source_id: str, commit: Commit, seq: int) -> CommitRecord:
    """Return a commit as it is stored; `seq`: its place among those that were processed."""
    return CommitRecord(
        source_id=source_id,
        sha=commit.sha,
        seq=seq,
        first_parent=commit.first_parent,
        author_name=commit.author_name,
        author_email=commit.author_email,
        authored_at=commit.authored_at,
        committer_name=commit.committer_name,
        committed_at=commit.committed_at,
        subject=commit.subject,
    )
