"""What the service tells about itself: structured logs, and metrics in Prometheus' text format.

Nothing is sent anywhere: logs go to one stream, metrics wait to be read.
"""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

import orjson
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

# structlog loads rich for its tracebacks when it finds it: 4 MB that a service never uses. Only
# this module imports structlog, so that it is here that rich is out of sight for a moment.
_hidden = sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None: "not importable"
import structlog  # noqa: E402 - see above
from structlog.typing import EventDict, Processor, WrappedLogger  # noqa: E402 - as above

if _hidden is None:
    del sys.modules["rich"]

# Keys whose values never reach a log, whoever wrote the line.
SECRET_KEYS = frozenset(
    {"password", "token", "secret", "authorization", "cookie", "api_key", "private_key"}
)
MASK = "***"

# Seconds: a journal commit takes a millisecond, a long task an hour.
_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def get_logger(name: str) -> Any:
    """Return the logger of a module."""
    return structlog.get_logger(name)


def configure_logging(
    level: str = "INFO", log_format: str = "auto", stream: TextIO | None = None
) -> None:
    """Send our lines and those of every library to `stream` (default stdout) in one format.

    `log_format`: `json`, `pretty`, or `auto`, which is pretty on a terminal and JSON elsewhere.
    """
    stream = stream or sys.stdout
    pretty = log_format == "pretty" or (log_format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # the settings may be loaded after the first line
    )
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[remove_meta, *_rendering(stream, pretty=pretty), _cleaned],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the value of every key that names a secret."""
    for key in SECRET_KEYS.intersection(event):
        event[key] = MASK
    return event


CLEANERS: list[Callable[[str], str]] = []
"""Take secrets out of whole lines, tracebacks included, that are about to be written."""


def _cleaned(_logger: WrappedLogger, _method: str, line: Any) -> Any:
    for clean in CLEANERS if isinstance(line, str) else ():
        line = clean(line)
    return line


def _rendering(stream: TextIO, *, pretty: bool) -> list[Processor]:
    if pretty:
        # The plain traceback: the default one prints local variables, and with them secrets.
        plain = structlog.dev.plain_traceback
        colors = stream.isatty() and "NO_COLOR" not in os.environ
        return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(serializer=_json),
    ]


def _json(event: EventDict, **_options: object) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


class Metrics:
    """Every figure the service keeps.

    Labels are few and bounded: sources, but never another id, never a namespace.
    """

    def __init__(self) -> None:
        """Make the figures in a registry of their own."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it bare
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        self._engine(self.registry)
        self._git(self.registry)
        self._outside(self.registry)

    def _engine(self, registry: CollectorRegistry) -> None:
        self.executions_created = Counter(
            "executions_created", "Executions accepted", registry=registry
        )
        self.executions_ended = Counter(
            "executions_ended", "Executions that ended", ["state"], registry=registry
        )
        self.executions_in_memory = Gauge(
            "executions_in_memory", "Executions driven now, parked ones excluded", registry=registry
        )
        self.task_runs_ended = Counter(
            "task_runs_ended", "Task runs that ended", ["type", "state"], registry=registry
        )
        self.task_run_seconds = Histogram(
            "task_run_seconds", "Time of a task run", ["type"], buckets=_SLOW, registry=registry
        )
        self.late_results = Counter(
            "late_results", "Results dropped because their fence was too old", registry=registry
        )
        self.sweeper_repairs = Counter(
            "sweeper_repairs", "What the sweeper had to mend", ["kind"], registry=registry
        )
        self.trigger_fires = Counter(
            "trigger_fires", "Executions that triggers started", ["type"], registry=registry
        )
        self.trigger_late_seconds = Histogram(
            "trigger_late_seconds",
            "Time from the planned date of a schedule to its execution",
            buckets=_SLOW,
            registry=registry,
        )
        self.limits_reached = Counter(
            "limits_reached", "Requests and tasks refused by a limit", ["limit"], registry=registry
        )
        self.journal_commit_seconds = Histogram(
            "journal_commit_seconds", "Time of one group commit", buckets=_FAST, registry=registry
        )
        self.journal_batch = Histogram(
            "journal_batch_operations",
            "Operations in one group commit",
            buckets=_BATCH,
            registry=registry,
        )

    def _git(self, registry: CollectorRegistry) -> None:
        self.git_sync_duration_seconds = Histogram(
            "git_sync_duration_seconds",
            "Time of one phase of a sync",
            ["phase"],
            buckets=_SLOW,
            registry=registry,
        )
        self.git_sync_age_seconds = Gauge(
            "git_sync_age_seconds",
            "Time since the remote last answered",
            ["source"],
            registry=registry,
        )
        self.git_webhook = Counter(
            "git_webhook", "Deliveries received", ["provider", "result"], registry=registry
        )
        self.git_findings = Gauge(
            "git_findings",
            "Open findings in what a source follows",
            ["source", "severity"],
            registry=registry,
        )
        self.git_sync_lag_seconds = Gauge(
            "git_sync_lag_seconds",
            "Time that something newer waits to become active",
            ["source"],
            registry=registry,
        )
        self.flows = Gauge(
            "flows", "Flows by how they stand", ["sync", "health"], registry=registry
        )
        self.releases_failed = Counter(
            "releases_failed",
            "Releases that failed while they were watched",
            ["action"],
            registry=registry,
        )

    def _outside(self, registry: CollectorRegistry) -> None:
        self.http_calls = Counter(
            "http_calls", "Calls made by HTTP tasks", ["outcome"], registry=registry
        )
        self.api_request_seconds = Histogram(
            "api_request_seconds",
            "Time of an API request",
            ["method", "status"],
            buckets=_FAST,
            registry=registry,
        )

    def render(self) -> tuple[bytes, str]:
        """Return the figures as Prometheus reads them, and the content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4


METRICS = Metrics()
