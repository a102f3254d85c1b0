"""What people do with several triggers: `…/by-triggers` (a list), `…/by-query` (what is found)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import Body, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.access.occasion import mention
from app.api.access import needs
from app.api.answers import Json
from app.api.documents import answers_with, problems_of
from app.api.granted import Granted, Right
from app.api.paths import PREFIX
from app.api.query import known_keys, takes_filters
from app.api.result_documents import CountDocument
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.trigger_filters import PLAIN_FILTERS, triggers_wanted
from app.api.triggers import TriggerName
from app.db.trigger_records import TriggerKey
from app.errors import BadRequest, Conflict
from app.sync.overlays import Word

MAX_TRIGGERS = 1_000

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/triggers",
    tags=["Triggers"],
    dependencies=[Depends(known_keys)],
    responses={**problems_of(400, 404, 409), **answers_with(CountDocument)},
)

_Verb = Callable[[Services, TriggerKey], Awaitable[Any]]

_VERBS: dict[str, tuple[str, _Verb]] = {
    "unlock": ("Unlock triggers", lambda node, key: node.trigger_verbs.unlock(key)),
    "backfill/pause": (
        "Pause backfills",
        lambda node, key: node.trigger_verbs.pause_backfill(key, paused=True),
    ),
    "backfill/unpause": (
        "Let backfills go on",
        lambda node, key: node.trigger_verbs.pause_backfill(key, paused=False),
    ),
    "backfill/delete": (
        "End backfills",
        lambda node, key: node.trigger_verbs.delete_backfill(key),
    ),
}


class Disabling(BaseModel):
    """Triggers to disable or to enable."""

    triggers: list[TriggerName] = Field(max_length=MAX_TRIGGERS)
    disabled: bool


async def _found(request: Request, node: Services, right: Right) -> list[TriggerKey]:
    await node.triggers.settled()
    wanted = triggers_wanted(right, request)
    found, total = await node.trigger_states.search(wanted, size=MAX_TRIGGERS)
    if total > MAX_TRIGGERS:
        message = f"{total} triggers are more than {MAX_TRIGGERS}: narrow the filters"
        raise BadRequest(message)
    return [each.key for each in found]


async def _do_all(node: Services, keys: Sequence[TriggerKey], verb: _Verb) -> Response:
    """Do it to each trigger to which it can be done; answer how many those were."""
    count = 0
    for key in keys:
        try:
            await verb(node, key)
            mention(f"trigger/{key[1]}.{key[2]}/{key[3]}")
            count += 1
        except Conflict:
            continue  # nothing to unlock, no backfill
    return Json({"count": count})


def _routes(path: str, summary: str, verb: _Verb) -> None:
    unlocks = path == "unlock"
    permission = Permission.TRIGGER_UNLOCK if unlocks else Permission.TRIGGER_BACKFILL

    @needs(permission)
    async def by_triggers(
        right: Granted,
        names: Annotated[list[TriggerName], Body(max_length=MAX_TRIGGERS)],
        node: Node,
    ) -> Response:
        return await _do_all(node, [name.key(right) for name in names], verb)

    @needs(permission)
    async def by_query(request: Request, right: Granted, node: Node) -> Response:
        return await _do_all(node, await _found(request, node, right), verb)

    name = path.replace("/", "_")
    router.add_api_route(
        f"/{path}/by-triggers",
        by_triggers,
        methods=["POST"],
        summary=summary,
        name=f"{name}_by_triggers",
    )
    router.add_api_route(
        f"/{path}/by-query",
        takes_filters(by_query),
        methods=["POST"],
        summary=f"{summary} that a query finds",
        name=f"{name}_by_query",
        dependencies=PLAIN_FILTERS,
    )


for _path, (_summary, _verb) in _VERBS.items():
    _routes(_path, _summary, _verb)


def _disabling(right: Right, *, disabled: bool) -> _Verb:
    word = Word(right.actor)
    return lambda node, key: node.overlays.disable_trigger(key, word, disabled=disabled)


@router.post("/set-disabled/by-triggers", summary="Disable or enable triggers")
@needs(Permission.TRIGGER_TOGGLE)
async def set_disabled(right: Granted, wish: Annotated[Disabling, Body()], node: Node) -> Response:
    """Disable or enable each of these triggers."""
    keys = [name.key(right) for name in wish.triggers]
    return await _do_all(node, keys, _disabling(right, disabled=wish.disabled))


@router.post(
    "/set-disabled/by-query",
    summary="Disable or enable triggers that a query finds",
    dependencies=PLAIN_FILTERS,
)
@takes_filters
@needs(Permission.TRIGGER_TOGGLE)
async def set_disabled_found(
    request: Request,
    right: Granted,
    node: Node,
    disabled: Annotated[bool, Query(description="Whether they are not to fire any more.")],
) -> Response:
    """Disable or enable what the filters find."""
    keys = await _found(request, node, right)
    return await _do_all(node, keys, _disabling(right, disabled=disabled))
