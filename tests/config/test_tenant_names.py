"""What a tenant may be called."""

import pytest
from pydantic import ValidationError

from app.api.paths import OF_INSTANCE, PREFIX, WITH_TENANT
from app.config.git import SourceSettings
from app.config.tenant_names import RESERVED_TENANTS, TENANT_NAME, tenant_name_problem
from tests.access.route_list import routes


def test_no_route_hides_a_tenant() -> None:
    """The first part of an address is a tenant, or a word that none may have."""
    firsts = {
        route.path.removeprefix(f"{PREFIX}/").partition("/")[0]
        for route in routes()
        if route.path.startswith(f"{PREFIX}/")
    }
    words = {first for first in firsts if "{" not in first}
    assert words
    assert words | WITH_TENANT | OF_INSTANCE == RESERVED_TENANTS


@pytest.mark.parametrize(
    "name", ["users", "me", "service-accounts", "flows", "Shop", "", "a\n", "a" * 64]
)
def test_what_none_is_called(name: str) -> None:
    assert not TENANT_NAME.match(name)
    assert "is no tenant name" in tenant_name_problem(name)


@pytest.mark.parametrize("name", ["users2", "my-users", "main", "mes", "flows_"])
def test_what_one_may_be_called(name: str) -> None:
    assert TENANT_NAME.match(name)


def test_sources_have_no_such_tenant() -> None:
    with pytest.raises(ValidationError, match="addresses of the API begin so"):
        SourceSettings(layout="kestra", tenant="users")
    with pytest.raises(ValidationError, match="addresses of the API begin so"):
        SourceSettings(tenants={"stage": "login"})
