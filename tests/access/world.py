"""Two tenants with a thing of every kind in each place, and callers with rights in some of them.

Whatever lies out of a caller's reach carries the word `hidden` in its name: an answer that holds it
has leaked something.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.access import ROLES, Grant, Scope
from tests.access.service import Service, service

TENANT, OTHER_TENANT = "main", "hidden-tenant"
OWN, OTHER = "shop", "hidden.lab"
HIDDEN = b"hidden"
OUTPUT, INPUT = "out-canary-7", "in-canary-7"

FLOW = """
id: {flow}
namespace: {namespace}
labels: {{kind: {flow}}}
inputs:
  - id: name
    type: STRING
    defaults: nobody
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: "{{{{ 'out-' ~ 'canary' ~ '-7' }}}}"
  - id: write
    type: io.kestra.plugin.core.log.Log
    message: "a line of {flow}"
triggers:
  - id: at
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 0 1 1 *"
"""
TESTS = """
id: {suite}
namespace: {namespace}
flowId: {flow}
testCases:
  - id: one
    type: io.kestra.core.tests.flow.UnitTest
    assertions:
      - {{value: "{{{{ outputs.say.value }}}}", isNotNull: true}}
"""


@dataclass
class Place:
    """A namespace with a thing of every kind: their names by the parameters of paths."""

    tenant: str
    namespace: str
    names: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"/api/v1/{self.tenant}"


@dataclass
class World:
    """The service, its places, and the headers of callers."""

    service: Service
    own: Place
    other: Place
    foreign: Place
    owner: Mapping[str, str]
    """May do everything."""
    roles: Mapping[str, Mapping[str, str]]
    """Each built-in role, bound to the tenant."""
    local: Mapping[str, str]
    """An admin, bound to the own namespace only."""
    watcher: Mapping[str, str]
    """A viewer of the own namespace."""
    stranger: Mapping[str, str]
    """An admin of the foreign tenant."""

    async def ask(self, method: str, path: str, by: Mapping[str, str], **more: Any) -> Any:
        headers = {**by, **more.pop("headers", {})}
        return await self.service.http.request(method, path, headers=headers, **more)


@asynccontextmanager
async def world(data: Path) -> AsyncIterator[World]:
    async with service(data) as running:
        owner = await running.token(await running.user("root", {"instance-admin": Scope()}))
        own = await _place(running, owner, Place(TENANT, OWN), "flow-a")
        other = await _place(running, owner, Place(TENANT, OTHER), "hidden-flow")
        foreign = await _place(running, owner, Place(OTHER_TENANT, OWN), "hidden-flow")
        roles = {
            name: await _caller(running, f"all-{name}", {name: Scope(TENANT)})
            for name in ROLES
            if name != "instance-admin"
        }
        # What a token allows at most counts as a role does.
        most = (Grant(ROLES["viewer"].permissions, Scope(TENANT)),)
        admin = await running.user("limited", {"admin": Scope(TENANT)})
        yield World(
            running,
            own,
            other,
            foreign,
            owner,
            roles | {"viewer": await running.token(admin, most)},
            await _caller(running, "local", {"admin": Scope(TENANT, OWN)}),
            await _caller(running, "watcher", {"viewer": Scope(TENANT, OWN)}),
            await _caller(running, "stranger", {"admin": Scope(OTHER_TENANT)}),
        )


async def _caller(running: Service, name: str, roles: Mapping[str, Scope]) -> dict[str, str]:
    return await running.token(await running.user(name, roles))


async def _place(running: Service, owner: Mapping[str, str], place: Place, flow: str) -> Place:
    """Fill a place."""

    async def post(path: str, method: str = "POST", status: int = 200, **more: Any) -> Any:
        full = f"{place.base}/{path}"
        answer = await running.http.request(method, full, headers=owner, **more)
        assert answer.status_code == status, (full, answer.text)
        return answer.json() if "json" in answer.headers.get("content-type", "") else None

    names = {"namespace": place.namespace, "flow": flow, "suite": f"{flow}-tests"}
    await post("flows", content=FLOW.format(**names))
    parts = {"name": (None, INPUT)}
    path = f"executions/{place.namespace}/{flow}?wait=true&labels=mark:{flow}"
    execution = await post(path, files=parts)
    await post(f"namespaces/{place.namespace}/kv/{flow}-key", "PUT", content='"v"')
    file = {"fileContent": ("a.txt", f"text of {flow}".encode())}
    await post(f"namespaces/{place.namespace}/files?path=/{flow}.txt", files=file)
    await post("tests", content=TESTS.format(**names))
    run = await post(f"tests/{place.namespace}/{flow}-tests/run")
    overlay = {"kind": "concurrency", "limit": 5, "reason": f"for {flow}"}
    [held] = await post(f"flows/{place.namespace}/{flow}/overlays", json=overlay)
    await post(f"flows/{place.namespace}/{flow}/pin", json={"revision": 1, "reason": flow})
    edit = {"namespace": place.namespace, "kind": "file", "name": f"{flow}.md", "content": flow}
    changeset = await post("changesets", json={"title": f"of {flow}", "edits": [edit]})
    draft = await post("drafts", json={**edit, "name": f"{flow}-draft.md"})
    async with asyncio.timeout(10):
        while not (await post(f"triggers/{place.namespace}/{flow}", "GET"))["total"]:
            await asyncio.sleep(0.01)
    say = next(each for each in execution["taskRunList"] if each["taskId"] == "say")
    place.names = {
        "tenant": place.tenant,
        "namespace": place.namespace,
        "flow_id": flow,
        "task_id": "say",
        "execution_id": execution["id"],
        "task_run_id": say["id"],
        "trigger_id": "at",
        "suite_id": f"{flow}-tests",
        "run_id": run["id"],
        "overlay_id": held["id"],
        "changeset_id": changeset["id"],
        "draft_id": draft["id"],
        "key": f"{flow}-key",
        "metric": f"{flow}_metric",
        "revision": "1",
    }
    return place
