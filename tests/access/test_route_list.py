"""Every route declares what it needs, and what is open is known by name."""

import re
from typing import Any

from starlette.routing import Match

from tests.access.route_list import CALLS, OPEN, routes


def test_every_route_says_what_it_needs() -> None:
    assert len(CALLS) > 250
    for each in CALLS:
        assert each.needs.permission or each.needs.reason, each.id
    assert {each.path for each in OPEN if "webhook" not in each.path} == {
        "/api/v1/configs", "/api/v1/configs/login", "/api/v1/hooks/git/{key}", "/api/v1/login",
        "/api/v1/login/oidc/{provider}", "/api/v1/login/oidc/{provider}/callback",
        "/api/v1/login/oidc/{provider}/logout", "/api/v1/login/providers", "/api/v1/setup",
        "/api/v1/{tenant}/basicAuth", "/api/v1/{tenant}/configs", "/health", "/livez", "/readyz",
        "/startupz", "/version",
    }  # fmt: skip


def test_no_route_stands_before_another() -> None:
    """A parameter, such as the tenant, takes no literal's place: the check is the right route's."""
    before: list[Any] = []
    shadowed = []
    for route in routes():
        path = re.sub(r"\{(execution_id|run_id)\}", "4tDHmqlTkq2S1v7jLtqPqd", route.path)
        path = re.sub(r"\{\w+(:\w+)?\}", "zz1", path)
        for method in route.methods:
            scope = {"type": "http", "path": path, "method": method, "root_path": ""}
            shadowed += [
                (method, route.path, each.path)
                for each in before
                if each.matches({**scope, "path_params": {}, "headers": []})[0] is Match.FULL
            ]
        before.append(route)
    assert shadowed == []
