"""Identifiers of a flow document, and the words that have a fixed set."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from app.flows.values import Text

FlowId = Annotated[
    Text, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$", min_length=1, max_length=100)
]
"""The id of a flow."""

Namespace = Annotated[Text, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", min_length=1, max_length=150)]
"""A namespace; dots nest."""

EntryId = Annotated[Text, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", min_length=1)]
"""The id of a task or a trigger: no dot."""

InputId = Annotated[Text, Field(pattern=r"^[a-zA-Z0-9][.a-zA-Z0-9_-]*$", min_length=1)]
"""The id of an input or an output; dots nest."""

LogLevel = Literal["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]
"""A level of log lines."""

LEVELS: Final[Mapping[str, int]] = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40}
"""The levels and the numbers that they are kept as."""

StateName = Literal[
    "CREATED",
    "SUBMITTED",
    "RUNNING",
    "PAUSED",
    "RESTARTED",
    "KILLING",
    "SUCCESS",
    "WARNING",
    "FAILED",
    "KILLED",
    "CANCELLED",
    "QUEUED",
    "RETRYING",
    "RETRIED",
    "SKIPPED",
    "BREAKPOINT",
]
"""A state of an execution or a task run, as flows name it."""
