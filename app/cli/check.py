"""`headwater check`: validates flow files offline, by the code that syncs and reviews run."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from app.cli.check_formats import FORMATS, Finding
from app.cli.check_loose import Loose, documents_below
from app.cli.check_trees import (
    Wanted,
    against_commit,
    of_tree,
    refuse_root_nowhere,
    tops_below,
)
from app.cli.outcome import FAILED, OK, USAGE, CommandError
from app.cli.printing import progress
from app.cli.repositories import NATIVE, Shape, new_memory


def check(
    *paths: Annotated[Path, Parameter(help="Files and folders; the working directory by default.")],
    base: Annotated[
        str | None,
        Parameter(
            help="Check what differs from this commit, such as origin/main, and what that breaks."
        ),
    ] = None,
    format_: Annotated[
        Literal["text", "json", "github", "sarif", "gitlab"],
        Parameter(
            name="--format",
            help="`github`: annotations of a workflow; `gitlab`: a report of code quality.",
        ),
    ] = "text",
    shape: Shape = NATIVE,
) -> int:
    """Validate flow files; exit 1 when there is an error.

    In a repository of flows (`tenants/<tenant>/namespaces/<namespace>/flows/…`) they are checked
    together: names, subflows, circles, inputs of callers, names of secrets. Elsewhere every YAML
    file is taken for a flow by itself.
    """
    wanted = [Wanted(path) for path in paths or (Path(),)]
    for each in wanted:
        if not each.path.exists():
            message = f"there is no {each.path}"
            raise CommandError(message, USAGE)
    if base is not None:
        files, found = against_commit(wanted, base, shape.rules)
    else:
        refuse_root_nowhere(wanted, shape)
        files, found = _checked(wanted, shape)
    FORMATS[format_](found)
    errors = sum(each.is_error for each in found)
    progress(f"{files} files, {errors} errors, {len(found) - errors} warnings")
    return FAILED if errors else OK


def _checked(wanted: Sequence[Wanted], shape: Shape) -> tuple[int, list[Finding]]:
    """Return how many files were checked, and what was found."""
    memory = new_memory()
    tops: dict[Path, list[Wanted]] = {}
    rest: list[Path] = []
    for each in wanted:
        own = tops_below(each, shape)
        for top in own:
            tops.setdefault(top, []).append(each)
        if not own:
            rest += [each.path] if each.path.is_file() else documents_below(each.path)
    count, found = 0, list[Finding]()
    for top, inside in tops.items():
        number, more = of_tree(top, inside, shape.rules, memory)
        count += number
        found += more
    loose = Loose(memory.types)
    files = list(dict.fromkeys(rest))
    return count + len(files), [*found, *_sorted(loose.findings(files))]


def _sorted(found: Iterator[Finding]) -> list[Finding]:
    return sorted(found, key=lambda each: str(each.path))
