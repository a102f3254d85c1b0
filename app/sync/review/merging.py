"""The merge result of a pull request: both sides fetched, merged without a work tree (blocking).

What is reviewed is the tree that the base branch would have: conflicts and stale bases show. Both
sides are fetched into private refs, so that the sync loop sees nothing of it.
"""

from dataclasses import dataclass

from app.errors import BadRequest
from app.git.mirror import Mirror
from app.git.names import check_oid, is_oid
from app.git.refs import PULLS
from app.git.revert import Clash, merge
from app.git.trees import tree_of


@dataclass(frozen=True, slots=True)
class Sides:
    """The commits that are merged."""

    base: str
    head: str


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The tree that the base would have. With clashes it is none to be judged."""

    sides: Sides
    tree: str
    clashes: tuple[Clash, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether the two sides merge."""
        return not self.clashes


def fetch_sides(mirror: Mirror, base_ref: str, head_ref: str, number: int) -> Sides:
    """Fetch the tip of the base branch and the head of a pull request; return both.

    `head_ref` is the ref that the base repository has for it (a fork is never asked), or the object
    id of a merge group.

    Raises:
        RefNotFound: when the repository has no such branch or pull request.
        RemoteUnreachable, AuthFailed: by the remote.
    """
    branch = base_ref.removeprefix("refs/heads/")
    base = mirror.fetch_ref(f"refs/heads/{branch}", f"base/{branch}")
    name = head_name(number, head_ref)
    if is_oid(head_ref) and mirror.has(head_ref):
        return Sides(base, mirror.resolve(head_ref))
    return Sides(base, mirror.fetch_ref(head_ref, name))


def head_name(number: int, head_ref: str) -> str:
    """Return the name of the private ref that holds a head."""
    return f"head/{number}" if number else f"group/{head_ref[:12]}"


def forget_head(mirror: Mirror, number: int) -> None:
    """Let go of the head of a pull request that is closed."""
    ref = f"{PULLS}head/{number}"
    if ref in mirror.kept():
        mirror.unkeep(ref)


def merged(mirror: Mirror, sides: Sides) -> MergeResult:
    """Merge the head into the base; nothing but objects is written.

    Two sides without a common history clash, as a whole.
    """
    if mirror.is_ancestor(sides.base, sides.head):  # nothing happened on the base since
        tree = tree_of(mirror.objects, check_oid(sides.head))
        if tree is not None:
            return MergeResult(sides, tree)
    try:
        outcome = merge(mirror, sides.base, sides.head)
    except BadRequest as error:
        return MergeResult(sides, "", (Clash("", error.message),))
    return MergeResult(sides, outcome.tree, outcome.clashes)
