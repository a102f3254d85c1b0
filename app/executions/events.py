"""Events: one per transition of an execution or of a task run, as the journal keeps them.

Times are microseconds since the epoch (UTC). `data` is JSON: strings, numbers, booleans, lists,
mappings. An event whose `path` is empty belongs to the execution itself.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.executions.paths import ROOT, TaskRunPath
from app.executions.states import State


class Kind(StrEnum):
    """What an event tells."""

    CREATED = "created"
    """An execution exists. data: what `Execution.created` reads."""
    MOVED = "moved"
    """The execution changed its state. data: reason, outputs, after, cascade, anew, slot, forced
    (by hand, after its end) …"""
    STARTED = "started"
    """An attempt (or a flowable) starts; the first one also makes the task run.
    data: task, parent, value, iteration, isolated."""
    ENDED = "ended"
    """The task run is over. data: outputs, error; for one that never started, as STARTED."""
    RETRYING = "retrying"
    """The attempt failed, another follows. data: error, outputs, due."""
    DECIDED = "decided"
    """What a flowable decided before it walks on: branch, values, due time, child execution."""
    PAUSED = "paused"
    """The task run waits for somebody. data: due, then (the state it moves to by itself)."""
    RESUMED = "resumed"
    """The pause is over. data: inputs, state, by."""
    LABELLED = "labelled"
    """Labels of the execution changed. data: labels, sla (the service level that did it)."""
    VARIABLES = "variables"
    """A task changed the execution's variables. data: variables (all that tasks set)."""
    WROTE = "wrote"
    """A task wrote files of a namespace: they are read from there on. data: namespace, commit."""
    DROPPED = "dropped"
    """Task runs are taken out, to run anew. data: paths; in a loop also iteration (the next),
    decision, outputs."""
    RESTARTED = "restarted"
    """An execution that ended (or pauses) goes on. data: runs (path → state), dropped (paths),
    anew (paths that decide again), kept (path → outputs of what starts again)."""


@dataclass(slots=True)
class Event:
    """One transition; a row of the journal."""

    kind: Kind
    at: int
    path: TaskRunPath = ROOT
    to: State | None = None
    origin: State | None = None
    """The state it leaves; filled by `Execution.apply`, for the journal."""
    attempt: int = 0
    delivery: int = 0
    data: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] | None = None
    """What the journal keeps instead of `data`, when outputs went to storage."""
