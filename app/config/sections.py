"""The groups of settings: every field with its default, its bounds and its meaning."""

import base64
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        ipaddress.ip_network(text)
    return texts


UserPath = Annotated[Path, AfterValidator(Path.expanduser)]


class Section(BaseModel):
    """A group of settings; unknown names are refused, so that a typing error is seen at start."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class ServerSettings(Section):
    """The HTTP server."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    mode: Literal["dev", "production"] = Field(
        "production", description="`dev` asks for no login and therefore binds loopback only."
    )
    url: str | None = Field(
        None, description="Address under which people reach the service; used in links."
    )
    max_body_bytes: int = Field(
        100 * MIB, gt=0, description="Largest body of one API request, in bytes."
    )
    trusted_proxies: Annotated[tuple[str, ...], AfterValidator(_networks)] = Field(
        (),
        description="Addresses or networks of proxies before the service, whose `X-Forwarded-For` "
        "says where a request comes from. None: the connection's own address counts.",
    )

    @model_validator(mode="after")
    def _dev_stays_at_home(self) -> Self:
        if self.mode == "dev" and self.host not in LOOPBACK:
            raise ValueError(f"dev mode asks for no login: host must be one of {sorted(LOOPBACK)}")
        return self


_DATABASE_URL = re.compile(r"postgres(ql(\+asyncpg)?)?://.|sqlite:///.")


