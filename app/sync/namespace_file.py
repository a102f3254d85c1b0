"""What `namespace.yaml` says about executions: which revision goes on, how releases are watched.

Pure: who finds the file reads it with this, and who judges a commit tells what is wrong in it.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from app.access import is_within
from app.flows.durations import parse_duration
from app.flows.flow import PluginDefault
from app.flows.places import place_of
from app.flows.problems import Problem, Severity
from app.flows.yaml import YamlError, decode, load
from app.ports import Use

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


class Grant(BaseModel):
    """What a namespace lets another one do with it."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    namespace: str = Field(
        max_length=253,
        pattern=r"^(\*|[a-z0-9][a-z0-9_.-]*)$",
        description="Who: a namespace with those below it, or `*` for every one of the tenant.",
    )
    may: tuple[Use, ...] = Field(
        ("execute", "trigger", "executions", "kv", "files"),
        description="What it may do: start flows (`execute`), listen to executions (`trigger`), see"
        " and change them (`executions`), use keys (`kv`), `files` and `secrets`.",
    )

    def covers(self, namespace: str) -> bool:
        """Whether the grant is for a namespace."""
        return self.namespace == "*" or is_within(namespace, self.namespace)


class NamespaceSettings(BaseModel):
    """What of a `namespace.yaml` is about executions; the rest of it is for others."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)

    description: str = Field("", max_length=10_000, description="What the namespace is for.")
    revision: Literal["original", "latest"] | None = Field(
        None, description="Revision of restarts and replays that name none."
    )
    release: Release | None = Field(None, description="How releases are watched.")
    secrets: Literal["latest", "pinned"] | None = Field(
        None, description="Whether executions read the newest secrets, or those of their commit."
    )
    allow: tuple[Grant, ...] | None = Field(
        None,
        max_length=1_000,
        description="Who else may use the namespace, and how; without it the tenant decides.",
    )
    plugin_defaults: tuple[PluginDefault, ...] = Field(
        (), description="Property values by type, for the flows of the namespace and below it."
    )


NOTHING = NamespaceSettings.model_construct()
"""What an empty file says."""
CLOSED = NamespaceSettings.model_construct(allow=())
"""What holds where a file cannot be read: nobody was let in by it."""


def read_settings(text: bytes) -> NamespaceSettings:
    """Read a `namespace.yaml`.

    Raises:
        ValueError: when it is no YAML map, or a value in it is wrong.
    """
    document = _document(text)
    return NamespaceSettings.model_validate(document) if document else NOTHING


def readable_settings(text: bytes) -> NamespaceSettings:
    """Read of a `namespace.yaml` what can be read; grants that cannot be are none."""
    try:
        document = _document(text)
    except ValueError:
        return CLOSED
    try:
        return NamespaceSettings.model_validate(document)
    except ValidationError as error:
        wrong = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
    kept = {key: value for key, value in document.items() if key not in wrong}
    strict: dict[str, Any] = {"allow": []} if "allow" in wrong else {}
    return NamespaceSettings.model_validate({**kept, **strict})


def _document(text: bytes) -> Mapping[str, Any]:
    try:
        document = load(decode(text)).value
    except YamlError as error:
        message = f"namespace.yaml cannot be read: {error}"
        raise ValueError(message) from None
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        message = "namespace.yaml is no map"
        raise ValueError(message)  # noqa: TRY004 - what is wrong is the file, not a type of ours
    return document


def settings_problems(text: bytes) -> Iterator[Problem]:
    """Yield what is wrong in a `namespace.yaml`; such a value counts as not there."""
    try:
        read_settings(text)
    except ValidationError as error:
        for each in error.errors():
            pointer = "/" + "/".join(str(part) for part in each["loc"])
            message = f"{pointer[1:].replace('/', '.')}: {each['msg']}"
            # Without its grants a namespace would be open to more than it says.
            severity: Severity = "error" if each["loc"][:1] == ("allow",) else "warning"
            yield Problem("SCHEMA", severity, pointer, *place_of(text, *each["loc"]), message)
    except ValueError:
        return  # no YAML, or no map: that is told anyway
