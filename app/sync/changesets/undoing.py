"""What taking commits out again amounts to: the commit that does it, its words, a trial of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from app.errors import Conflict
from app.git.diff import diff_commits
from app.git.draft import Draft, Person
from app.git.history import Commit, changes_between, commit_of
from app.git.layout import Kind, Place
from app.git.repository import ok
from app.git.revert import revert
from app.git.survey import shown
from app.git.writer import Writer
from app.sync.changesets.bodies import code
from app.sync.changesets.model import Build, Mode, Trial
from app.sync.model import Actor
from app.sync.origin import Origin

Step = Callable[[Origin, Writer, str, Draft], str]
"""Builds the commit of a draft on a tip (blocking); returns the tip when nothing would change."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Something that is to be undone, and how."""

    title: str
    bad: str
    """The commit that is undone, for the name of the branch."""
    step: Step
    lines: tuple[str, ...] = ()
    """What the commit's message says besides title and reason."""
    notes: tuple[str, ...] = ()
    """What the pull request says besides the reason, in Markdown."""
    tenant: str = ""
    flow_id: str = ""

    def built(self, title: str, reason: str, actor: Actor, changeset_id: str) -> Build:
        """Return how the commit is built."""
        paragraphs = [title, reason.strip(), "\n".join(self.lines)]
        message = "\n\n".join(part for part in paragraphs if part)
        author = Person(actor.name, actor.email)
        draft = Draft({}, message, author, trailers=[("Changeset", changeset_id)])

        def build(origin: Origin, writer: Writer, tip: str | None) -> str:
            if tip is None:
                raise Conflict("the branch has no commit yet: there is nothing to undo")
            return self.step(origin, writer, tip, draft)

        return build

    def tried(self, origin: Origin, build: Build, mode: Mode) -> Trial:
        """Return what it would do on the tip as it is known here (blocking)."""
        writer, tip = origin.writer(), tip_of(origin)
        sha = build(origin, writer, tip)
        if sha == tip:
            raise Conflict("nothing would change: the branch says that already")
        try:
            changes = changes_between(origin.mirror.disk.launcher, tip, sha)
            diff = diff_commits(origin.mirror, tip, sha)
        finally:
            writer.drop(sha)
        return Trial(tip, mode, tuple(shown(each.path) for each in changes), diff)


def tip_of(origin: Origin) -> str:
    """Return the tip of the followed branch as it is known here; raises `RefNotFound`."""
    return origin.mirror.tip(f"refs/heads/{origin.ref}")


def undo(origin: Origin, commits: Sequence[str]) -> Undo:
    """Return the revert of commits (blocking).

    Raises:
        RefNotFound: when one is not known here.
    """
    ordered = newest_first(origin, commits)
    launcher = origin.mirror.disk.launcher
    known = [commit_of(launcher, sha) for sha in ordered]

    def step(origin: Origin, writer: Writer, tip: str, draft: Draft) -> str:
        return revert(writer, origin.mirror, ordered, onto=tip, draft=draft)

    place = first_flow(origin, ordered[0])
    return Undo(
        title=title_of("Revert", known),
        bad=ordered[0],
        step=step,
        lines=tuple(f"This reverts commit {sha}." for sha in ordered),
        notes=told_of("Reverts", known),
        tenant=place.tenant if place else "",
        flow_id=PurePosixPath(place.name).stem if place else "",
    )


def newest_first(origin: Origin, commits: Sequence[str]) -> list[str]:
    """Return the full ids of commits, descendants before their ancestors."""
    full = list(dict.fromkeys(origin.mirror.resolve(each) for each in commits))
    if len(full) == 1:
        return full
    launcher = origin.mirror.disk.launcher
    outcome = launcher.run(["rev-list", "--topo-order", "--end-of-options", *full])
    wanted = set(full)
    return [sha for sha in ok(outcome, "Ordering commits").text.splitlines() if sha in wanted]


def title_of(verb: str, commits: Sequence[Commit]) -> str:
    """Return `Revert "subject"`, or how many commits there are."""
    if len(commits) == 1:
        return f'{verb} "{commits[0].subject[:150]}"'
    return f"{verb} {len(commits)} commits"


def told_of(verb: str, commits: Sequence[Commit]) -> tuple[str, ...]:
    """Return what a pull request says of the commits."""
    lines = [f"* {code(each.sha[:12])} {code(each.subject[:150])}" for each in commits]
    return ("\n".join([f"{verb}:", "", *lines]),)


def first_flow(origin: Origin, sha: str) -> Place | None:
    """Return the first flow file that a commit changed, else the first file of a namespace."""
    launcher = origin.mirror.disk.launcher
    parent = commit_of(launcher, sha).first_parent
    if parent is None:
        return None
    changes = changes_between(launcher, parent, sha)
    places = [place for each in changes if (place := origin.layout.place(each.path))]
    flows = [place for place in places if place.kind is Kind.FLOW]
    return next(iter([*flows, *(each for each in places if each.tenant)]), None)
