"""Late routes: what a router knows at once, and what it reads when it is asked."""

from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from app.api.access import is_open
from app.api.routing import LateRoute, Router


def application() -> FastAPI:
    """Return an application of two routes at one path, and one at another."""
    router = Router(prefix="/things", tags=["Things"])

    @router.get("/{name}")
    @is_open("a test")
    async def read(name: str, size: Annotated[int, Query(ge=1)] = 1) -> dict[str, object]:
        return {"name": name, "size": size}

    @router.put("/{name}")
    @is_open("a test")
    async def write(name: str) -> dict[str, str]:
        return {"written": name}

    @router.get("/{name}/parts", include_in_schema=False)
    @is_open("a test")
    async def parts(name: str) -> list[str]:
        return [name]

    made = FastAPI(openapi_url="/description")
    made.router.routes += router.routes
    return made


def late(made: FastAPI) -> list[LateRoute]:
    """Return the late routes of an application."""
    return [each for each in made.routes if isinstance(each, LateRoute)]


def test_a_route_is_read_when_it_is_asked_for() -> None:
    made = application()
    with TestClient(made) as client:
        assert client.get("/things/a?size=2").json() == {"name": "a", "size": 2}
    assert ["dependant" in vars(each) for each in late(made)] == [True, False, False]


def test_parameters_are_checked() -> None:
    with TestClient(application()) as client:
        assert client.get("/things/a?size=0").status_code == 422


def test_methods_of_one_path_are_several_routes() -> None:
    with TestClient(application()) as client:
        assert client.put("/things/a").json() == {"written": "a"}
        assert client.get("/things/a/parts").json() == ["a"]
        assert client.delete("/things/a").status_code == 405
        assert client.get("/other").status_code == 404


def test_the_description_is_that_of_plain_routes() -> None:
    described = application().openapi()
    plain = FastAPI(openapi_url="/description")
    for each in late(application()):
        options = {"tags": each.tags, "include_in_schema": each.include_in_schema}
        plain.router.routes.append(
            APIRoute(each.path, each.endpoint, methods=each.methods, **options)
        )
    assert described["paths"] == plain.openapi()["paths"]
    assert set(described["paths"]) == {"/things/{name}"}


def test_what_a_route_does_not_have_it_does_not_have_late_either() -> None:
    route = late(application())[0]
    for _ in range(2):
        with pytest.raises(AttributeError):
            _ = route.nothing
