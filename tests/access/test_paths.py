"""No spelling of a path and no other method gets past the check (security cases 75 and 76)."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.access.route_list import CLOSED
from tests.access.world import HIDDEN, World, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRICKS = (
    "{path}/", "{path}//", "/{path}", "{path}/.", "{path}/configs", "{path}/../configs",
    "{path};a=b", "{path}%2f", "{path}%00", "{path}%20", "{path}.json", "{path}?_method=DELETE",
    "{path}%2e%2e/configs", "/api/v1/configs/..{path}", "/livez/..{path}", "{path}%252f..",
    "/api/v1/hooks/git/x/../../..{path}",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world") / "data") as made:
        yield made


def _spellings(path: str) -> list[str]:
    head, _, last = path.rpartition("/")
    return [
        *(each.format(path=path) for each in TRICKS),
        path.upper(),
        path.replace("/api/v1/", "/API/v1/"),
        path.replace("/api/v1/", "/api/v1//"),
        path.replace("/api/v1/", "/api//v1/"),
        f"{head}/%{ord(last[0]):02x}{last[1:]}",
        path.replace("/main/", "/configs/main/"),
        path.replace("/main/", "/main/configs/"),
        path.replace("/main/", "/pebble/"),
    ]


async def test_nobody_gets_in_by_another_spelling(there: World) -> None:
    found = {}
    paths = {each.filled(there.own.names).partition("?")[0] for each in CLOSED}
    for path in sorted(paths):
        for each in _spellings(path):
            answer = await there.ask("GET", each, {})
            # What is another route altogether, one that is open, is answered by that.
            told = answer.status_code == 200 and answer.json().get("edition") == "OSS"
            if answer.status_code not in (400, 401) and not (told and "configs" in each):
                found[each] = answer.status_code
    assert found == {}


async def test_a_foreign_tenant_is_reached_by_no_spelling(there: World) -> None:
    path = f"/api/v1/main/executions/{there.own.names['execution_id']}"
    assert (await there.ask("GET", path, there.local)).status_code == 200
    for each in (path, *_spellings(path)):
        for base in (each, each.replace("/main/", "/hidden-tenant/../main/")):
            answer = await there.ask("GET", base, there.stranger)
            assert answer.status_code in (400, 403, 404), base
            assert b"taskRunList" not in answer.content, base


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
async def test_other_methods_tell_nothing(there: World, method: str) -> None:
    paths = {each.filled(there.own.names).partition("?")[0] for each in CLOSED}
    for path in sorted(paths):
        answer = await there.ask(method, path, {})
        assert answer.status_code == 401, (method, path, answer.status_code)
        assert "access-control-allow-origin" not in answer.headers
        foreign = await there.ask(method, path.replace("/main/", "/hidden-tenant/"), there.local)
        assert foreign.status_code in (403, 404, 405), (method, path)
        assert HIDDEN not in foreign.content.replace(b"hidden-tenant", b"")


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL"]
)
async def test_no_header_is_another_method_or_path(there: World, header: str) -> None:
    path = f"{there.own.base}/executions/{there.own.names['execution_id']}"
    value = "DELETE" if "Method" in header else path.replace("main", "hidden-tenant")
    answer = await there.ask("GET", path, there.watcher, headers={header: value})
    assert answer.json()["tenantId"] == "main"
    assert (await there.ask("GET", path, there.owner)).status_code == 200
