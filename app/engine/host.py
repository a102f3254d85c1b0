"""What expressions of an execution may ask of the outside: secrets, files, its error logs."""

import base64
import binascii
import os
from collections.abc import Callable
from typing import Any, Protocol

from tzlocal import get_localzone

from app.config import ExpressionSettings
from app.engine.live import Live
from app.engine.logs import LEVELS
from app.engine.uris import may_read
from app.errors import BadRequest, Forbidden, NotFound
from app.expressions import UNKNOWN, Budget, Environment
from app.ports import Storage

_SECRET_PREFIX = "SECRET_"  # noqa: S105 - the start of variable names
MAX_READ = 10 * 1024 * 1024
"""The longest file (bytes) that an expression reads."""


class LogReader(Protocol):
    """Where error logs are read."""

    async def lines(self, execution_id: str, *, least: int = 0) -> Any:
        """Return the rows of log lines from level `least` on."""
        ...


class ExecutionHost:
    """Answers the questions of one execution's expressions (see `expressions.Host`)."""

    def __init__(self, live: Live, storage: Storage, logs: LogReader) -> None:
        """Answer for `live`."""
        self._live = live
        self._storage = storage
        self._logs = logs

    def answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Return what needs no I/O, else `UNKNOWN`."""
        if name == "secret":
            return self._secret(*arguments)
        return UNKNOWN

    async def fetch(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Return the answer.

        Raises:
            BadRequest: when nothing here answers such a question.
        """
        fetcher = getattr(self, f"fetch_{name}", None)
        if fetcher is None:
            message = f"{name}() is not available on this server"
            raise BadRequest(message)
        return await fetcher(*arguments)

    def _secret(self, key: str, *_: Any) -> str:
        """Return a secret from the environment: `SECRET_<KEY>`, base64 (reference §3.12)."""
        encoded = os.environ.get(f"{_SECRET_PREFIX}{key.upper()}")
        if encoded is None:
            message = f"Cannot find secret for key '{key}'."
            raise NotFound(message)
        try:
            value = base64.b64decode(encoded, validate=True).decode().strip()
        except (binascii.Error, UnicodeDecodeError):
            message = f"the secret '{key}' is not base64 text"
            raise BadRequest(message) from None
        if value:
            self._live.secrets.add(value)
        return value

    async def fetch_read(self, path: str, *_: Any) -> str:
        """Return the text of a file of this execution, or of the one that started it."""
        self._allow(path)
        size = await self._storage.size(path)
        if size > MAX_READ:
            message = f"{path} has {size} bytes; expressions read {MAX_READ} at most"
            raise BadRequest(message)
        data = b"".join([chunk async for chunk in self._storage.get(path)])
        return data.decode("utf-8", "replace")

    async def fetch_fileSize(self, path: str, *_: Any) -> int:  # noqa: N802 - the function's name
        """Return the size of a file in bytes."""
        self._allow(path)
        return await self._storage.size(path)

    async def fetch_fileExists(self, path: str, *_: Any) -> bool:  # noqa: N802 - as above
        """Whether a file is there."""
        self._allow(path)
        try:
            await self._storage.size(path)
        except NotFound:
            return False
        return True

    async def fetch_errorLogs(self) -> list[dict[str, Any]]:  # noqa: N802 - as above
        """Return the error lines of this execution so far."""
        rows = await self._logs.lines(self._live.id, least=LEVELS["ERROR"])
        return [
            {
                "message": row.message,
                "level": "ERROR",
                "taskId": row.task_id,
                "attempt": row.attempt,
            }
            for row in rows
        ]

    def _allow(self, path: str) -> None:
        if not may_read(self._live.execution, path):
            message = f"{path} is no file of this execution and cannot be read here"
            raise Forbidden(message)


def environment_for(
    settings: ExpressionSettings, storage: Storage, logs: LogReader
) -> Callable[[Live], Environment]:
    """Return what gives each execution the environment of its expressions."""
    budget = Budget(
        steps=settings.max_steps,
        depth=settings.max_depth,
        output_chars=settings.max_output_chars,
        seconds=settings.max_seconds,
    )

    zone = get_localzone()

    def environment(live: Live) -> Environment:
        return Environment(budget=budget, zone=zone, host=ExecutionHost(live, storage, logs))

    return environment
