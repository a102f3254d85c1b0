"""Write back by the REST API and the command line: a whole service, a real remote, a forge."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.config import load_settings
from app.main import create_app
from tests.changesets.conftest import merge_pull, protect
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.git.server import GitServer
from tests.sync.rig import flow, path

BASE = "/api/v1/main"


class Client:
    """A client of a service."""

    def __init__(self, http: httpx2.AsyncClient, node: Any) -> None:
        self.http = http
        self.node = node

    async def __call__(self, method: str, where: str, status: int = 200, **more: Any) -> Any:
        full = where if where.startswith("/") else f"{BASE}/{where}"
        answer = await self.http.request(method, full, **more)
        assert answer.status_code == status, answer.text
        self.headers = answer.headers
        return answer.json() if answer.content else None


@pytest.fixture
async def api(
    tmp_path: Path, server: GitServer, scratch: Scratch, forge: MemoryForge
) -> AsyncIterator[Client]:
    """A service that takes changes by pull request; `edit_mode` may be changed later."""
    scratch.commit({path("a"): flow("a", "good"), path("b"): flow("b")}, subject="Good")
    scratch.commit({path("a"): flow("a", "bad")}, subject="[Bad] one")
    settings = load_settings(
        data_dir=tmp_path / "data",
        server={"mode": "production"},
        access={"login": "none"},
        git={
            "repo": server.url("acme.git"),
            "username": "ann",
            "token": "s3cret-token",
            "edit_mode": "pr",
            "poll_seconds": 3600,
        },
        engine={"drain_seconds": 0.1},
    )
    application: Any = create_app(settings)
    stop, started = asyncio.Event(), asyncio.Event()

    async def live() -> None:  # what a task enters, the same task leaves
        async with application.router.lifespan_context(application):
            started.set()
            await stop.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(live())
        await started.wait()
        application.state.node.sync.main.parts.forge = forge
        transport = httpx2.ASGITransport(app=application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield Client(http, application.state.node)
        stop.set()


def by_push(api: Client) -> None:
    parts = api.node.sync.main.parts
    parts.spec = parts.spec.model_copy(update={"edit_mode": "push"})


def new_flow(flow_id: str, message: str = "hi") -> str:
    return flow(flow_id, message, "shop").decode()


async def test_every_kestra_write_answers_202(api: Client, forge: MemoryForge) -> None:
    body = await api("POST", "flows", 202, content=new_flow("n"))
    assert body["branch"] == f"headwater/headwater-api/{body['changeset']}"
    assert body["pullRequest"] == {"number": 1, "url": forge.pull_requests[1].url}
    assert api.headers["location"] == f"{BASE}/changesets/{body['changeset']}"
    await api("PUT", "flows/shop/a", 202, content=new_flow("a", "2"))
    await api("DELETE", "flows/shop/b", 202)
    await api("POST", "flows/bulk", 202, content=new_flow("x") + "---\n" + new_flow("y"))
    await api("POST", "flows/shop?delete=true", 202, content=new_flow("a", "3"))
    await api("DELETE", "flows/delete/by-ids", 202, json=[{"namespace": "shop", "id": "a"}])
    files = {"fileUpload": ("x.yaml", new_flow("up").encode())}
    await api("POST", "flows/import", 202, files=files)
    files = {"fileContent": ("q.sql", b"select 1")}
    await api("POST", "namespaces/shop/files?path=/q.sql", 202, files=files)
    await api("POST", "namespaces/shop/files/directory?path=/new", 202)
    found = await api("GET", "changesets")
    assert len(found) == len(forge.pull_requests) == 9
    assert {each["state"] for each in found} == {"PR_OPEN"}
    assert await api("GET", "flows/shop/a") is not None
    await api("PUT", "flows/shop/a", 200, content=flow("a", "bad").decode())


async def test_a_changeset_from_draft_to_active(
    api: Client, scratch: Scratch, forge: MemoryForge
) -> None:
    base = api.node.flows.in_git("main", "shop", "a").blob
    tag = {"If-Match": f'"{base}"'}
    edit = {"namespace": "shop", "name": "a", "content": "[not: valid"}
    draft = await api("POST", "drafts", json=edit, headers=tag)
    assert (draft["content"], draft["stale"], draft["baseBlob"]) == ("[not: valid", False, base)
    assert draft["problems"][0]["severity"] == "error"
    assert api.headers["etag"] == f'"{base}"'
    text = new_flow("a", "drafted")
    again = await api("PUT", f"drafts/{draft['id']}", json={"content": text}, headers=tag)
    assert (again["id"], again["problems"]) == (draft["id"], [])
    assert [each["id"] for each in await api("GET", "drafts")] == [draft["id"]]
    assert (await api("GET", f"drafts/{draft['id']}"))["content"] == text
    file = {"namespace": "shop", "kind": "file", "name": "q.sql", "content": "select 1\n"}
    wanted = {"title": "[x] both", "drafts": [draft["id"]], "edits": [file]}
    made = await api("POST", "changesets", json=wanted)
    assert (made["state"], made["title"]) == ("DRAFT", "[x] both")
    shown = await api("GET", f"changesets/{made['id']}")
    assert [each["name"] for each in shown["drafts"]] == ["a", "q.sql"]
    done = await api("POST", f"changesets/{made['id']}/submit", 202, json={})
    assert done["state"] == "PR_OPEN"
    await api("POST", f"changesets/{made['id']}/submit", 409)
    await api("PUT", f"drafts/{draft['id']}", 409, json={"content": "x"})
    merge_pull(scratch, forge, done["pullRequest"]["number"])
    await api("POST", "/api/v1/sources/main/sync")
    now = await api("GET", f"changesets/{made['id']}")
    assert (now["state"], now["drafts"]) == ("ACTIVE", [])
    assert await api("GET", "changesets?state=ACTIVE&source=main&limit=5") != []
    assert await api("GET", "changesets?state=DRAFT") == []


async def test_who_is_late_gets_both_edits_merged(api: Client, scratch: Scratch) -> None:
    by_push(api)
    base = api.node.flows.in_git("main", "shop", "a").blob
    tag = {"If-Match": f'"{base}"'}
    theirs = flow("a", "theirs").decode()
    scratch.commit({path("a"): theirs.encode()})
    await api("POST", "/api/v1/sources/main/sync")
    mine = "# mine\n" + flow("a", "bad").decode()
    refused = await api("PUT", "flows/shop/a", 412, content=mine, headers=tag)
    assert refused["merged"] == "# mine\n" + theirs
    assert refused["conflicts"] == 0
    edit = {"namespace": "shop", "name": "a", "content": mine}
    assert (await api("POST", "drafts", 412, json=edit, headers=tag))["merged"]
    new = {"If-Match": f'"{refused["current"]}"'}
    await api("PUT", "flows/shop/a", content=refused["merged"], headers=new)
    await api("DELETE", "flows/shop/a", 412, headers=tag)
    for odd in ("nonsense", '"a", "b"', '"HEAD:x"'):
        await api(
            "POST", "drafts", 412 if "HEAD" in odd else 400, json=edit, headers={"If-Match": odd}
        )


async def test_giving_up(api: Client, forge: MemoryForge) -> None:
    body = await api("POST", "flows", 202, content=new_flow("n"))
    where = f"changesets/{body['changeset']}/abandon"
    assert (await api("POST", where, json={"reason": "no"}))["state"] == "ABANDONED"
    await api("POST", where, 409)
    await api("POST", "changesets/none/abandon", 404)
    draft = await api("POST", "drafts", json={"namespace": "shop", "name": "b", "content": None})
    await api("DELETE", f"drafts/{draft['id']}", 204)
    await api("GET", f"drafts/{draft['id']}", 404)


async def test_reverts(api: Client, scratch: Scratch, forge: MemoryForge) -> None:
    by_push(api)
    bad = scratch.tip()
    where = "/api/v1/sources/main/revert"
    tried = await api("POST", where, json={"commits": [bad], "dryRun": True})
    assert (tried["mode"], tried["onto"], tried["paths"]) == ("push", bad, [path("a")])
    done = await api("POST", where, json={"commits": [bad[:8]], "reason": "broken"})
    assert (done["state"], done["kind"], done["commit"]) == ("ACTIVE", "revert", scratch.tip())
    assert done["title"] == 'Revert "[Bad] one"'
    await api("POST", where, 409, json={"commits": [bad]})
    scratch.commit({path("a"): flow("a", "worse")})
    await api("POST", "/api/v1/sources/main/sync")
    clash = await api("POST", where, 409, json={"commits": [bad]})
    assert clash["code"] == "MERGE_CONFLICT"
    assert clash["conflicts"][0]["hunks"]
    assert clash["offer"] == {"mode": "restore", "commits": [bad]}
    back = await api("POST", where, json=clash["offer"])
    assert back["state"] == "ACTIVE"
    protect(scratch)
    waits = await api("POST", where, 202, json={"commits": [scratch.tip()], "mode": "push"})
    assert waits["branch"].startswith("headwater/revert/")
    pull = forge.pull_requests[waits["pullRequest"]["number"]]
    assert "What it changes" in pull.body
    assert "1 changed" in pull.body
    await api("POST", where, 422, json={"commits": []})
    await api("POST", where, 404, json={"commits": ["0" * 40]})
    await api("POST", "/api/v1/sources/other/revert", 404, json={"commits": [bad]})


async def test_a_flow_is_restored(api: Client, scratch: Scratch) -> None:
    by_push(api)
    where = "flows/shop/a/restore"
    tried = await api("POST", where, json={"revision": 1, "dryRun": True})
    assert "+    message: good" in tried["diff"]
    done = await api("POST", where, json={"revision": 1, "reason": "it worked"})
    assert (done["state"], done["commit"]) == ("ACTIVE", scratch.tip())
    await api("POST", where, 409, json={"revision": 1})
    await api("POST", where, 404, json={"revision": 99})
    await api("POST", where, 422, json={})
    await api("DELETE", "flows/shop/a", 204)
    await api("POST", where, json={"revision": 1, "mode": "push"})
    assert (await api("GET", "flows/shop/a"))["revision"] > 3


async def test_an_archive_is_one_commit(api: Client, scratch: Scratch) -> None:

    by_push(api)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("_flows/one.yaml", new_flow("one"))
        archive.writestr("_flows/two.yaml", new_flow("two"))
        archive.writestr("a/q.sql", "select 1")
    base = scratch.tip()
    files = {"fileContent": ("all.zip", buffer.getvalue())}
    answer = await api("POST", "namespaces/shop/files?path=/", files=files)
    assert answer == [{"namespace": "shop", "path": "/a/q.sql", "commit": scratch.tip()}]
    assert scratch.git("rev-list", "--count", f"{base}..main") == "1"
    assert (await api("GET", "flows/shop/two"))["revision"] == 1
