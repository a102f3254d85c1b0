"""What operators and probes ask: health, metrics, version, configuration. Never secrets."""

import asyncio
import platform
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from app import __version__
from app.access import Permission
from app.api import setup
from app.api.access import is_open, needs
from app.api.answers import Json
from app.api.documents import problems_of, text_answer
from app.api.paths import PREFIX
from app.api.routing import Router
from app.api.services import Node, Services
from app.errors import HeadwaterError, ObjectMissing, Unavailable
from app.sync.model import Source
from app.sync.worker import SourceWorker
from app.telemetry import METRICS

router = Router(tags=["Operations"])


@router.head("/livez", include_in_schema=False)
@router.get("/livez", summary="Whether the process works")
@is_open("probes and clients ask this before they log in")
async def live() -> Response:
    """Answer as long as the event loop turns."""
    return Json({"status": "UP"})


@router.head("/startupz", include_in_schema=False)
@router.head("/health", include_in_schema=False)
@router.get("/startupz", summary="Whether the start is over")
@router.get("/health", summary="As Kestra's probes ask")
@is_open("probes and clients ask this before they log in")
async def started(node: Node) -> Response:
    """Answer UP once the node has started."""
    if not node.ready:
        message = "the service is starting or stopping"
        raise Unavailable(message, retry_after=1)
    return Json({"status": "UP"})


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Whether the service takes work", responses=problems_of(503))
@is_open("probes and clients ask this before they log in")
async def ready(request: Request, node: Node, verbose: str | None = None) -> Response:
    """Answer 200 when every part works, else 503; with `verbose` each part is named."""
    parts = {name: await _checked(check, node) for name, check in _CHECKS.items()}
    if request.app.state.stopping.is_set():
        parts["node"] = "the service is stopping"
    bad = {name: reason for name, reason in parts.items() if reason}
    body = {"status": "DOWN" if bad else "UP"}
    shown = parts if verbose is not None else bad
    if shown:
        return Json({**body, "parts": _described(shown)}, 503 if bad else 200)
    return Json(body)


