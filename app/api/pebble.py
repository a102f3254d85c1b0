"""The names that expressions know: for completion in editors."""

from fastapi import Depends
from starlette.responses import Response

from app.api.access import needs_login
from app.api.answers import Json
from app.api.paths import PREFIX
from app.api.query import known_keys
from app.api.routing import Router
from app.expressions.registry import FILTERS, FUNCTIONS

router = Router(prefix=f"{PREFIX}/pebble", tags=["Plugins"], dependencies=[Depends(known_keys)])


@router.get("/filters", summary="Filters of expressions")
@needs_login("functions are the same for all tenants")
async def filters() -> Response:
    """List the names of filters."""
    return Json(sorted(FILTERS))


@router.get("/functions", summary="Functions of expressions")
@needs_login("functions are the same for all tenants")
async def functions() -> Response:
    """List the names of functions."""
    return Json(sorted(FUNCTIONS))
