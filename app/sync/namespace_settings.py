"""What `namespace.yaml` says about executions: which revision goes on, how releases are watched.

The nearest file counts: that of the namespace, else of the one above it, each as the active commit
has it.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from app.errors import HeadwaterError
from app.flows.durations import parse_duration
from app.flows.yaml import YamlError, decode, load
from app.git.trees import blob_of
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_REMEMBERED = 2_000
_LARGEST = 64 * 1024
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
    if not isinstance(document, Mapping):
        message = "namespace.yaml is no map"
        raise ValueError(message)  # noqa: TRY004 - what is wrong is the file, not a type of ours
    return NamespaceSettings.model_validate(document)


class NamespaceReader:
    """Finds the settings of namespaces in the active commits, and remembers them."""

    def __init__(self, workers: SourceSet) -> None:
        """Read from the repositories of `workers`."""
        self._workers = workers
        self._known: OrderedDict[tuple[str, ...], NamespaceSettings | None] = OrderedDict()

    async def of(self, tenant: str, namespace: str) -> NamespaceSettings:
        """Return what holds for a namespace; what cannot be read counts as not there."""
        try:
            worker = await self._workers.owner(tenant, namespace)
            activation = worker.parts.sources.activation
            snapshot = await activation.snapshot(worker.id, tenant, namespace)
            if snapshot is None or not snapshot.commit:
                return NamespaceSettings.model_construct()
            return await self._nearest(worker, snapshot.commit, tenant, namespace)
        except HeadwaterError as error:
            _LOG.warning("no settings of a namespace", namespace=namespace, reason=error.message)
            return NamespaceSettings.model_construct()

    async def _nearest(
        self, worker: SourceWorker, commit: str, tenant: str, namespace: str
    ) -> NamespaceSettings:
        found = NamespaceSettings.model_construct()
        parts = namespace.split(".")
        for length in range(len(parts), 0, -1):
            one = await self._one(worker, commit, tenant, ".".join(parts[:length]))
            if one is not None:
                found = NamespaceSettings.model_construct(
                    revision=found.revision or one.revision, release=found.release or one.release
                )
        return found

    async def _one(
        self, worker: SourceWorker, commit: str, tenant: str, namespace: str
    ) -> NamespaceSettings | None:
        key = (worker.id, commit, tenant, namespace)
        if key not in self._known:
            self._known[key] = await asyncio.to_thread(_read, worker, commit, tenant, namespace)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return self._known[key]


def _read(
    worker: SourceWorker, commit: str, tenant: str, namespace: str
) -> NamespaceSettings | None:
    """Read one file out of a commit (blocking); None when there is none, or it is not valid."""
    origin = worker.parts.repository
    path = f"{origin.layout.namespace_folder(tenant, namespace)}/namespace.yaml"
    blob = blob_of(origin.mirror.objects, commit, path)
    if blob is None:
        return None
    try:
        return read_settings(origin.mirror.objects.read(blob, limit=_LARGEST))
    except (ValueError, ValidationError) as error:
        _LOG.warning("namespace.yaml is not valid", path=path, reason=str(error)[:500])
        return None
