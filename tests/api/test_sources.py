"""Sources: syncs, commits, findings; and the deliveries of a Git forge."""

import hashlib
import hmac
import uuid

import orjson
import pytest

from tests.api.conftest import HOOK_KEY, HOOK_SECRET, RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCES = "/api/v1/sources"


async def test_sources(api: Api) -> None:
    (source,) = await api.get(SOURCES)
    same = await api.get(f"{SOURCES}/main")
    assert source | {"lastSyncAt": same["lastSyncAt"]} == same  # it may sync in between
    assert (source["id"], source["ref"], source["editMode"]) == ("main", "main", "push")
    ready = next(each for each in source["conditions"] if each["type"] == "Ready")
    assert ready["status"] is True
    assert ready["lastTransition"].endswith("Z")
    await api.get(f"{SOURCES}/other", 404)


async def test_syncs(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    run = await api.post(f"{SOURCES}/main/sync")
    assert run["outcome"] == "NOOP"
    assert run["startedAt"].endswith("Z")
    runs = await api.get(f"{SOURCES}/main/runs")
    assert runs[0]["id"] == run["id"]
    assert await api.get(f"{SOURCES}/main/runs/{run['id']}") == runs[0]
    assert any(each["outcome"] == "SYNCED" and each["cause"] == "write" for each in runs)
    await api.post(f"{SOURCES}/main/sync", 202, json={"wait": False})
    trial = await api.post(f"{SOURCES}/main/sync", json={"dryRun": True})
    assert (trial["outcome"], trial["dryRun"], trial["counts"]["changed"]) == ("NOOP", True, 0)
    await api.post(f"{SOURCES}/main/sync", 422, json={"wiat": True})
    await api.post(f"{SOURCES}/other/sync", 404)
    await api.get(f"{SOURCES}/main/runs/nothing", 404)
    await api.get(f"{SOURCES}/other/runs", 404)
    await api.get(f"{SOURCES}/other/runs/{run['id']}", 404)


async def test_commits(api: Api, ns: str) -> None:
    made = await api.flow(ns, RETURN)
    (first, *_) = await api.get(f"{SOURCES}/main/commits?limit=5")
    assert first["sha"] == made["commit"]
    assert first["authorName"] == "Headwater API"
    assert first["subject"] == f"Create flow {ns}.f"
    of_flow = await api.get(f"{SOURCES}/main/commits?flow={ns}/f")
    assert of_flow == [first]
    of_path = await api.get(f"{SOURCES}/main/commits?path={made['path']}")
    assert of_path == [first]
    await api.get(f"{SOURCES}/main/commits?flow={ns}.f", 400)
    await api.get(f"{SOURCES}/main/commits?limit=0", 400)
    await api.get(f"{SOURCES}/other/commits", 404)


async def test_findings(api: Api) -> None:
    assert await api.get(f"{SOURCES}/main/findings") == []
    assert isinstance(await api.get(f"{SOURCES}/main/findings?openOnly=false"), list)
    await api.get(f"{SOURCES}/other/findings", 404)


def signed(body: bytes, secret: str = HOOK_SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={digest}",
        "Content-Type": "application/json",
    }


async def test_a_delivery(api: Api) -> None:
    path = f"/api/v1/hooks/git/{HOOK_KEY}"
    body = orjson.dumps({"ref": "refs/heads/main", "after": "0" * 40})
    headers = signed(body)
    first = await api.post(path, 202, content=body, headers=headers)
    assert first["delivery"] == headers["X-GitHub-Delivery"]
    again = await api.post(path, 200, content=body, headers=headers)
    assert again["duplicate"] is True
    ping = {**signed(b"{}"), "X-GitHub-Event": "ping"}
    await api.post(path, 200, content=b"{}", headers=ping)


async def test_deliveries_that_are_refused(api: Api) -> None:
    path = f"/api/v1/hooks/git/{HOOK_KEY}"
    body = b'{"ref": "refs/heads/main"}'
    good = signed(body)
    sha1 = hmac.new(HOOK_SECRET.encode(), body, hashlib.sha1).hexdigest()
    for status, content, headers in (
        (400, body, {}),
        (401, body, {"X-GitHub-Event": "push"}),
        (401, body, {**good, "X-Hub-Signature-256": ""}),
        (401, body, {**good, "X-Hub-Signature-256": good["X-Hub-Signature-256"][:-1]}),
        (401, body + b" ", good),
        (401, body, signed(body, "another secret")),
        (401, body, {"X-GitHub-Event": "push", "X-Hub-Signature": f"sha1={sha1}"}),
        (413, b"x" * 150_000, signed(b"x" * 150_000)),
        (415, body, {**good, "Content-Encoding": "gzip"}),
    ):
        await api.post(path, status, content=content, headers=headers)
    await api.post("/api/v1/hooks/git/another-key", 404, content=body, headers=good)
    await api.ask("GET", path, 405)


async def test_what_became_of_deliveries(api: Api) -> None:
    hook, listed = f"/api/v1/hooks/git/{HOOK_KEY}", "/api/v1/hooks/deliveries"
    push = orjson.dumps({"ref": "refs/heads/main", "after": "1" * 40})
    other = orjson.dumps({"ref": "refs/heads/other"})
    taken, ignored = signed(push), signed(other)
    await api.post(hook, 202, content=push, headers=taken)
    await api.post(hook, 202, content=other, headers=ignored)
    wanted, unwanted = taken["X-GitHub-Delivery"], ignored["X-GitHub-Delivery"]
    found = {each["deliveryId"]: each for each in await api.get(f"{listed}?limit=50")}
    assert found[wanted]["hint"]["event"] == "push"
    assert found[wanted]["receivedAt"].endswith("Z")
    assert "payload" not in found[wanted]
    assert found[unwanted]["state"] == "ignored"
    only = await api.get(f"{listed}?state=ignored&source=main")
    assert {each["state"] for each in only} == {"ignored"}
    one = await api.get(f"{listed}/{wanted}")
    assert orjson.loads(one["payload"]) == orjson.loads(push)
    again = await api.post(f"{listed}/{wanted}/replay", json={"reason": "to see it"})
    assert again["state"] in ("received", "done")
    await api.post(f"{listed}/{unwanted}/replay", 409)
    await api.post(f"{listed}/nothing/replay", 404)
    await api.post(f"{listed}/{wanted}/replay", 422, json={"raeson": ""})
    await api.get(f"{listed}/nothing", 404)
    await api.get(f"{listed}?source=nothing", 404)
    await api.get(f"{listed}?state=odd", 400)
    await api.get(f"{listed}?limit=0", 400)
