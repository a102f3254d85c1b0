"""What expressions may ask of the outside: secrets, key-value pairs, files, logs, services."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date
from typing import Any, Final

from tzlocal import get_localzone

from app.config import ExpressionSettings
from app.engine.ciphers import decrypt, encrypt
from app.engine.host_files import FileAnswers
from app.engine.host_http import call_http
from app.engine.identity import Identity
from app.engine.live import Live
from app.engine.logs import LEVELS
from app.engine.parts import Parts
from app.engine.scope import instant
from app.engine.secret_answers import Asker, SecretAnswers
from app.engine.uris import may_read
from app.errors import BadRequest
from app.expressions import UNKNOWN, Budget, Environment
from app.flows.holidays import is_public_holiday
from app.ports import LogQuery

_FLUSH_SECONDS = 5.0
_MAX_ERRORS = 1_000

Fetch = Callable[..., Awaitable[Any]]


class FlowHost:
    """Answers the questions of a flow's expressions outside of executions, as in triggers.

    Secrets that were asked for are added to `secrets`, for logs to mask them.
    """

    def __init__(
        self,
        parts: Parts,
        tenant: str,
        namespace: str,
        secrets: set[str],
        asker: Asker | None = None,
    ) -> None:
        """Answer for a flow of `namespace`; `asker` tells more of who wants secrets."""
        self._parts = parts
        self._place = (tenant, namespace)
        self._secrets = secrets
        self._answers = SecretAnswers(
            parts.secrets, asker or Asker(tenant, namespace), parts.tenants
        )

    def _fetchers(self) -> dict[str, Fetch]:
        """Return who answers: a table, so that no question can name anything else.

        Made when asked for: kept, it would tie the host to itself, and an execution that has left
        memory to both, until the collector comes round.
        """
        return {
            "kv": self._kv,
            "secret": self._fetch_secret,
            "jq": self._jq,
            "http": self._http,
            "isPublicHoliday": self._holiday,
        }

    def answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Return what needs no waiting, else `UNKNOWN`."""
        if name == "secret":
            return self._secret(*arguments)
        known = _AT_ONCE.get(name)
        return UNKNOWN if known is None else known(*arguments)

    async def fetch(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Return the answer.

        Raises:
            BadRequest: when nothing here answers such a question.
        """
        fetcher = self._fetchers().get(name)
        if fetcher is None:
            instead = "; use the task core.flow.Subflow" if name == "subflow" else ""
            message = f"{name}() is not available here{instead}"
            raise BadRequest(message)
        return await fetcher(*arguments)

    def may_read(self, uri: str) -> bool:  # noqa: ARG002 - a flow alone has no files
        """Whether a file of an execution may be read."""
        return False

    def _secret(self, key: str, namespace: str | None, subkey: str | None) -> Any:
        """Return a secret that is known without waiting, else `UNKNOWN`."""
        found = self._answers.at_once(key, namespace, subkey)
        return self._taken(key, found) if isinstance(found, tuple) else found

    async def _fetch_secret(self, key: str, namespace: str | None, subkey: str | None) -> str:
        return self._taken(key, await self._answers.fetch(key, namespace, subkey))

    def _taken(self, key: str, found: tuple[str, ...]) -> str:
        """Note the use of a secret, and that no form of it is to be seen from now on."""
        self._secrets.update(filter(None, found))
        if self._parts.secret_used is not None and (use := self._answers.use(key)) is not None:
            self._parts.secret_used(use)
        return found[-1]

    async def _kv(self, key: str, namespace: str | None) -> Any:
        """Return a value of the flow's namespace or one above it, or of the one that is named."""
        tenant, own = self._place
        if namespace:
            await Identity(self._parts.tenants, tenant, own).ask(namespace, "kv")
        for place in [namespace] if namespace else _upwards(own):
            pair = await self._parts.kv.get(tenant, place, key)
            if pair is not None:
                return pair.value
        return None

    async def _jq(self, program: str, document: str) -> list[Any]:
        return await self._parts.jq.run(program, document)

    async def _http(self, request: dict[str, Any]) -> Any:
        return await call_http(self._parts.http, request, self._place[0])

    async def _holiday(self, day: str, country: str | None, part: str | None) -> bool:
        # Calendars are loaded when first asked for.
        return await asyncio.to_thread(is_public_holiday, date.fromisoformat(day), country, part)


class ExecutionHost(FlowHost):
    """Answers the questions of one execution's expressions (see `expressions.Host`)."""

    def __init__(self, live: Live, parts: Parts) -> None:
        """Answer for `live`."""
        tenant, namespace, commit = live.place
        driven = live.execution.id if live.root is not None else ""
        asker = Asker(tenant, namespace, commit, live.loaded.revision.flow_id, driven)
        super().__init__(parts, tenant, namespace, live.secrets, asker)
        self._live = live

    def _fetchers(self) -> dict[str, Fetch]:
        parts = self._parts
        files = FileAnswers(self._live, parts.storage, parts.files, parts.tenants)
        return {
            **super()._fetchers(),
            "read": files.read,
            "fileSize": files.size,
            "fileExists": files.exists,
            "errorLogs": self._error_logs,
        }

    def may_read(self, uri: str) -> bool:
        """Whether a file of an execution may be read: of any of the same namespace."""
        return may_read(self._live.execution, uri)

    async def _error_logs(self) -> list[dict[str, Any]]:
        """Return the error lines of this execution so far, those that are being written too."""
        with suppress(TimeoutError):  # rather some of them than none
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._parts.sink.settled()
        execution = self._live.execution
        query = LogQuery(execution.tenant, execution_id=execution.id, least=LEVELS["ERROR"])
        lines = await self._parts.logs.find(query, limit=_MAX_ERRORS)
        return [
            {
                "namespace": execution.namespace,
                "flowId": execution.flow_id,
                "executionId": execution.id,
                "taskId": line.task_id,
                "taskRunId": line.task_run_id,
                "attemptNumber": line.attempt,
                "timestamp": instant(line.at),
                "level": "ERROR",
                "message": line.message,
            }
            for line in lines
        ]


def _upwards(namespace: str) -> list[str]:
    """Return a namespace and those above it."""
    parts = namespace.split(".")
    return [".".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _random_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


_AT_ONCE: Final[dict[str, Callable[..., Any]]] = {
    "encrypt": encrypt,
    "decrypt": decrypt,
    "randomPort": _random_port,
}


def environment_for(settings: ExpressionSettings, parts: Parts) -> Callable[[Live], Environment]:
    """Return what gives each execution the environment of its expressions."""
    budget = Budget(
        steps=settings.max_steps,
        depth=settings.max_depth,
        output_chars=settings.max_output_chars,
        seconds=settings.max_seconds,
    )
    zone = get_localzone()

    def environment(live: Live) -> Environment:
        return Environment(budget=budget, zone=zone, host=ExecutionHost(live, parts))

    return environment
