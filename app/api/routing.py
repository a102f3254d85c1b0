"""Routes whose parameters are read when they are first asked for.

FastAPI reads the parameters and answers of each route when it is declared, and again for each
router that it is included in. For some two hundred routes that is a third of a second and 8 MB, and
an instance is asked for few of them.
"""

from collections.abc import Callable
from functools import cached_property
from re import Pattern
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.convertors import Convertor
from starlette.routing import compile_path


class LateRoute(APIRoute):
    """A route that knows its path and methods, and reads the rest when that is needed."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Remember the options of the route."""
        self._options: dict[str, Any] | None = options
        self.path = path
        self.endpoint = endpoint
        self.name = options["name"] or endpoint.__name__
        self.methods = {method.upper() for method in options["methods"] or ["GET"]}
        self.include_in_schema = options["include_in_schema"]

    @cached_property
    def _compiled(self) -> tuple[Pattern[str], str, dict[str, Convertor[Any]]]:
        return compile_path(self.path)

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


_PATH = {"path_regex": 0, "path_format": 1, "param_convertors": 2}


class Router(APIRouter):
    """A router of late routes."""

    def __init__(self, **options: Any) -> None:
        """Take the options of FastAPI's router."""
        super().__init__(route_class=LateRoute, **options)
