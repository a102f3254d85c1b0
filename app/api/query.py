"""Query parameters: what lists take, and the refusal of unknown ones with the nearest name."""

from collections.abc import Callable, Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from fastapi import Query
from starlette.requests import Request

from app.errors import BadRequest

MAX_PAGE = 1_000_000
MAX_SIZE = 1_000
FILTERS = "filters["
"""How the keys of filters begin: `filters[field][OPERATION]=value`."""

Page = Annotated[
    int, Query(alias="page", ge=1, le=MAX_PAGE, description="The page, counted from 1.")
]
Size = Annotated[int, Query(ge=1, le=MAX_SIZE, description="How many results a page has.")]
Sort = Annotated[
    list[str], Query(description="`field:asc` or `field:desc`; may be given several times.")
]

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])

_FILTERED: set[Any] = set()
_KNOWN: dict[Any, frozenset[str]] = {}


def takes_filters(endpoint: _Endpoint) -> _Endpoint:
    """Mark an endpoint that reads filters besides the parameters it declares."""
    _FILTERED.add(endpoint)
    return endpoint


async def known_keys(request: Request) -> None:
    """Refuse query keys that the route does not know: a router depends on it for all its routes.

    Raises:
        BadRequest: for an unknown key, with the nearest known one.
    """
    if not request.scope["query_string"]:
        return
    route = request.scope["route"]
    endpoint = route.endpoint
    known = _KNOWN.get(endpoint)
    if known is None:
        known = _KNOWN[endpoint] = frozenset(_declared(route.dependant))
    refuse_unknown(request.query_params, known, filters=endpoint in _FILTERED)


def _declared(dependant: Any) -> Iterator[str]:
    """Yield the names of query parameters that a route and its dependencies declare."""
    for parameter in dependant.query_params:
        yield parameter.alias
    for inner in dependant.dependencies:
        yield from _declared(inner)


def refuse_unknown(keys: Iterable[str], known: Collection[str], *, filters: bool = False) -> None:
    """Refuse keys that are not among the `known` ones.

    Raises:
        BadRequest: for an unknown key, with the nearest known one.
    """
    for key in keys:
        if key in known or (filters and key.startswith(FILTERS)):
            continue
        close = get_close_matches(key, known, n=1, cutoff=0.5)
        if close:
            way_out = f"did you mean {close[0]!r}?"
        else:
            way_out = f"known are {', '.join(sorted(known)) or 'none'}"
        message = f"unknown query parameter {key!r}; {way_out}"
        raise BadRequest(message)
