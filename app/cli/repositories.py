"""Trees of a clone on this machine, for commands that need no service."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from app.cli.addresses import tenant_of
from app.cli.outcome import NOT_FOUND, USAGE, CommandError
from app.errors import GitError, HeadwaterError
from app.git.clone import Clone, open_clone
from app.git.layout import Layout
from app.plugins.registry import Registry
from app.sync.planning.files import FolderFiles
from app.sync.planning.memory import Memory
from app.sync.planning.tree import TreeView


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Shape:
    """How a repository is laid out."""

    layout: Annotated[
        Literal["native", "kestra"],
        Parameter(help="`kestra`: NAMESPACE/flows/…, as Kestra's own Git tasks write it."),
    ] = "native"
    root: Annotated[str, Parameter(help="Folder of the repository that holds the flows.")] = ""
    tenant: Annotated[
        str, Parameter(name=["--tenant", "-t"], help="Tenant of a kestra layout.")
    ] = "main"

    @property
    def rules(self) -> Layout:
        """The rules of the layout."""
        return Layout(self.layout, self.root.strip("/"), tenant_of(self.tenant))


NATIVE = Shape()


@contextmanager
def repository(folder: Path) -> Iterator[Clone]:
    """Open the repository that a folder lies in.

    Raises:
        CommandError: when it lies in none, or Git cannot read it.
    """
    try:
        with open_clone(folder) as clone:
            yield clone
    except GitError as error:
        raise CommandError(error.message, NOT_FOUND) from error
    except HeadwaterError as error:
        raise CommandError(error.message) from error


def new_memory() -> Memory:
    """Return an empty memory that knows the installed types."""
    return Memory(Registry.load())


def commit_view(clone: Clone, commit: str, layout: Layout, memory: Memory) -> TreeView:
    """Return the view of a commit of a clone."""
    return TreeView.of_commit(clone.launcher, clone.objects, commit, layout, memory)


def refuse_missing_root(clone: Clone, layout: Layout, *commits: str) -> None:
    """Refuse a root that neither the work tree nor a commit has: nothing would be found in it.

    Raises:
        CommandError: naming the root.
    """
    here = clone.top is not None and (clone.top / layout.root).is_dir()
    if not layout.root or here:
        return
    if not any(clone.objects.info(f"{each}:{layout.root}") for each in commits):
        raise missing_root(layout)


def missing_root(layout: Layout) -> CommandError:
    """Return that the repository has no such root."""
    return CommandError(f"--root: there is no folder {layout.root} in the repository", USAGE)


def folder_view(clone: Clone, layout: Layout, memory: Memory) -> TreeView:
    """Return the view of the work tree, as its files are on disk.

    Raises:
        CommandError: when the repository has no work tree.
    """
    if clone.top is None:
        message = "this repository is bare; name the commits to compare, as in BASE..HEAD"
        raise CommandError(message, USAGE)
    files = FolderFiles(clone.top, algorithm=clone.algorithm, root=layout.root)
    return TreeView(files, layout, memory, label="working folder")