def _described(parts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {
        name: {"status": "DOWN", "reason": reason} if reason else {"status": "UP"}
        for name, reason in parts.items()
    }


_Check = Callable[[Services], Awaitable[str]]


async def _checked(check: _Check, node: Services) -> str:
    """Return why a part does not work; empty if it does."""
    try:
        return await check(node)
    except HeadwaterError as error:
        return error.message


async def _node(node: Services) -> str:
    return "" if node.ready else "the node is starting or stopping"


async def _database(node: Services) -> str:
    await node.executions.next_wake()
    return ""


async def _recovery(node: Services) -> str:
    return (
        "" if node.executor.recovery.recovered.is_set() else "interrupted executions are taken up"
    )


async def _storage(node: Services) -> str:
    await node.storage.delete("kestra:///_probe/readyz")
    return ""


async def _git(node: Services) -> str:
    """Ask every source that the configuration names; others come and go while the node runs."""
    wanted = [
        worker
        for worker in node.sync.workers
        if worker.source.origin == "config" and worker.source.suspended_at is None
    ]
    waiting = [(worker.id, await _waits_for(worker)) for worker in wanted]
    return "; ".join(f"source {name}: {reason}" for name, reason in waiting if reason)


async def _waits_for(worker: SourceWorker) -> str:
    """Return why nothing of a source can run yet; empty when something can.

    What was applied once goes on, also while the remote does not answer: from our copy.
    """
    source, condition = worker.source, worker.source.condition("Ready")
    if source.last_applied is not None:
        return await asyncio.to_thread(_lacks, worker, source.last_applied)
    if condition is not None and condition.status:
        return ""
    return condition.message if condition is not None else "the repository was not read yet"


def _lacks(worker: SourceWorker, commit: str) -> str:
    """Return why what was applied cannot be read for now (blocking)."""
    try:
        worker.parts.repository.check(commit)
    except ObjectMissing:
        return ""  # of what is not kept any more goes on what is kept of it for executions
    except HeadwaterError as error:
        return error.message
    return ""


_CHECKS: dict[str, _Check] = {
    "node": _node,
    "database": _database,
    "executions": _recovery,
    "storage": _storage,
    "git": _git,
}


@router.get("/metrics", summary="Figures for Prometheus", responses=text_answer("Figures"))
@needs(Permission.INSTANCE_READ, unless="open_metrics")
async def metrics(node: Node) -> Response:
    """Answer with every figure in Prometheus' text format."""
    METRICS.executions_in_memory.set(node.executor.count())
    await _git_figures(node)
    content, media_type = METRICS.render()
    return Response(content, headers={"Content-Type": media_type})


class _Figures(NamedTuple):
    """What is told of one source."""

    source: str
    age: float | None
    lag: float
    findings: Counter[str]


async def _git_figures(node: Services) -> None:
    """Set the figures of each source; all of them at once, for another scrape may run, too."""
    figures = [
        _Figures(
            worker.id,
            _age(worker.source, node.clock.now()),
            await node.sync.status.lag(worker.source),
            Counter(each.severity for each in await node.sync.findings(worker.id)),
        )
        for worker in node.sync.workers
    ]
    standings: Counter[tuple[str, str]] = Counter(
        (each.sync, each.health) for each in await node.sync.status.all()
    )
    _set(figures, standings)


def _set(figures: Iterable[_Figures], standings: Counter[tuple[str, str]]) -> None:
    for gauge in (METRICS.git_sync_age_seconds, METRICS.git_sync_lag_seconds, METRICS.git_findings):
        gauge.clear()  # of sources that are gone nothing is told
    METRICS.flows.clear()
    for each in figures:
        if each.age is not None:
            METRICS.git_sync_age_seconds.labels(each.source).set(each.age)
        METRICS.git_sync_lag_seconds.labels(each.source).set(each.lag)
        for severity in ("error", "warning"):
            METRICS.git_findings.labels(each.source, severity).set(each.findings[severity])
    for (sync, health), count in standings.items():
        METRICS.flows.labels(sync, health).set(count)


def _age(source: Source, now: int) -> float | None:
    return None if source.last_sync_at is None else (now - source.last_sync_at) / 1_000_000


@router.get("/version", summary="The version")
@is_open("probes and clients ask this before they log in")
async def version() -> Response:
    """Answer with the version of Headwater and of Python."""
    return Json({"version": __version__, "python": platform.python_version()})


@router.get(f"{PREFIX}/configs", tags=["Operations"], summary="What clients may know")
@router.get(f"{PREFIX}/{{tenant}}/configs", tags=["Operations"], summary="What clients may know")
@is_open("probes and clients ask this before they log in")
async def configs(node: Node) -> Response:
    """Answer with what user interfaces ask for before anything else."""
    return Json(
        {
            "version": __version__,
            "edition": "OSS",
            "isAnonymousUsageEnabled": False,
            "isUiAnonymousUsageEnabled": False,
            "isTemplateEnabled": False,
            "isCustomDashboardsEnabled": False,
            "isAiEnabled": False,
            "isBasicAuthInitialized": await _is_set_up(node),
            "systemNamespace": "system",
            "hiddenLabelsPrefixes": ["system."],
            "url": node.settings.server.url or "",
            "preview": {"initial": 100, "max": 5000},
        }
    )


@router.get(f"{PREFIX}/configs/login", summary="What clients may know before a login")
@is_open("probes and clients ask this before they log in")
async def login(node: Node) -> Response:
    """Answer whether there is somebody who can log in, or nobody has to."""
    return Json({"isBasicAuthInitialized": await _is_set_up(node)})


async def _is_set_up(node: Services) -> bool:
    return not await setup.is_open(node)
