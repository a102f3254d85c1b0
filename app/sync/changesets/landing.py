"""A commit that was built goes onto the followed branch, or as files into a working folder."""

from app.git.draft import Draft, Person
from app.git.history import changes_between, commit_of
from app.sync.changesets.model import Build
from app.sync.origin import Origin


def land(origin: Origin, build: Build) -> str:
    """Publish what `build` builds on the tip (blocking); return it, or the tip if nothing changes.

    Raises:
        Conflict, PushRefused, AuthFailed, RemoteUnreachable: as `Writer.advance`.
    """
    writer = origin.writer()
    if origin.site.working_folder is None:
        return writer.advance(origin.ref, lambda tip: build(origin, writer, tip))
    tip = origin.look()
    sha = build(origin, writer, tip)
    if tip is None or sha == tip:
        return sha
    draft = _as_files(origin, tip, sha)
    writer.drop(sha)
    return origin.write(lambda _: draft)


def _as_files(origin: Origin, tip: str, sha: str) -> Draft:
    """Return what a commit changed as files to write."""
    objects, launcher = origin.mirror.objects, origin.mirror.disk.launcher
    changes = {
        each.path: objects.read(each.new_blob) if each.new_blob else None
        for each in changes_between(launcher, tip, sha)
    }
    commit = commit_of(launcher, sha)
    return Draft(changes, commit.subject, Person(commit.author_name, commit.author_email))
