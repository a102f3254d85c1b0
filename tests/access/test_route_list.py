"""Every route declares what it needs, and what is open is known by name."""

from tests.access.route_list import CALLS, OPEN


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
