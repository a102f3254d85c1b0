"""Commits made by the API: built without a work tree, published by compare-and-swap.

In a repository of our own the branch is moved by a ref transaction that compares; at a remote by a
push under a lease. Either way a branch that has moved is a `Conflict`, and `change` builds again.
"""

import os
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import replace

from app.errors import BadRequest, Conflict, HeadwaterError, PushRefused, RefNotFound
from app.git.draft import Draft, Person
from app.git.failures import scrub
from app.git.fastimport import FastImport, Held, effective
from app.git.history import commit_of
from app.git.mirror import Mirror
from app.git.names import ZERO, check_oid, check_ref_name
from app.git.process import Outcome
from app.git.refs import PENDING, RefUpdate
from app.git.repository import ok
from app.git.signing import SigningKey

_TRIES = 5
_MOVED = (
    "stale info",
    "non-fast-forward",
    "fetch first",
    "cannot lock ref",
    "failed to update ref",
    "already exists",
    "reference already exists",
    "remote ref updated since checkout",
)


class Writer:
    """Writes commits of one repository; `committer` is who signs for what users author."""

    def __init__(
        self,
        mirror: Mirror,
        committer: Person,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        signing: SigningKey | None = None,
    ) -> None:
        """Make the writer; `clock` gives µs since the epoch, `signing` signs every commit."""
        self.committer = committer
        self._signing = signing
        self._mirror = mirror
        self._clock = clock
        self._pending: dict[str, str] = {}

    def change(
        self, branch: str, make: Callable[[str | None], Draft], *, tries: int = _TRIES
    ) -> str:
        """Publish a commit on a branch, building it again on each move of the branch.

        `make` is given the tip (None: there is no such branch yet) and returns the draft for it; it
        raises `Conflict` itself when the change makes no sense any more. Returns the commit, or
        the tip when the draft changes nothing.

        Raises:
            Conflict: when the branch moved at each of the tries.
            PushRefused, AuthFailed, RemoteUnreachable: by the remote.
        """
        return self.advance(branch, lambda tip: self.build(make(tip), tip), tries=tries)

    def advance(
        self, branch: str, build: Callable[[str | None], str], *, tries: int = _TRIES
    ) -> str:
        """Publish what `build` makes of the tip; it builds again on each move of the branch.

        `build` is given the tip and returns a commit that was built here, or the tip when there is
        nothing to change; what it raises ends the matter. Raises as `change`.
        """
        for attempt in range(tries):
            tip = self._tip(branch)
            sha = build(tip)
            if sha == tip:
                return sha
            try:
                self.publish(branch, sha, expected=tip)
            except HeadwaterError as refused:
                self.drop(sha)
                moved = isinstance(refused, Conflict) and not isinstance(refused, PushRefused)
                if not moved or attempt == tries - 1:
                    raise
                self._mirror.fetch()
            else:
                return sha
        raise Conflict(f"The branch {branch!r} moved at each of {tries} tries; try again")

    def commit(self, branch: str, draft: Draft, *, parent: str | None) -> str:
        """Publish a commit on a branch that is at `parent` (None: that does not exist).

        Raises:
            Conflict: when the branch is elsewhere.
            PushRefused: when the remote takes no push to this branch.
        """
        check_ref_name(branch)
        sha = self.build(draft, parent)
        if sha != parent:
            self.publish(branch, sha, expected=parent)
        return sha

    def build(self, draft: Draft, parent: str | None) -> str:
        """Write a commit on top of `parent` that no branch names yet; returns its id.

        It is held by a pending ref until it is published or dropped. A draft that changes nothing
        makes no commit: `parent` is returned.

        Raises:
            BadRequest: for a draft that is none. Conflict: where a file would replace a folder.
            RefNotFound: when there is no commit `parent`.
        """
        draft.check()
        if parent is not None and not self._mirror.has(check_oid(parent)):
            raise RefNotFound(f"{self._mirror.location} has no commit {parent}")
        lock = self._mirror.disk.lock
        with lock.held(), FastImport(self._mirror.disk.launcher, lock.inherited()) as session:
            held = session.held(parent, draft.questions()) if parent else {}
            changes = effective(draft, held, len(parent or ZERO))
            if parent is not None and not changes:
                session.done()
                return parent
            ref = f"{PENDING}{os.urandom(8).hex()}"
            sha = session.commit(
                ref,
                replace(draft, changes=changes),
                parent=parent,
                committer=self.committer,
                at=self._clock(),
                modes=_modes(held) | dict(draft.modes),
            )
            session.done()
            sha = self._signed(sha, ref)
        self._pending[sha] = ref
        return sha

    def build_tree(self, tree: str, draft: Draft, parents: Sequence[str]) -> str:
        """Write a commit of an existing tree (the draft's changes do not count); as `build`."""
        at = self._clock()
        environment = dict(self._mirror.disk.launcher.environment)
        for role, person in (("AUTHOR", draft.author), ("COMMITTER", self.committer)):
            environment[f"GIT_{role}_NAME"] = person.safe_name
            environment[f"GIT_{role}_EMAIL"] = person.safe_email
            environment[f"GIT_{role}_DATE"] = f"@{at // 1_000_000} +0000"
        options = [part for parent in parents for part in ("-p", check_oid(parent))]
        launcher = self._mirror.disk.launcher_with(environment)
        with self._mirror.disk.lock.held():
            outcome = self._mirror.repository.git.commit_tree(
                check_oid(tree), *options, stdin=draft.check().text(), launcher=launcher
            )
            made: str = ok(outcome, "Writing a commit").text
            ref = PENDING + made
            self._mirror.refs.update([RefUpdate(ref, made)])
            sha = self._signed(made, ref)
            self._pending[sha] = ref
        return sha

    def _signed(self, sha: str, ref: str) -> str:
        """Return the commit with our signature, which takes its place at the pending ref."""
        if self._signing is None:
            return sha
        signed = self._signing.signed(
            self._mirror.objects.read(sha), is_sha256=len(sha) > len(ZERO)
        )
        command = ("-t", "commit", "-w", "--stdin")
        outcome = self._mirror.repository.git.hash_object(*command, stdin=signed)
        made: str = ok(outcome, "Writing a signed commit").text
        self._mirror.refs.update([RefUpdate(ref, made, sha)])
        return made

    def publish(self, branch: str, sha: str, *, expected: str | None) -> None:
        """Make a branch name a commit that was built here, if it is still at `expected`.

        What a push has moved at the remote, the next fetch reports as any other change.

        Raises:
            Conflict: when the branch is elsewhere. PushRefused: when the remote takes no push.
        """
        if self._mirror.location.is_own:
            ref = self._mirror.branch_prefix + check_ref_name(branch)
            move = RefUpdate(ref, check_oid(sha), expected or "")
            self._mirror.refs.update([move, *self._released(sha)])
            self._pending.pop(sha, None)
        else:
            self.push(branch, sha, expected=expected)
            self.drop(sha)

    def push(self, branch: str, sha: str | None, *, expected: str | None) -> None:
        """Push a commit (None: delete the branch) under the lease that the branch is at `expected`.

        Raises:
            Conflict, PushRefused: as `publish`. AuthFailed, RemoteUnreachable: by the remote.
        """
        if self._mirror.location.is_own:
            raise BadRequest("A repository of our own has no remote to push to")
        ref = f"refs/heads/{check_ref_name(branch)}"
        lease = f"{ref}:{check_oid(expected) if expected else ''}"
        with self._mirror.disk.lock.held():
            source = check_oid(sha) if sha else ""
            _judge(self._mirror.remote.push(f"{source}:{ref}", lease=lease), branch)

    def drop(self, sha: str) -> None:
        """Let go of a commit that was built and is not to be published (any more)."""
        self._mirror.refs.update(self._released(check_oid(sha)))
        self._pending.pop(sha, None)

    def drop_forgotten(self, kept: Container[str], *, before: int) -> list[str]:
        """Let go of commits that were built before a time (µs) and that nobody will publish.

        `kept` are those that somebody still wants. A crash after building leaves such commits.
        """
        pending = self._mirror.refs.below(PENDING)
        forgotten = {
            ref: sha
            for ref, sha in pending.items()
            if sha not in kept and commit_of(self._mirror.disk.launcher, sha).committed_at < before
        }
        self._mirror.refs.update(RefUpdate(ref, None, sha) for ref, sha in forgotten.items())
        return list(forgotten.values())

    def _released(self, sha: str) -> list[RefUpdate]:
        """Return the deletion of the pending ref of a commit, made here or by another writer."""
        ref = self._pending.get(sha)
        if ref is not None:
            return [RefUpdate(ref, None, sha)]
        pending = self._mirror.refs.below(PENDING)
        return [RefUpdate(name, None, oid) for name, oid in pending.items() if oid == sha]

    def _tip(self, branch: str) -> str | None:
        try:
            return self._mirror.tip(f"refs/heads/{check_ref_name(branch)}")
        except RefNotFound:
            return None


def _modes(held: dict[str, Held]) -> dict[str, int]:
    return {path: there.mode for path, there in held.items()}


def _judge(outcome: Outcome, branch: str) -> None:
    """Raise what the remote's refusal of a ref means."""
    refused = [line for line in outcome.text.splitlines() if line.startswith("!")]
    if not refused:
        return
    reason = refused[0].split("\t")[-1]
    if any(text in reason for text in _MOVED):
        raise Conflict(f"The branch {branch!r} moved in the meantime; read it again and repeat")
    said = [
        line.removeprefix("remote:").strip()
        for line in outcome.err.splitlines()
        if line.startswith("remote:")
    ]
    told = scrub("; ".join(text for text in said if text))
    raise PushRefused(
        f"The remote takes no direct push to {branch!r}, open a pull request instead:"
        f" {scrub(reason)} {told}".rstrip()
    )
