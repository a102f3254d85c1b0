"""What `namespace.yaml` says about executions: which revision goes on, how releases are watched.

Pure: who finds the file reads it with this, and who judges a commit tells what is wrong in it.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from app.flows.durations import parse_duration
from app.flows.problems import Problem
from app.flows.yaml import YamlError, decode, load

_SHORT = re.compile(r"(\d+)([smhd])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MOST = timedelta(days=7)


def _length(value: Any) -> timedelta:
    """Read `30m`, `2h` or an ISO 8601 duration."""
    text = str(value)
    short = _SHORT.match(text)
    length = timedelta(**{_UNITS[short[2]]: int(short[1])}) if short else parse_duration(text)
    if not timedelta(0) < length <= _MOST:
        raise ValueError("a time of up to seven days is needed, such as 30m")
    return length


class Release(BaseModel):
    """How the flows of a namespace are watched after a commit changed them."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    watch: Annotated[timedelta, BeforeValidator(_length)] = Field(description="How long.")
    min_executions: int = Field(5, ge=1, description="Executions before it is judged.")
    max_failure_rate: float = Field(0.3, ge=0, lt=1, description="Share that may fail.")
    action: Literal["pin", "alert"] = Field("pin", description="What happens above it.")


class NamespaceSettings(BaseModel):
    """What of a `namespace.yaml` is about executions; the rest of it is for others."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)

    revision: Literal["original", "latest"] | None = Field(
        None, description="Revision of restarts and replays that name none."
    )
    release: Release | None = Field(None, description="How releases are watched.")


def read_settings(text: bytes) -> NamespaceSettings:
    """Read a `namespace.yaml`.

    Raises:
        ValueError: when it is no YAML map, or a value in it is wrong.
    """
    try:
        document = load(decode(text)).value
    except YamlError as error:
        message = f"namespace.yaml cannot be read: {error}"
        raise ValueError(message) from None
    if document is None:
        return NamespaceSettings.model_construct()
    if not isinstance(document, Mapping):
        message = "namespace.yaml is no map"
        raise ValueError(message)  # noqa: TRY004 - what is wrong is the file, not a type of ours
    return NamespaceSettings.model_validate(document)


def settings_problems(text: bytes) -> Iterator[Problem]:
    """Yield what is wrong in a `namespace.yaml`; such a value counts as not there."""
    try:
        read_settings(text)
    except ValidationError as error:
        for each in error.errors():
            pointer = "/" + "/".join(str(part) for part in each["loc"])
            message = f"{pointer[1:].replace('/', '.')}: {each['msg']}"
            yield Problem("SCHEMA", "warning", pointer, 1, 1, message)
    except ValueError:
        return  # no YAML, or no map: that is told anyway
