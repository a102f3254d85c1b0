"""The files of namespaces: read out of one commit, written as one commit.

Everything is read from the mirror by object id; there is no work tree, links are never followed.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from app.config.tenant_names import TENANT_NAME, tenant_name_problem
from app.errors import BadRequest, Conflict, Invalid, NotFound, TooLarge
from app.git.file_history import FileCommit, commits_of
from app.git.history import EXECUTABLE
from app.git.layout import NAMESPACE_NAME
from app.git.names import check_path
from app.git.survey import lfs_pointer
from app.git.trees import Entry, tree_of
from app.ports import NamespaceFile
from app.sync.file_reads import FileReads, folder_of
from app.sync.large_files import LargeFiles
from app.sync.model import Actor
from app.sync.origin import Origin
from app.sync.passes import Parts
from app.sync.publishing import Edits, Publisher
from app.sync.vault import Listing, Place

LONGEST_PATH = 500
"""Characters that the path of a namespace file may have."""

_EXECUTIONS = Actor("Headwater", "executions@headwater.invalid")


class SourceFiles:
    """Implements `ports.NamespaceFiles` on the repository of the flows."""

    def __init__(self, parts: Parts, publisher: Publisher, large: LargeFiles) -> None:
        """Read by `parts`, what is in Git LFS by `large`; write by `publisher`."""
        self._parts = parts
        self._publisher = publisher
        self._reads = FileReads(parts, publisher.sync, large)

    async def entries(
        self, tenant: str, namespace: str, commit: str | None = None
    ) -> Sequence[NamespaceFile]:
        """Return all files of a namespace, in order of path; raises `NotFound`."""
        listing = await self._listing(tenant, namespace, commit)
        return [
            NamespaceFile(path, entry.size or 0, entry.mode == EXECUTABLE)
            for path, entry in listing.items()
        ]

    async def read(
        self, tenant: str, namespace: str, path: str, commit: str | None = None
    ) -> bytes:
        """Return a file's bytes.

        Raises:
            NotFound: when there is no such file, or no such commit.
            Conflict: when the commit holds only a Git LFS pointer to it, and it is not fetched.
            GitError, TooLarge: when it is to be fetched and cannot be (see `LargeFiles`).
        """
        entry = await self._entry(tenant, namespace, path, commit)
        data = await self._reads.content(entry, keep=commit is not None)
        if lfs_pointer(data) is not None:
            message = f"{path} is kept in Git LFS, which is not fetched; commit the file itself"
            raise Conflict(message)
        return data

    async def stored(self, tenant: str, namespace: str, path: str) -> bytes:
        """Return a file as the active commit has it: of a file in Git LFS the pointer.

        Raises:
            NotFound: when there is no such file.
        """
        return await self._reads.stored(await self._entry(tenant, namespace, path, None))

    async def write(
        self, tenant: str, namespace: str, changes: Mapping[str, bytes | None], *, reason: str
    ) -> str:
        """Write files (None: delete) as one commit; return the commit that is active then.

        Raises:
            Conflict: where changes are pull requests: an execution cannot wait for one.
        """
        self._publisher.refuse_proposals()
        return await self.put(
            tenant, namespace, changes, actor=_EXECUTIONS, message=_message(changes, reason)
        )

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
        """Write files as `write` does, in the name of somebody; some of them become executable.

        Raises:
            Invalid: a path is absolute, goes up or is no file name; or no such namespace can be.
            TooLarge: a file is larger than the repository may hold.
            Conflict: the repository cannot be written, or the namespace is kept back.
            Proposed: the source takes changes by pull request only: it is open now.
        """
        self._publisher.refuse_read_only()
        origin = await self._publisher.opened()
        active = await self.active(tenant, namespace)
        paths = self.checked(origin, tenant, namespace, changes)
        if not any(data is not None for data in paths.values()) and active is None:
            return ""  # nothing to delete
        if not paths:
            return active or ""
        place = origin.layout.file_path
        modes = {place(tenant, namespace, path): EXECUTABLE for path in executable}
        edits = Edits(paths, [(tenant, namespace)], message, actor, modes=modes)
        commit = await self._publisher.publish(edits)
        if self._publisher.mode == "pr":  # nothing was to change: it would be proposed
            return active or ""
        return await self.activated(tenant, namespace, commit)

    async def active(self, tenant: str, namespace: str) -> str | None:
        """Return the commit that is active in a namespace, None if it has none."""
        source = self._parts.indexer.source_id
        snapshot = await self._parts.sources.activation.snapshot(source, tenant, namespace)
        return snapshot.commit if snapshot and snapshot.commit else None

    async def history(self, tenant: str, namespace: str, path: str) -> list[FileCommit]:
        """Return the commits that changed a path of the active ones, newest first."""
        commit = await self.active(tenant, namespace)
        if commit is None:
            return []
        origin = await self._publisher.opened()
        full = f"{folder_of(origin, tenant, namespace)}/{path}".rstrip("/")
        return await asyncio.to_thread(commits_of, origin.mirror, commit, full)

    # -- private ---------------------------------------------------------------------------------

    async def _entry(self, tenant: str, namespace: str, path: str, commit: str | None) -> Entry:
        listing = await self._listing(tenant, namespace, commit)
        entry = listing.get(path.lstrip("/"))
        if entry is None:
            message = f"there is no file {path} in namespace {namespace}"
            raise NotFound(message)
        return entry

    async def _listing(self, tenant: str, namespace: str, commit: str | None) -> Listing:
        at = commit or await self.active(tenant, namespace)
        if at is None:
            return {}
        return await self._reads.listing(Place(tenant, namespace, at), keep=commit is not None)

    def checked(
        self, origin: Origin, tenant: str, namespace: str, changes: Mapping[str, bytes | None]
    ) -> dict[str, bytes | None]:
        """Return the changes by repository path; raises `Invalid`, `TooLarge` as `put`."""
        if not TENANT_NAME.match(tenant):
            raise Invalid(tenant_name_problem(tenant))
        if not NAMESPACE_NAME.match(namespace):
            raise Invalid(f"{namespace!r} is no namespace: small letters, digits, - _ and dots")
        most = self._parts.spec.max_file_bytes
        for path, data in changes.items():
            _check(path)
            if data is not None and len(data) > most:
                raise TooLarge(f"{path} has {len(data)} bytes, {most} are allowed")
        place = origin.layout.file_path
        return {place(tenant, namespace, path): data for path, data in changes.items()}

    async def activated(self, tenant: str, namespace: str, commit: str) -> str:
        """Return the commit that is active once `commit` was made; raises `Conflict` if none is."""
        active = await self.active(tenant, namespace)
        origin = self._parts.repository
        if active is None or not await asyncio.to_thread(
            _has_taken_up, origin, active, commit, origin.layout.namespace_folder(tenant, namespace)
        ):
            message = (
                f"commit {commit[:12]} was made, but is not active:"
                f" see the findings of namespace {namespace}"
            )
            raise Conflict(message)
        return active


def _check(path: str) -> None:
    try:
        check_path(path)
        path.encode()
    except (BadRequest, UnicodeEncodeError):
        message = (
            f"{path!r:.200} is no path of a namespace file: no `..`, no leading `/`, no `.git`"
        )
        raise Invalid(message) from None
    if len(path) > LONGEST_PATH or any(len(part.encode()) > 255 for part in path.split("/")):
        raise Invalid(f"the path {path[:80]!r}… is too long: {LONGEST_PATH} characters are allowed")


def _message(changes: Mapping[str, bytes | None], reason: str) -> str:
    """Return the message of a commit that an execution makes."""
    names = list(changes)
    verb = "Delete" if all(data is None for data in changes.values()) else "Update"
    subject = f"file {names[0]}" if len(names) == 1 else f"{len(names)} files"
    listed = "\n".join(f"- {name}" for name in names[:50]) if len(names) > 1 else ""
    return f"{verb} {subject}"[:72] + f"\n\nBy {reason}\n\n{listed}"


def _has_taken_up(origin: Origin, active: str, commit: str, folder: str) -> bool:
    """Whether what is active holds what `commit` wrote, perhaps with later commits on top."""
    objects = origin.mirror.objects
    same = tree_of(objects, active, folder) == tree_of(objects, commit, folder)
    return same or origin.mirror.is_ancestor(commit, active)
