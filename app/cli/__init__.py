"""The command line: `headwater …`. Modules are imported when their command is run."""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code (see `outcome`)."""
    gc.set_threshold(50_000)  # what the imports make stays; looking through it costs 0.15 s
    _open_streams()
    from app.cli.tree import run

    sys.exit(run(sys.argv[1:] if argv is None else argv))


def _open_streams() -> None:
    """Put an empty stream in the place of each that the caller has closed: Python has None there.

    Without it errors would be printed among the data, and reading would end in an error of ours.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - for good
            setattr(sys, name, stream)
