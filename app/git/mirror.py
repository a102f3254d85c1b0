"""A bare mirror: everything that Headwater reads out of one repository.

`fetch` first takes the remote's refs into a private namespace, keeps what they are about to leave
behind, and only then moves ours. A kill at any point leaves the old tips, or the new ones, and no
commit is lost either way. Automatic garbage collection is off: see `maintain`.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Self

from app.errors import Conflict, GitError, MirrorCorrupt, RefNotFound
from app.git.folder import Folder
from app.git.location import Access, AddressSource, CredentialSource, Location, SshKey
from app.git.names import check_oid, check_ref_name, is_oid, is_oid_prefix
from app.git.objects import ObjectReader
from app.git.process import Limits
from app.git.refs import BRANCHES, INCOMING, KEEP, OWN_BRANCHES, PULLS, TAGS, Refs, RefUpdate
from app.git.remote import Remote
from app.git.repository import Repository, ok
from app.git.tips import INTO_INCOMING, TipChange, by_remote_name, local_name, moved

_MANY_PACKS = 50


def _now() -> int:
    return time.time_ns() // 1000


class Mirror:
    """One repository on our disk. Blocking; safe to use from several threads and processes."""

    def __init__(  # noqa: PLR0913 - what a remote needs, and a clock
        self,
        folder: Path,
        location: Location,
        *,
        credentials: CredentialSource | None = None,
        ssh_key: SshKey | None = None,
        push: Access = Access(),  # noqa: B008 - frozen
        addresses: AddressSource = lambda _: (),
        limits: Limits = Limits(),  # noqa: B008 - frozen
        readers: int = 4,
        clock: Callable[[], int] = _now,
    ) -> None:
        """Open or make the mirror in `folder`.

        A new one asks the remote for its object format, but fetches nothing yet. `clock` gives µs
        since the epoch. A damaged mirror of a remote is moved aside and made anew.

        Raises:
            RemoteUnreachable, AuthFailed, RefNotFound: when a new one cannot ask the remote.
            MirrorCorrupt: when a repository of our own is damaged: it has no other copy.
        """
        self.folder = folder
        self.location = location
        self._clock = clock
        self._disk = Folder(folder, location, limits)
        self.remote = Remote(
            self._disk,
            location,
            credentials=credentials,
            ssh_key=ssh_key,
            push=push,
            addresses=addresses,
        )
        with self._disk.lock.held():
            self._repository = self._disk.open(self.remote.object_format)
        self.refs = Refs(self._repository, self._disk.lock)
        self.objects = ObjectReader(self._disk.launcher, size=readers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def relocate(self, location: Location) -> None:
        """Ask another address from now on; what was fetched stays."""
        self.location = location
        self._disk.location = location
        self.remote.relocate(location)

    def close(self) -> None:
        """End the reading processes."""
        self.objects.close()

    @property
    def repository(self) -> Repository:
        """The repository as GitPython knows it, for plumbing."""
        return self._repository

    @property
    def disk(self) -> Folder:
        """The folder, its lock and how processes start in it."""
        return self._disk

    @property
    def branch_prefix(self) -> str:
        """Where branches are: `refs/remotes/origin/`, in an own repository `refs/heads/`."""
        return OWN_BRANCHES if self.location.is_own else BRANCHES

    # -- what is there ---------------------------------------------------------------------------

    def branches(self) -> dict[str, str]:
        """Return branch name -> commit id."""
        prefix = self.branch_prefix
        return {name.removeprefix(prefix): oid for name, oid in self.refs.below(prefix).items()}

    def tip(self, ref: str) -> str:
        """Return the commit that a branch or tag points at; `refs/heads/…` and `refs/tags/…` too.

        Raises:
            RefNotFound: when there is no such branch or tag.
        """
        for name in self._candidates(check_ref_name(ref)):
            if found := self.objects.info(f"{name}^{{commit}}"):
                return found.oid
        raise RefNotFound(f"{self.location} has no branch or tag {ref!r}")

    def resolve(self, text: str) -> str:
        """Return the commit that a text names: full id, branch, tag, or unique prefix of an id.

        Raises:
            RefNotFound: when it names none, or more than one.
        """
        if is_oid(text):
            if found := self.objects.info(f"{text}^{{commit}}"):
                return found.oid
            raise RefNotFound(f"{self.location} has no commit {text}")
        try:
            return self.tip(text)
        except RefNotFound:
            if is_oid_prefix(text) and (found := self.objects.info(f"{text}^{{commit}}")):
                return found.oid
            raise

    def has(self, commit: str) -> bool:
        """Return whether the commit is here."""
        return is_oid(commit) and self.objects.info(f"{commit}^{{commit}}") is not None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Return whether commit `old` is `new` or one of its ancestors."""
        git = self._repository.git
        outcome = git.merge_base("--is-ancestor", check_oid(old), check_oid(new))
        return ok(outcome, "Comparing commits", (0, 1)).code == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor of two commits, None when they share no history."""
        outcome = self._repository.git.merge_base(check_oid(one), check_oid(other))
        return ok(outcome, "Comparing commits", (0, 1)).text or None

    # -- what is new -----------------------------------------------------------------------------

    def ls_remote(self) -> dict[str, str]:
        """Return full ref name -> object id of the remote's branches and tags, fetching nothing.

        Raises:
            RemoteUnreachable, AuthFailed, RefNotFound: naming the host and the reason.
        """
        if self.location.is_own:
            return self.refs.below(OWN_BRANCHES, TAGS)
        return self.remote.refs()

    def is_behind(self, listing: Mapping[str, str]) -> bool:
        """Return whether a listing of `ls_remote` differs from what the last fetch brought."""
        return dict(listing) != self._known()

    def fetch(self) -> list[TipChange]:
        """Bring branches and tags up to date and return what moved, branches first.

        A tip that was forced away or deleted is kept first. A damaged mirror is replaced and
        fetched whole: then the changes are against what it still could tell.

        Raises:
            RemoteUnreachable, AuthFailed, RefNotFound: naming the host and the reason.
            TooLarge: when the remote sends a pack over the limit.
        """
        if self.location.is_own:
            return []
        with self._disk.lock.held():
            self._disk.remove_stale()
            try:
                present = self.refs.below(BRANCHES, TAGS)
                self.remote.fetch(INTO_INCOMING)
                return self._move(by_remote_name(present), present)
            except MirrorCorrupt:
                return self.repair()

    def fetch_ref(self, ref: str, name: str) -> str:
        """Fetch one ref (`refs/pull/7/head`) into our own `pull/<name>` and return its commit.

        Raises:
            RefNotFound: when the remote has no such ref.
        """
        target = PULLS + check_ref_name(name)
        with self._disk.lock.held():
            self._disk.remove_stale()
            self.remote.fetch([f"+{check_ref_name(ref)}:{target}"], prune=False)
        return self.tip(target)

    def keep(self, name: str, commit: str) -> str:
        """Hold on to a commit by a private ref, so that no clean-up removes it; return the ref."""
        ref = KEEP + check_ref_name(name)
        self.refs.update([RefUpdate(ref, check_oid(commit))])
        return ref

    def kept(self) -> dict[str, str]:
        """Return private ref -> commit of everything that is held on to."""
        return self.refs.below(KEEP, PULLS)

    def unkeep(self, ref: str) -> None:
        """Drop a private ref made by `keep`, `fetch` or `fetch_ref`."""
        if not ref.startswith((KEEP, PULLS)):
            raise Conflict(f"{ref} is not one of the private refs")
        self.refs.update([RefUpdate(check_ref_name(ref), None)])

    # -- health ----------------------------------------------------------------------------------

    def verify(self) -> None:
        """Check that every object that a ref reaches is there. Seconds for a large repository.

        Raises:
            MirrorCorrupt: naming the first that is not.
        """
        outcome = self._repository.git.fsck(
            "--connectivity-only", "--no-dangling", "--no-progress", seconds=600
        )
        if outcome.code:
            reason = (outcome.text + outcome.err).strip()[:200]
            raise MirrorCorrupt(f"The local copy of {self.location} is damaged: {reason}")

    def repair(self) -> list[TipChange]:
        """Fetch the mirror anew, exchange the two, and attach the kept refs that can be saved.

        The damaged one stays beside it; as long as the remote does not answer it stays in place.

        Raises:
            MirrorCorrupt: for a repository of our own, which has no other copy.
        """
        with self._disk.lock.held():
            before = self._last_known()
            fresh = self._disk.fresh(self.remote.object_format())
            self.remote.into(fresh).fetch(INTO_INCOMING)
            aside = self._disk.take(fresh)
            self._repository = self._disk.open(self.remote.object_format)
            self.refs = Refs(self._repository, self._disk.lock)
            self.objects.reset()
            if aside:
                self._disk.rescue(aside)
            return self._move(before, {})

    def is_untidy(self) -> bool:
        """Return whether `maintain` is worth its time: each fetch brings one more pack.

        A first time it is: the commit graph makes the history of a path ten times as fast.
        """
        packs = len(list(self.folder.glob("objects/pack/*.pack")))
        graph = self.folder / "objects" / "info" / "commit-graphs"
        return packs > _MANY_PACKS or (packs > 0 and not graph.exists())

    def maintain(self) -> None:
        """Pack refs and objects and write the commit graph; removes nothing that is reachable."""
        git = self._repository.git
        with self._disk.lock.held():
            self._disk.remove_stale()
            ok(git.pack_refs("--all"), "Packing refs")
            ok(git.repack("-d", "-q", "--geometric=2", seconds=600), "Packing objects")
            graph = ("write", "--reachable", "--changed-paths", "--split", "--no-progress")
            ok(git.commit_graph(*graph, seconds=600), "Writing the commit graph")

    def drop(self) -> None:
        """Close the mirror and delete it from disk."""
        self.close()
        with self._disk.lock.held():
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- private ---------------------------------------------------------------------------------

    def _candidates(self, ref: str) -> tuple[str, ...]:
        """Return the full names that a short or full name may stand for, in order."""
        if ref.startswith("refs/heads/"):
            return (self.branch_prefix + ref.removeprefix("refs/heads/"),)
        if ref.startswith("refs/"):
            return (ref,)
        return (self.branch_prefix + ref, TAGS + ref)

    def _known(self) -> dict[str, str]:
        return by_remote_name(self.refs.below(BRANCHES, TAGS))

    def _last_known(self) -> dict[str, str]:
        """Return what a damaged mirror can still tell of its refs."""
        try:
            return self._known()
        except GitError:
            return {}

    def _move(self, before: Mapping[str, str], present: Mapping[str, str]) -> list[TipChange]:
        """Make the incoming refs ours, in place of those `present`; what they leave is kept first.

        The changes are told against `before`, which names refs as the remote does.
        """
        after = by_remote_name(self.refs.below(INCOMING))
        changes = [self._judged(change) for change in moved(before, after)]
        self.refs.update(RefUpdate(change.kept, change.old) for change in changes if change.kept)
        self.refs.replace({local_name(name): oid for name, oid in after.items()}, present)
        return changes

    def _judged(self, change: TipChange) -> TipChange:
        """Return the change with `forced` decided and, where a tip is left behind, `kept`."""
        if change.old is None:
            return change
        here = self.objects.info(change.old) is not None
        if change.new is not None and here and self._contains(change.new, change.old):
            return change
        name = change.ref.removeprefix("refs/").removeprefix("heads/")
        kept = f"{KEEP}{name}/{self._clock() // 1_000_000}-{change.old[:12]}"
        return replace(change, forced=change.new is not None, kept=kept if here else None)

    def _contains(self, new: str, old: str) -> bool:
        """Return whether what `new` points at has `old` among its ancestors (tags are peeled)."""
        commits = [self.objects.info(f"{oid}^{{commit}}") for oid in (old, new)]
        if None in commits:  # a tag of a blob or a tree
            return False
        return self.is_ancestor(*(found.oid for found in commits if found))
