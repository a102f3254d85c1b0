"""Logs of attempts that go to a file of the internal storage (`logToFile`)."""

from collections.abc import AsyncIterator

from app.engine.logs import LEVELS
from app.engine.scope import instant
from app.ports import LogEntry, Storage

_NAMES = {number: name for name, number in LEVELS.items()}


class FileSink:
    """Takes the lines of one attempt; `TaskRunLog` limits how many there are."""

    def __init__(self) -> None:
        """Begin with no line."""
        self._lines: list[str] = []

    def line(self, entry: LogEntry) -> None:
        """Take a line."""
        at = instant(entry.at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._lines.append(f"{at} {_NAMES[entry.level]:<5} {entry.message}\n")

    async def store(self, storage: Storage, uri: str) -> str:
        """Write the file; return its URI."""
        await storage.put(uri, self._chunks())
        return uri

    async def _chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._lines), 1000):
            yield "".join(self._lines[start : start + 1000]).encode()
