"""What `tenant.yaml` says of a tenant: its quotas, its calls out, what its namespaces may ask.

Pure: who finds the file reads it with this, and who judges a commit tells what is wrong in it. What
cannot be read of the file counts as not there, except for what protects: that counts as strict.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from app.config.egress import parse_destination
from app.flows.flow import PluginDefault
from app.flows.places import place_of
from app.flows.problems import Problem
from app.flows.yaml import YamlError, decode, load

Mode = Literal["allowed", "granted"]
"""Whether namespaces may use each other unless one forbids it, or only where one grants it."""


def _destination(text: str) -> str:
    parse_destination(text)
    return text


_LABELS = 64
_Short = Annotated[str, StringConstraints(max_length=256)]
_Target = Annotated[
    str, StringConstraints(min_length=1, max_length=300), AfterValidator(_destination)
]


class _Part(BaseModel):
    """A part of the file: frozen, and with no names that mean nothing."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class Quotas(_Part):
    """How much of a node a tenant may take; the settings of the service bound it."""

    executions: int | None = Field(
        None, ge=1, description="Executions in motion at once; more are refused with 429."
    )
    task_runs: int | None = Field(None, ge=1, description="Task runs at work at once.")
    weight: float = Field(
        1.0, ge=0.01, le=1000, description="Share of a busy node, against the other tenants'."
    )


class Egress(_Part):
    """Where calls of the tenant may go; it only narrows what the settings allow."""

    policy: Literal["open", "private", "allow-list"] | None = Field(
        None, description="None: as the settings of the service say."
    )
    allow: tuple[_Target, ...] = Field(
        (), max_length=1_000, description="Hosts, `*.` and a domain, addresses or networks."
    )


class Runners(_Part):
    """How programs of the tenant's flows run; it only narrows what the settings allow."""

    process: bool = Field(
        True, description="Whether programs may run as processes beside the service."
    )


class TenantSettings(_Part):
    """A `tenant.yaml`."""

    title: str = Field("", max_length=256, description="The name that people see.")
    description: str = Field("", max_length=10_000, description="What the tenant is for.")
    labels: dict[_Short, _Short] = Field(
        default_factory=dict, max_length=_LABELS, description="Labels of the tenant."
    )
    quotas: Quotas = Field(Quotas(), description="How much of a node it may take.")
    egress: Egress = Field(Egress(), description="Where its calls may go.")
    cross_namespace: Mode = Field(
        "allowed",
        description="Whether namespaces may use each other where none says otherwise (`allowed`),"
        " or only where the used one grants it (`granted`).",
    )
    secrets: Literal["latest", "pinned"] = Field(
        "latest", description="Whether executions read the newest secrets, or those of its commit."
    )
    plugin_defaults: tuple[PluginDefault, ...] = Field(
        (), description="Property values by type, for all flows of the tenant."
    )
    runners: Runners = Field(Runners(), description="How programs run.")


UNSAID: Final = TenantSettings()
"""What holds for a tenant without a file."""

_STRICT: Final[Mapping[str, Any]] = {
    "egress": {"policy": "allow-list"},
    "crossNamespace": "granted",
    "runners": {"process": False},
}
"""What holds in place of a part that cannot be read, where leaving it out would open something."""


def read_tenant(text: bytes) -> TenantSettings:
    """Read a `tenant.yaml`.

    Raises:
        ValueError: when it is no YAML map, or a value in it is wrong.
    """
    return TenantSettings.model_validate(_document(text))


def readable_tenant(text: bytes) -> TenantSettings:
    """Read of a `tenant.yaml` what can be read; what protects is strict where it cannot."""
    try:
        document = _document(text)
    except (YamlError, ValueError):
        return TenantSettings.model_validate(_STRICT)
    try:
        return TenantSettings.model_validate(document)
    except ValidationError as error:
        wrong = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
    kept = {key: value for key, value in document.items() if key not in wrong}
    strict = {key: value for key, value in _STRICT.items() if key in wrong}
    return TenantSettings.model_validate({**kept, **strict})


def tenant_problems(text: bytes) -> Iterator[Problem]:
    """Yield what is wrong in a `tenant.yaml`."""
    try:
        read_tenant(text)
    except ValidationError as error:
        for each in error.errors():
            path = ".".join(str(part) for part in each["loc"])
            message = f"{path}: {each['msg']}"
            place = place_of(text, *each["loc"])
            yield Problem("TENANT_INVALID", "error", path, *place, message, _fix(path))
    except YamlError as error:
        yield Problem(error.problem, "error", "", error.line, error.column, error.message)
    except ValueError as error:
        yield Problem("TENANT_INVALID", "error", "", 1, 1, str(error))


def _fix(path: str) -> str:
    part = path.partition(".")[0]
    return f"until then {part} is as strict as it can be" if part in _STRICT else ""


def _document(text: bytes) -> dict[str, Any]:
    document = load(decode(text))
    if document.duplicates:
        raise document.duplicates[0]
    if document.value is None:
        return {}
    if not isinstance(document.value, dict):
        message = "tenant.yaml is no map"
        raise ValueError(message)  # noqa: TRY004 - what is wrong is the file, not a type of ours
    return document.value