class DatabaseSettings(Section):
    """Where executions and their journal are kept."""

    url: SecretStr | None = Field(
        None,
        description="`postgresql://user:password@host/name`, or `sqlite:///path`; without it, "
        "SQLite in the data directory.",
    )
    pool_size: int = Field(10, gt=0, description="Connections kept for reading.")
    batch_operations: int = Field(
        256, gt=0, description="Most journal operations that one commit carries."
    )
    busy_timeout_seconds: float = Field(
        5.0, gt=0, description="How long a statement waits for a lock."
    )

    @field_validator("url")
    @classmethod
    def _is_known(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _DATABASE_URL.match(url.get_secret_value()):
            # The value may hold a password: it is not repeated.
            raise ValueError("must be postgresql://… or sqlite:///path; DATABASE_URL counts, too")
        return url


class EngineSettings(Section):
    """How executions are driven, and the limits that keep one from taking all."""

    drain_seconds: float = Field(
        30.0, ge=0, description="How long running tasks may finish after SIGTERM."
    )
    max_task_runs: int = Field(1024, gt=0, description="Task runs at work at once on this node.")
    park_after_seconds: float = Field(
        5.0,
        ge=0,
        description="A wait longer than this leaves memory and is woken from the database.",
    )
    sweep_seconds: float = Field(
        2.0, gt=0, description="How often the sweeper looks for work that is due or forgotten."
    )
    queue_depth: int = Field(
        10_000, gt=0, description="Waiting executions per tenant; beyond it 429 is answered."
    )
    foreach_items: int = Field(100_000, gt=0, description="Most items of one loop.")
    subflow_depth: int = Field(16, gt=0, description="Deepest nesting of subflows.")
    child_executions: int = Field(
        10_000, gt=0, description="Most executions started below one root execution."
    )
    retries: int = Field(100, gt=0, description="Most attempts of one task run.")
    output_inline_bytes: int = Field(
        64 * KIB, gt=0, description="Larger outputs go to storage, and a URI is kept."
    )
    execution_bytes: int = Field(
        256 * KIB, gt=0, description="Largest execution row in the database."
    )
    idempotency_hours: float = Field(
        24.0, gt=0, description="How long a client's `Idempotency-Key` is remembered."
    )


class HttpSettings(Section):
    """Calls that tasks make to other services."""

    connect_timeout_seconds: float = Field(
        5.0, gt=0, description="Longest wait for a connection, unless the task says otherwise."
    )
    total_timeout_seconds: float = Field(
        60.0, gt=0, description="Longest call, unless the task says otherwise."
    )
    max_inline_bytes: int = Field(
        10 * MIB, gt=0, description="Larger answers are streamed to storage."
    )
    max_body_bytes: int = Field(1 * GIB, gt=0, description="Largest answer that is accepted.")
    per_host: int = Field(32, gt=0, description="Calls to one host at once.")
    allow_private: bool = Field(
        True, description="Whether tasks may call private addresses (10/8, 172.16/12, 192.168/16)."
    )
    allow_loopback: bool = Field(
        False, description="Whether tasks may call this machine itself (`headwater dev` allows it)."
    )


class ExpressionSettings(Section):
    """The budget of one evaluation of one template."""

    max_steps: int = Field(1_000_000, gt=0, description="Most evaluation steps.")
    max_depth: int = Field(16, gt=0, description="Deepest nesting of calls.")
    max_output_chars: int = Field(10 * MIB, gt=0, description="Longest result, in characters.")
    max_seconds: float = Field(1.0, gt=0, description="Longest evaluation.")


class LogSettings(Section):
    """Limits of what one task run may write to its log; beyond them lines are counted, not kept."""

    max_bytes: int = Field(10 * MIB, gt=0, description="Most bytes of one task run.")
    max_lines: int = Field(100_000, gt=0, description="Most lines of one task run.")
    max_line_bytes: int = Field(8 * KIB, gt=0, description="A longer line is cut.")
    lines_per_second: float = Field(2_000.0, gt=0, description="Sustained rate of one task run.")


class WebhookSettings(Section):
    """What arrives from outside."""

    git_max_bytes: int = Field(
        25 * MIB, gt=0, description="Largest delivery of a Git forge, in bytes."
    )
    flow_max_bytes: int = Field(
        1 * MIB, gt=0, le=10 * MIB, description="Largest body that starts a flow, in bytes."
    )
    wrong_keys: int = Field(
        10, gt=0, description="Wrong keys of one address per minute; then 429 is answered."
    )
    remember_days: float = Field(
        7.0, gt=0, description="How long a delivery's id is remembered, to answer a repeat."
    )


class TriggerSettings(Section):
    """What starts flows by itself."""

    recover_missed_schedules: Literal["ALL", "LAST", "NONE"] = Field(
        "ALL",
        description="Which dates are made up for that passed while the service was down, unless "
        "the trigger says otherwise.",
    )
    recover_most: int = Field(
        1_000, gt=0, description="Most missed dates of one trigger that are made up for."
    )
    chain_depth: int = Field(
        16, gt=0, description="Longest chain of executions that flow triggers start."
    )
    polls: int = Field(32, gt=0, description="Calls of polling triggers at once.")


class TelemetrySettings(Section):
    """What the service tells about itself."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is written."
    )
    log_format: Literal["auto", "json", "pretty"] = Field(
        "auto", description="`auto` is pretty on a terminal and JSON elsewhere."
    )


class EncryptionSettings(Section):
    """Secret values at rest: inputs and outputs of the type SECRET, encrypted bodies."""

    key: SecretStr | None = Field(
        None,
        description="Base64 of the 32 bytes that secret values are encrypted with (AES-GCM). "
        "Without it a random key is made once and kept in `encryption.key` in the data folder, "
        "which belongs into a backup of its own; services that share a database need the same "
        "key. Also `HEADWATER_ENCRYPTION_KEY`.",
    )

    @model_validator(mode="after")
    def _is_a_key(self) -> Self:
        if self.key is not None:
            _check_key(self.key.get_secret_value())
        return self


def _check_key(text: str) -> None:
    try:
        length = len(base64.b64decode(text.strip(), validate=True))
    except ValueError:
        length = 0
    if length not in (16, 24, 32):
        raise ValueError("key: Base64 of 32 bytes is needed, such as `openssl rand -base64 32`")


class RunnerSettings(Section):
    """Where script tasks run their programs, and what these may use."""

    process: bool = Field(
        default=True,
        description="Whether script tasks may run programs as processes of this machine.",
    )
    process_for_tenants: bool = Field(
        default=False,
        description="Whether they may also where the service has more than one tenant. A process "
        "can reach what the service's user can, the files of other tenants' programs included: "
        "set it only with runners of your own for each tenant, or tenants that trust each other.",
    )
    default: Literal["process", "none"] = Field(
        "process",
        description="How a script task runs that names no `taskRunner`; `none` refuses it.",
    )
    docker_as_process: bool = Field(
        default=False,
        description="Whether a task that asks for a Docker container runs as a process instead, "
        "with the programs of this machine.",
    )
    user: str | None = Field(
        None,
        description="Name of the user that programs run as; needs a service that runs as root.",
    )
    environment: tuple[str, ...] = Field(
        ("PATH", "LANG", "LC_ALL", "TZ"),
        description="Variables of the service that programs see; all others are kept from them.",
    )
    concurrent: int = Field(32, gt=0, description="Programs that run at once on this node.")
    cpu_seconds: int = Field(
        3600, ge=0, description="Most processor time of one process; 0 is no limit."
    )
    memory_bytes: int = Field(
        4 * GIB, ge=0, description="Most data memory of one process; 0 is no limit."
    )
    file_bytes: int = Field(
        10 * GIB, ge=0, description="Largest file that a program writes; 0 is no limit."
    )
    output_bytes: int = Field(
        10 * MIB, gt=0, description="Most output of a program that is read; the rest is dropped."
    )
    grace_seconds: float = Field(
        5.0, ge=0, le=60, description="Time between SIGTERM and SIGKILL when a program is ended."
    )
