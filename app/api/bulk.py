"""Verbs on several executions at once: `…/by-ids` (a list) and `…/by-query` (what filters find)."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import Body, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api import verbs
from app.api.access import needs
from app.api.answers import Json
from app.api.changes import NewLabels, checked_labels
from app.api.documents import answers_with, problems_of
from app.api.execution_filters import wanted
from app.api.execution_parameters import PLAIN_FILTERS
from app.api.granted import Granted, Right
from app.api.paths import PREFIX
from app.api.query import known_keys, takes_filters
from app.api.result_documents import CountDocument
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.verbs import Remains, Verb, do_all
from app.errors import BadRequest
from app.executions import State

MAX_IDS = 1_000
MAX_FOUND = 10_000
"""Most executions that one request may change by a query."""

_PAGE = 1_000

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/executions",
    tags=["Executions"],
    dependencies=[Depends(known_keys)],
    responses={**problems_of(400, 404, 409), **answers_with(CountDocument)},
)

Ids = Annotated[list[str], Body(max_length=MAX_IDS, description="Ids of executions.")]


async def _nothing() -> None:
    """Choose nothing."""


async def _latest(
    latest: Annotated[
        bool, Query(alias="latestRevision", description="Run what is active now.")
    ] = False,
) -> bool:
    return latest


async def _new_status(status: Annotated[State, Query(alias="newStatus")]) -> State:
    return status


async def _unqueued(state: State = State.RUNNING) -> State:
    return state


async def _unqueued_found(
    state: Annotated[State, Query(alias="newState")] = State.RUNNING,
) -> State:
    return state


async def _remains(
    logs: Annotated[bool, Query(alias="deleteLogs")] = True,
    metrics: Annotated[bool, Query(alias="deleteMetrics")] = True,
    files: Annotated[bool, Query(alias="deleteStorage")] = True,
    unfinished: Annotated[bool, Query(alias="includeNonTerminated")] = False,
) -> Remains:
    return Remains(logs, metrics, files, unfinished)


async def found_by(request: Request, node: Services, right: Right) -> list[str]:
    """Return the ids of all executions within reach that the filters of a request find.

    Raises:
        BadRequest: when they are more than one request may change.
    """
    asked = wanted(right, request.query_params, node.clock.now())
    found = await node.executions.ids(asked, limit=MAX_FOUND + 1)
    if len(found) > MAX_FOUND:
        message = f"the query finds more than {MAX_FOUND} executions; narrow it"
        raise BadRequest(message)
    return found


def _verb(verb: Verb, chosen: Any) -> Verb:
    """Return the verb as it is meant: what is deleted may still run, if that is wanted."""
    return verbs.DELETE_ANY if isinstance(chosen, Remains) and chosen.unfinished else verb


def _add(verb: Verb, method: str, options: Sequence[Callable[..., Any]], path: str = "") -> None:
    """Add both routes of a verb; `options` read what the caller chooses: by ids, by query."""

    @needs(verb.permission)
    async def by_ids(
        right: Granted, ids: Ids, node: Node, chosen: Annotated[Any, Depends(options[0])]
    ) -> Response:
        """Do it to each of these executions; answer how many there are."""
        count = await do_all(node, right, ids, _verb(verb, chosen), chosen)
        return Json({"count": count})

    @takes_filters
    @needs(verb.permission)
    async def by_query(
        request: Request, right: Granted, node: Node, chosen: Annotated[Any, Depends(options[-1])]
    ) -> Response:
        """Do it to each execution that the filters find; answer how many there are."""
        found = await found_by(request, node, right)
        count = await do_all(node, right, found, _verb(verb, chosen), chosen)
        return Json({"count": count})

    title = verb.name.replace("-", " ").capitalize()
    name = verb.name.replace("-", "_")
    router.add_api_route(
        f"{path}/by-ids",
        by_ids,
        methods=[method],
        name=f"{name}_by_ids",
        summary=f"{title}: several executions",
    )
    router.add_api_route(
        f"{path}/by-query",
        by_query,
        methods=[method],
        name=f"{name}_by_query",
        summary=f"{title}: all executions that are found",
        dependencies=list(PLAIN_FILTERS),
    )


_add(verbs.KILL, "DELETE", [_nothing], "/kill")
_add(verbs.PAUSE, "POST", [_nothing], "/pause")
_add(verbs.RESUME, "POST", [_nothing], "/resume")
_add(verbs.RESTART, "POST", [_nothing], "/restart")
_add(verbs.REPLAY, "POST", [_latest], "/replay")
_add(verbs.FORCE_RUN, "POST", [_nothing], "/force-run")
_add(verbs.UNQUEUE, "POST", [_unqueued, _unqueued_found], "/unqueue")
_add(verbs.CHANGE_STATUS, "POST", [_new_status], "/change-status")
_add(verbs.DELETE, "DELETE", [_remains])


class LabelsOfSeveral(BaseModel):
    """Labels for several executions."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    executions_id: Annotated[list[str], Field(max_length=MAX_IDS)]
    execution_labels: NewLabels


@router.post("/labels/by-ids", summary="Labels: several executions")
@needs(Permission.EXECUTION_LABEL)
async def label_several(right: Granted, body: LabelsOfSeveral, node: Node) -> Response:
    """Set labels of each of these executions; answer how many there are."""
    labels = checked_labels(body.execution_labels)
    count = await do_all(node, right, body.executions_id, verbs.LABELS, labels)
    return Json({"count": count})


@router.post(
    "/labels/by-query",
    summary="Labels: all executions that are found",
    dependencies=list(PLAIN_FILTERS),
)
@takes_filters
@needs(Permission.EXECUTION_LABEL)
async def label_found(request: Request, right: Granted, labels: NewLabels, node: Node) -> Response:
    """Set labels of each execution that the filters find; answer how many there are."""
    found = await found_by(request, node, right)
    count = await do_all(node, right, found, verbs.LABELS, checked_labels(labels))
    return Json({"count": count})
