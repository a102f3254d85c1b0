"""The command line: `headwater …`. Modules are imported when their command is run."""

import gc
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code (see `outcome`)."""
    gc.set_threshold(50_000)  # what the imports make stays; looking through it costs 0.15 s
    from app.cli.tree import run

    sys.exit(run(sys.argv[1:] if argv is None else argv))
