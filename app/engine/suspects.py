"""Crash suspects: which execution was being stepped when a process died (contract D14).

One page of memory, mapped to a file, names the execution whose expressions or flow are evaluated
right now. Writing it costs no system call, and it survives the process (not the machine, which is
enough: a machine does not die of a template). An execution that was named at three deaths in a row
without having moved on in between is not stepped again: it is quarantined, which ends it as FAILED.
"""

import mmap
from pathlib import Path

import orjson

from app.engine.live import Live

_SIZE = 4096
DEATHS = 3


class Suspects:
    """The note of who is stepped, and the count of deaths per execution."""

    def __init__(self, folder: Path) -> None:
        """Open the note in `folder`; what a dead process left there is counted once."""
        folder.mkdir(parents=True, exist_ok=True)
        self._counts_file = folder / "suspects.json"
        note = folder / "stepping"
        if not note.exists() or note.stat().st_size != _SIZE:
            note.write_bytes(bytes(_SIZE))
        with note.open("r+b") as file:
            self._note = mmap.mmap(file.fileno(), _SIZE)
        self._counts: dict[str, list[int]] = self._read_counts()
        self._count_death()

    def _read_counts(self) -> dict[str, list[int]]:
        try:
            return dict(orjson.loads(self._counts_file.read_bytes()))
        except (OSError, orjson.JSONDecodeError):
            return {}

    def _count_death(self) -> None:
        name, _, version = self._note[:].rstrip(b"\0").decode("ascii", "replace").partition(" ")
        self.clear()
        if not name or not version.isdigit():
            return
        at, deaths = self._counts.get(name, [-1, 0])
        self._counts[name] = [int(version), deaths + 1 if at == int(version) else 1]
        self._counts_file.write_bytes(orjson.dumps(self._counts))

    def note(self, execution_id: str, version: int) -> None:
        """Say that this execution, at this version of its journal, is stepped now."""
        text = f"{execution_id} {version}".encode()
        self._note[: len(text) + 1] = text + b"\0"

    def clear(self) -> None:
        """Say that nothing is stepped."""
        self._note[:1] = b"\0"

    def poisonous(self, execution_id: str, version: int) -> bool:
        """Whether the process died too often at this very step of the execution."""
        at, deaths = self._counts.get(execution_id, [-1, 0])
        return at == version and deaths >= DEATHS

    def close(self) -> None:
        """Let go of the file."""
        self.clear()
        self._note.close()


class Stepping:
    """Notes one execution for the length of an evaluation: a context manager, used again and again.

    The version is read at every use: an execution that moved on starts a new count.
    """

    __slots__ = ("_live", "_suspects")

    def __init__(self, suspects: Suspects | None, live: Live) -> None:
        """Note `live` at `suspects` (None: nowhere)."""
        self._suspects = suspects
        self._live = live

    def __enter__(self) -> None:
        """Say that it is stepped."""
        if self._suspects is not None:
            self._suspects.note(self._live.id, self._live.execution.version)

    def __exit__(self, *_: object) -> None:
        """Say that it is not any more."""
        if self._suspects is not None:
            self._suspects.clear()
