"""Limits of the engine, each with its default (contract D15, D16)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.config import Settings

KIB = 1024

MAX_LABELS = 64
"""Labels of one execution."""

MAX_LABEL_CHARS = 256
"""Characters of the key of a label, and of its value."""

MAX_METRICS = 1_000
"""Figures that one task run reports."""


def refusal(labels: Mapping[str, str]) -> str | None:
    """Return why an execution may not have these labels, if there is a reason."""
    if len(labels) > MAX_LABELS:
        return f"{len(labels)} labels are more than the limit of {MAX_LABELS}"
    for key, value in labels.items():
        if len(key) > MAX_LABEL_CHARS or len(value) > MAX_LABEL_CHARS:
            what = f"label {key[:40]!r}: a key or a value has at most {MAX_LABEL_CHARS} characters"
            return f"{what}, this one {max(len(key), len(value))}; keep longer texts in variables"
    return None


@dataclass(frozen=True, slots=True)
class LogLimits:
    """What one task run may write to its log; what is beyond is counted, not kept."""

    total_bytes: int = 10 * KIB * KIB
    lines: int = 100_000
    line_bytes: int = 8 * KIB
    per_second: float = 2_000.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the engine takes on, keeps and waits for. Times are seconds."""

    executions: int = 10_000
    """Executions in memory; new ones are refused beyond."""
    task_runs: int = 1024
    """Task runs at work at once."""
    loop_values: int = 100_000
    """Rounds of one loop."""
    subflow_depth: int = 16
    descendants: int = 10_000
    """Executions started below one root, counted since this process started."""
    tries: int = 100
    """Attempts of one task run, whatever its policy says."""
    inline_outputs: int = 64 * KIB
    """Bytes of outputs that the journal keeps; larger ones go to storage."""
    inputs: int = 256 * KIB
    """Bytes of all inputs of an execution; larger data comes as a file."""
    park_after: float = 5.0
    """A wait longer than this leaves memory."""
    sweep: float = 2.0
    """How often the database is asked for executions that are due."""
    repair: float = 10.0
    """How often it is checked that what should run is in memory."""
    remembered: int = 20_000
    """Task runs of ended executions kept in memory for readers."""
    logs: LogLimits = field(default_factory=LogLimits)


def limits_of(settings: Settings) -> Limits:
    """Return the engine's limits as the settings have them."""
    engine, logs = settings.engine, settings.logs
    return Limits(
        executions=engine.queue_depth,
        task_runs=engine.max_task_runs,
        loop_values=engine.foreach_items,
        subflow_depth=engine.subflow_depth,
        descendants=engine.child_executions,
        tries=engine.retries,
        inline_outputs=engine.output_inline_bytes,
        inputs=engine.execution_bytes,
        park_after=engine.park_after_seconds,
        sweep=engine.sweep_seconds,
        logs=LogLimits(logs.max_bytes, logs.max_lines, logs.max_line_bytes, logs.lines_per_second),
    )
