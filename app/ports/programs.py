"""Programs: where scripts and jq run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: its argument vector, its environment, where it runs.

    Of the service's own environment it sees only what the runner's settings name, such as `PATH`.
    Times are seconds, sizes bytes; None leaves a limit to the runner's settings, which also bound
    those that are given.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    file_bytes: int | None = None
    output_bytes: int | None = None


class Runner(Protocol):
    """Runs programs of script tasks; each in its own process group."""

    async def run(self, command: Command, line: Callable[[str, str], None]) -> int:
        """Run to the end and return the exit code; `line(stream, text)` hears of every line.

        `stream` is "stdout" or "stderr". When cancelled, the whole group is terminated and, after a
        grace of a few seconds, killed, before this returns.

        Raises:
            Unavailable: when the program cannot be started at all.
        """
        ...


class Runners(Protocol):
    """The ways to run programs that a node knows."""

    def choose(self, kind: str | None, tenant: str = "") -> Runner:
        """Return the runner of a kind (`process`, `docker`, …), None: the node's own choice.

        `tenant`: whose program it is; not every tenant may run all kinds.

        Raises:
            Unavailable: when this node does not run programs so; the message says what to do.
        """
        ...


class Jq(Protocol):
    """Runs jq programs where they can be stopped and see nothing of the server."""

    async def run(self, program: str, document: str) -> list[Any]:
        """Return all results of a program on a JSON text.

        Raises:
            BadRequest: when the program is wrong, fails, or takes too much time or memory.
        """
        ...
