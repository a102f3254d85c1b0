"""What a fetch has moved, as pure comparisons of two listings of refs."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.git.refs import BRANCHES, INCOMING, TAGS

_REMOTE_BRANCHES = "refs/heads/"

INTO_INCOMING = (f"+refs/heads/*:{INCOMING}heads/*", f"+refs/tags/*:{INCOMING}tags/*")
"""What is fetched: into a private namespace first."""


@dataclass(frozen=True, slots=True)
class TipChange:
    """One branch or tag that a fetch has moved.

    `ref` is the remote's name (`refs/heads/main`); `old` None: new here; `new` None: deleted there.
    `forced`: `old` is no ancestor of `new`. `kept`: the private ref that holds on to `old`.
    """

    ref: str
    old: str | None
    new: str | None
    forced: bool = False
    kept: str | None = None

    @property
    def branch(self) -> str | None:
        """The branch's name, None for a tag."""
        if self.ref.startswith(_REMOTE_BRANCHES):
            return self.ref.removeprefix(_REMOTE_BRANCHES)
        return None


def remote_name(local: str) -> str:
    """Return the remote's name of one of our refs: branches, tags, and both when incoming."""
    if local.startswith(INCOMING):
        return "refs/" + local.removeprefix(INCOMING)
    if local.startswith(BRANCHES):
        return _REMOTE_BRANCHES + local.removeprefix(BRANCHES)
    return local


def local_name(remote: str) -> str:
    """Return our ref for a remote's branch or tag."""
    if remote.startswith(_REMOTE_BRANCHES):
        return BRANCHES + remote.removeprefix(_REMOTE_BRANCHES)
    return remote


def by_remote_name(refs: Mapping[str, str]) -> dict[str, str]:
    """Return a listing of our refs under the remote's names."""
    return {remote_name(name): oid for name, oid in refs.items()}


def moved(before: Mapping[str, str], after: Mapping[str, str]) -> list[TipChange]:
    """Return what differs between two listings under the remote's names, branches first."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    names.sort(key=lambda name: (name.startswith(TAGS), name))
    return [TipChange(name, before.get(name), after.get(name)) for name in names]
