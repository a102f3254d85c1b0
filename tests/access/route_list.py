"""Every route of the application, with paths filled in and bodies that change nothing."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from fastapi import FastAPI

from app.access import Permission
from app.api.access import Needs
from app.api.application import make_application

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_ELSE = {"number": "1", "revision": "1", "cls": "io.kestra.plugin.core.log.Log"}
"""Values of parameters that belong to no place."""

NOWHERE = "zzz-nothing"


class Call(NamedTuple):
    """A route by one of its methods."""

    method: str
    path: str
    needs: Needs

    @property
    def id(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def permission(self) -> Permission:
        assert self.needs.permission is not None
        return self.needs.permission

    @property
    def parameters(self) -> set[str]:
        return set(_PARAMETER.findall(self.path))

    def filled(self, names: Mapping[str, str], **more: str) -> str:
        """The path with these names; a bulk call finds nothing."""
        known = {**_ELSE, **names, **more}
        path = _PARAMETER.sub(lambda match: known.get(match[1], NOWHERE), self.path)
        return f"{path}?q={NOWHERE}" if path.endswith("by-query") else path


def routes() -> list[Any]:
    """Every route, in the order in which they are asked."""

    @asynccontextmanager
    async def nothing(_: FastAPI) -> AsyncIterator[None]:
        yield

    return list(make_application(lifespan=nothing, max_body_bytes=0).routes)


def calls() -> Iterator[Call]:
    """Every method of every route."""
    for route in routes():
        for method in sorted(route.methods):
            yield Call(method, route.path, route.endpoint.needs)


CALLS = list(calls())
OPEN = [each for each in CALLS if not each.needs.login]
CLOSED = [each for each in CALLS if each.needs.login]
PERMITTED = [each for each in CLOSED if each.needs.permission is not None]
OF_TENANT = [each for each in PERMITTED if "tenant" in each.parameters]
