"""Branches of changesets at the remote, or in our own repository: made and deleted."""

from app.db.changesets import Changeset
from app.errors import Conflict, PushRefused
from app.git.refs import RefUpdate
from app.sync.changesets.names import other_branch
from app.sync.origin import Origin


def push_branch(origin: Origin, changeset: Changeset) -> str:
    """Push the commit of a changeset as a new branch (blocking); return the branch that took it.

    Raises:
        Conflict: when the name is taken twice. PushRefused, AuthFailed, RemoteUnreachable.
    """
    writer, sha = origin.writer(), changeset.commit_sha or ""
    named = changeset.branch or ""
    for branch in (named, other_branch(named, changeset.id)):
        try:
            writer.publish(branch, sha, expected=None)
        except PushRefused:
            raise
        except Conflict:
            if _tip_of(origin, branch) != sha:
                continue
            writer.drop(sha)  # it was pushed before a crash
        return branch
    message = f"the branches {named!r} are taken; delete them and try again"
    raise Conflict(message)


def _tip_of(origin: Origin, branch: str) -> str | None:
    return origin.mirror.ls_remote().get(f"refs/heads/{branch}")


def delete_branch(origin: Origin, branch: str, head: str) -> None:
    """Delete a branch of ours if it is still at `head` (blocking); one that is gone is fine.

    Raises:
        Conflict: when the branch is elsewhere. AuthFailed, RemoteUnreachable: by the remote.
    """
    mirror = origin.mirror
    there = mirror.ls_remote().get(f"refs/heads/{branch}")
    if there is None:
        return
    if there != head:
        raise Conflict(f"the branch {branch!r} is at {there[:12]}, not at {head[:12]}")
    if mirror.location.is_own:
        mirror.refs.update([RefUpdate(mirror.branch_prefix + branch, None, head)])
    else:
        origin.writer().push(branch, None, expected=head)
