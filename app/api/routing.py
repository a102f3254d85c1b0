"""Routes that are found at a glance, and whose parameters are read when they are first asked for.

FastAPI reads the parameters and answers of each route when it is declared, and again for each
router that it is included in. For some two hundred routes that is a third of a second and 8 MB, and
an instance is asked for few of them.
"""

from collections.abc import Callable, Coroutine, Sequence
from functools import cached_property
from re import Pattern
from typing import Any, NamedTuple, Self, cast

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette._utils import get_route_path
from starlette.convertors import Convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, compile_path
from starlette.types import Receive, Scope, Send

from app.api.access import admit
from app.api.json_bodies import JsonRequest


class LateRoute(APIRoute):
    """A route that knows its path and methods, and reads the rest when that is needed."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Remember the options of the route."""
        self._options: dict[str, Any] | None = options
        self.path = path
        self.shape = Shape.of(path)
        self.endpoint = endpoint
        self.name = options["name"] or endpoint.__name__
        self.methods = {method.upper() for method in options["methods"] or ["GET"]}
        self.include_in_schema = options["include_in_schema"]

    @cached_property
    def _compiled(self) -> tuple[Pattern[str], str, dict[str, Convertor[Any]]]:
        return compile_path(self.path)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for this route; that most are not is seen at a glance."""
        if scope["type"] == "http" and not self.shape.fits(_segments(scope)):
            return Match.NONE, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of a caller who may call this; nothing of it is read before."""
        admit(self.endpoint, scope)
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what serves a request; its JSON is read by our rules."""
        serve = super().get_route_handler()

        async def read_by_our_rules(request: Request) -> Response:
            return await serve(JsonRequest(request.scope, request.receive))

        return read_by_our_rules

    def __getattr__(self, name: str) -> Any:
        """Return what is not known yet."""
        if name in _PATH:
            return self._compiled[_PATH[name]]
        options = self.__dict__.get("_options")
        if options is None:
            raise AttributeError(name)
        super().__init__(self.path, self.endpoint, **options)
        self._options = None  # last: another thread may ask at the same time
        return getattr(self, name)


class Shape(NamedTuple):
    """How many segments the paths of a route have, and which of them are always the same."""

    length: int | None
    """None: any number, the last parameter takes the rest."""
    words: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, path: str) -> Self:
        """Return the shape of a route's path."""
        head, rest, _ = path.partition(":path}")
        segments = head.split("/")
        words = [(at, word) for at, word in enumerate(segments) if "{" not in word]
        return cls(None if rest else len(segments), tuple(words))

    def fits(self, segments: Sequence[str]) -> bool:
        """Whether a path with these segments may be one of the route's."""
        count = len(segments)
        if self.length is not None and self.length != count:
            return False
        return all(at < count and segments[at] == word for at, word in self.words)


def _segments(scope: Scope) -> list[str]:
    """Return the segments of a request's path, split once for all routes."""
    path = get_route_path(scope)
    known = scope.get("headwater.segments")
    if known is None or known[0] != path:
        known = scope["headwater.segments"] = (path, path.split("/"))
    return cast("list[str]", known[1])


_PATH = {"path_regex": 0, "path_format": 1, "param_convertors": 2}


class Router(APIRouter):
    """A router of late routes."""

    def __init__(self, **options: Any) -> None:
        """Take the options of FastAPI's router."""
        super().__init__(route_class=LateRoute, **options)
