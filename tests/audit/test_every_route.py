"""Every route that changes something is noted: by what it declares, and in truth."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.api.application import _ROUTERS
from app.api.audit_quota import Quota
from app.api.auditing import SAFE, deed_of
from app.db.audit import AuditFilter
from tests.api.conftest import Api, api, ns

__all__ = ["api", "ns"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUIET = {
    "it only asks for read rights",
    "it only asks for validate rights",
    "it only checks what is sent",
    "every delivery is kept, with what became of it",
}
"""All reasons for which a route that does not only read leaves no entry."""

VALUES = {
    "tenant": "main",
    "namespace": "nowhere.at.all",
    "revision": "1",
    "path": "a/b.txt",
    "task_run_id": "abc",
}


def routes() -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and endpoint of everything that does not only read."""
    for router in _ROUTERS:
        every: list[Any] = router.routes
        for route in every:
            for method in sorted(route.methods - SAFE):
                yield method, route.path, route.endpoint


EVERY = sorted(routes(), key=lambda each: each[1:2] + each[:1])
NAMES = [f"{method} {path}" for method, path, _ in EVERY]


async def test_there_are_routes() -> None:
    assert len(EVERY) > 150


@pytest.mark.parametrize(("method", "path", "endpoint"), EVERY, ids=NAMES)
async def test_a_route_is_noted_or_says_why_not(method: str, path: str, endpoint: Any) -> None:
    deed = deed_of(endpoint, method, path)
    assert deed.changes or deed.why_not in QUIET
    assert deed.action


def filled(path: str) -> str:
    """Return a path with values that name nothing."""
    while "{" in path:
        before, _, rest = path.partition("{")
        name, _, after = rest.partition("}")
        path = before + VALUES.get(name.partition(":")[0], "nothing") + after
    return path


async def test_whatever_is_sent_leaves_an_entry(api: Api) -> None:
    """Each is sent with a body that is nothing; whether it is refused or done, it is noted."""
    quiet = []
    api.http._transport.app.state.audit_quota = Quota(10_000)  # type: ignore[attr-defined]
    for number, (method, path, endpoint) in enumerate(EVERY):
        request = f"every-{number}"
        answer = await api.answer(
            method, filled(path), headers={"X-Request-Id": request}, content=b"{}"
        )
        found = await api.node.audit.search(AuditFilter(request_id=request), 5)
        deed = deed_of(endpoint, method, path)
        if not found and (deed.changes or answer.status_code >= 400):
            quiet.append(f"{method} {path}: {answer.status_code}")
        assert all(each.ip == "127.0.0.1" for each in found)
    assert quiet == []


async def test_a_webhooks_key_is_not_in_the_log(api: Api) -> None:
    path = "executions/webhook/nowhere/flow/very-private-key"
    await api.answer("POST", path, headers={"X-Request-Id": "key-1"})
    found = await api.node.audit.search(AuditFilter(request_id="key-1"), 5)
    assert [each.outcome for each in found] == ["refused"]
    assert "very-private-key" not in repr(found)
