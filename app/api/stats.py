"""Figures for dashboards: executions and log lines by period (reference §6.3)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.execution_json import execution_json
from app.api.flow_lookup import flows_of
from app.api.granted import Granted, Right
from app.api.log_json import LEVEL_NAMES
from app.api.paths import PREFIX
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.times import checked_start, duration, instant, read_instant
from app.db.executions import ExecutionFilter
from app.db.statistics import Bucket
from app.errors import BadRequest
from app.executions import State

MAX_PERIODS = 1_500
"""Most periods that one answer has."""

_SECOND = 1_000_000
_PERIODS = (("minute", 60), ("hour", 3_600), ("day", 86_400), ("week", 604_800))
_FINE = 500
"""A period is as short as possible, with no more of them than this."""

_DAYS = 30

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/stats",
    tags=["Figures"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400),
)


class FlowFilter(BaseModel):
    """A flow."""

    namespace: Annotated[str, Field(max_length=150)]
    id: Annotated[str, Field(max_length=100)]


class Asked(BaseModel):
    """What the figures are about; further members are passed over."""

    model_config = ConfigDict(alias_generator=to_camel)

    q: str | None = None
    namespace: Annotated[str | None, Field(max_length=150)] = None
    flow_id: Annotated[str | None, Field(max_length=100)] = None
    state: list[State] | None = None
    start_date: str | None = None
    end_date: str | None = None
    flows: Annotated[list[FlowFilter] | None, Field(max_length=1_000)] = None


class _Span:
    """The time that is asked for, divided into periods."""

    def __init__(self, asked: Asked, now: int, finest: int = 86_400) -> None:
        """Read the time, by default the last 30 days.

        Raises:
            BadRequest: when it is no time, or much too long.
        """
        day = 86_400 * _SECOND
        self.until = read_instant(asked.end_date, "endDate") if asked.end_date else now
        since = read_instant(asked.start_date, "startDate") if asked.start_date else None
        self.since = checked_start(
            self.until - _DAYS * day if since is None else since, "startDate"
        )
        length = max(self.until - self.since, 0)
        periods = [each for each in _PERIODS if each[1] >= finest]
        fitting = [each for each in periods if length <= each[1] * _SECOND * _FINE]
        self.name, seconds = (fitting or periods)[0 if fitting else -1]
        self.period = seconds * _SECOND
        if length // self.period > MAX_PERIODS:
            message = f"startDate: more than {MAX_PERIODS} periods lie between it and the end"
            raise BadRequest(message)

    def starts(self) -> Iterator[int]:
        """Yield when each period begins."""
        first = self.since - self.since % self.period
        yield from range(first, self.until + 1, self.period)


def _filter(right: Right, asked: Asked, span: _Span) -> ExecutionFilter:
    return ExecutionFilter(
        right.tenant,
        asked.namespace or None,
        asked.flow_id or None,
        states=[each.value for each in asked.state or ()],
        text=asked.q or None,
        since=span.since,
        until=span.until,
        reach=right.reach,
    )


@router.post("/executions/daily", summary="Executions by day")
@needs(Permission.EXECUTION_READ)
async def executions(right: Granted, asked: Asked, node: Node) -> Response:
    """Count the executions that began in each period, by state, and how long they took."""
    span = _Span(asked, node.clock.now())
    found = await node.statistics.executions(_filter(right, asked, span), span.period)
    return Json(_series(found, span))


@router.post("/executions/daily/group-by-namespace", summary="Executions by namespace and day")
@needs(Permission.EXECUTION_READ)
async def by_namespace(right: Granted, asked: Asked, node: Node) -> Response:
    """Count the executions of each namespace."""
    return Json(await _grouped(node, right, asked, ["namespace"]))


@router.post("/executions/daily/group-by-flow", summary="Executions by flow and day")
@needs(Permission.EXECUTION_READ)
async def by_flow(right: Granted, asked: Asked, node: Node) -> Response:
    """Count the executions of each flow, by namespace and id."""
    groups = await _grouped(node, right, asked, ["namespace", "flowId"])
    body: dict[str, dict[str, Any]] = {}
    for name, series in groups.items():
        namespace, _, flow_id = name.partition("/")
        body.setdefault(namespace, {})[flow_id] = series
    return Json(body)


@router.post("/executions/latest/group-by-flow", summary="The newest executions of flows")
@needs(Permission.EXECUTION_READ)
async def latest(request: Request, right: Granted, asked: Asked, node: Node) -> Response:
    """List the newest execution of each flow that is named."""
    names = [(each.namespace, each.id) for each in asked.flows or () if right.holds(each.namespace)]
    ids = await node.statistics.latest(right.tenant, names)
    origins, now = request.app.state.origins, node.clock.now()
    found = [await node.executor.get(each) for each in ids]
    shown = [
        execution_json(each, await origins.of(node, each), now, data=right.data(each.namespace))
        for each in found
    ]
    return Json(shown)


@router.post("/logs/daily", summary="Log lines by period")
@needs(Permission.LOG_READ)
async def logs(right: Granted, asked: Asked, node: Node) -> Response:
    """Count the lines that were written in each period, by level."""
    span = _Span(asked, node.clock.now(), finest=60)
    found = await node.statistics.logs(_filter(right, asked, span), span.period)
    counts: dict[int, dict[str, int]] = {start: {} for start in span.starts()}
    for start, level, count in found:
        counts.setdefault(start, {})[LEVEL_NAMES.get(level, "INFO")] = count
    return Json(
        [
            {"timestamp": instant(start), "groupBy": span.name, "counts": counts[start]}
            for start in sorted(counts)
        ]
    )


@router.post("/summary", summary="How much there is")
@needs(Permission.EXECUTION_READ)
async def summary(right: Granted, asked: Asked, node: Node) -> Response:
    """Count flows, namespaces, triggers, and the executions of the time that is asked for."""
    span = _Span(asked, node.clock.now())
    found = await node.statistics.executions(_filter(right, asked, span), span.period)
    flows = flows_of(node, right.to(Permission.FLOW_READ))
    return Json(
        {
            "flows": len(flows),
            "namespaces": len({each.namespace for each in flows}),
            "executions": sum(each.executions for each in found),
            "executionCounts": _by_state(found),
        }
    )


async def _grouped(
    node: Services, right: Right, asked: Asked, by: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    span = _Span(asked, node.clock.now())
    wanted = _filter(right, asked, span)
    found = await node.statistics.executions(wanted, span.period, by=by)
    found.sort(key=lambda each: each.group)
    groups = groupby(found, key=lambda each: each.group)
    return {name: _series(list(buckets), span) for name, buckets in groups}


def _series(found: Sequence[Bucket], span: _Span) -> list[dict[str, Any]]:
    """Return one entry for each period, also for those in which nothing began."""
    buckets: dict[int, list[Bucket]] = {start: [] for start in span.starts()}
    for each in found:
        buckets.setdefault(each.start, []).append(each)
    return [_period(start, buckets[start], span.name) for start in sorted(buckets)]


def _period(start: int, buckets: Sequence[Bucket], name: str) -> dict[str, Any]:
    ended = sum(each.ended for each in buckets)
    total = sum(each.total for each in buckets)
    shortest = min((each.shortest for each in buckets if each.shortest is not None), default=0)
    longest = max((each.longest for each in buckets if each.longest is not None), default=0)
    return {
        "startDate": instant(start),
        "groupBy": name,
        "executionCounts": _by_state(buckets),
        "duration": {
            "min": duration(shortest),
            "avg": duration(total // ended if ended else 0),
            "max": duration(longest),
            "sum": duration(total),
            "count": ended,
        },
    }


def _by_state(buckets: Iterable[Bucket]) -> dict[str, int]:
    counts = {state.value: 0 for state in State}
    for each in buckets:
        counts[each.state] += each.executions
    return counts
