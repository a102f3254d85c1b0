"""Task logs: lines gathered per turn of the loop, masked, limited, written in one batch (D16)."""

import asyncio
from collections.abc import Callable, Iterable

from app.executions import Execution
from app.ports import Clock, Journal, LogEntry, MetricEntry

LEVELS = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40}
"""Kestra's level names and their order."""

MAX_LINE = 8 * 1024
MAX_LINES = 100_000
_MASK = "******"


class LogSink:
    """Where all task logs and metrics of a node go through."""

    def __init__(self, journal: Journal) -> None:
        """Write to `journal`."""
        self._journal = journal
        self._lines: list[LogEntry] = []
        self._metrics: list[MetricEntry] = []
        self._scheduled = False
        self.listeners: dict[str, list[Callable[[LogEntry], None]]] = {}

    def line(self, entry: LogEntry, secrets: Iterable[str] = ()) -> None:
        """Take a line."""
        message = masked(entry.message, secrets)
        if len(message) > MAX_LINE:
            message = f"{message[:MAX_LINE]} … ({len(message) - MAX_LINE} characters dropped)"
        entry = entry._replace(message=message)
        self._lines.append(entry)
        for listener in self.listeners.get(entry.execution_id, ()):
            listener(entry)
        self._schedule()

    def metric(self, entry: MetricEntry) -> None:
        """Take a figure."""
        self._metrics.append(entry)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Hand over what is gathered."""
        self._scheduled = False
        lines, self._lines = self._lines, []
        metrics, self._metrics = self._metrics, []
        if lines:
            self._journal.write_logs(lines)
        if metrics:
            self._journal.write_metrics(metrics)


class TaskRunLog:
    """The log of one task run."""

    __slots__ = ("_attempt", "_clock", "_count", "_execution", "_least", "_run", "_secrets",
                 "_sink", "_task")  # fmt: skip

    def __init__(
        self,
        sink: LogSink,
        clock: Clock,
        execution: Execution,
        secrets: set[str],
        *,
        task: str,
        run: str,
        attempt: int,
        least: str | None,
    ) -> None:
        """Log for a task run; `least` is the lowest level that is kept."""
        self._sink = sink
        self._clock = clock
        self._execution = execution
        self._secrets = secrets
        self._task = task
        self._run = run
        self._attempt = attempt
        self._least = LEVELS.get(least or "TRACE", 0)
        self._count = 0

    def write(self, level: str, message: str) -> None:
        """Log at the level of this name."""
        number = LEVELS[level]
        if number < self._least:
            return
        self._count += 1
        if self._count > MAX_LINES:
            if self._count > MAX_LINES + 1:
                return
            message = f"more than {MAX_LINES} lines: the rest of this log is dropped"
        entry = LogEntry(
            self._execution.id, self._run, self._task, self._attempt, number,
            self._clock.now(), message,
        )  # fmt: skip
        self._sink.line(entry, self._secrets)

    def trace(self, message: str) -> None:
        """Log at TRACE."""
        self.write("TRACE", message)

    def debug(self, message: str) -> None:
        """Log at DEBUG."""
        self.write("DEBUG", message)

    def info(self, message: str) -> None:
        """Log at INFO."""
        self.write("INFO", message)

    def warn(self, message: str) -> None:
        """Log at WARN."""
        self.write("WARN", message)

    def error(self, message: str) -> None:
        """Log at ERROR."""
        self.write("ERROR", message)


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every secret replaced by asterisks."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, _MASK)
    return text
