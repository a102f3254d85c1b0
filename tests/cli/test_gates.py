"""Held commits, redaction and lost copies: a service in a process of its own, and commands."""

import json
import shutil
from pathlib import Path
from typing import Any

import httpx2

from tests.git.scratch import Scratch
from tests.serving import headwater, service
from tests.sync.rig import path

FLOW = """id: {id}
namespace: shop
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: "{text} {{{{ read('data.txt') }}}}"
"""
DATA = "tenants/main/namespaces/shop/files/data.txt"


def flow(text: str, flow_id: str = "a") -> bytes:
    return FLOW.format(id=flow_id, text=text).encode()


def said(address: str, execution: str) -> Any:
    return httpx2.get(f"{address}/api/v1/main/executions/{execution}").json()


def run(address: str) -> Any:
    ran = headwater("flow", "run", "shop.a", "-o", "json", server=address)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def synced(address: str) -> Any:
    done = headwater("git", "sync", "-o", "json", server=address)
    return json.loads(done.stdout)


def test_approve_reject_and_redact(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "flows.git")
    base = scratch.commit({path("a"): flow("one"), DATA: b"1"})
    scratch.commit({path("a"): flow("secret")})
    hold = {"HEADWATER_GIT__ON_FORCE_PUSH": "hold"}
    with service(tmp_path / "data", ["--repo", str(scratch.path)], **hold) as (address, _):
        leaked = run(address)
        scratch.commit({path("a"): flow("three")}, parents=[base])
        held = synced(address)
        assert (held["outcome"], held["hold"]) == ("HELD", "FORCE_PUSH")
        status = headwater("git", "status", server=address)
        assert "ForcePush" in status.stdout
        rejected = headwater("git", "reject", held["id"], "--reason", "no", server=address)
        assert "rejected" in rejected.stdout, rejected.stderr
        assert synced(address)["outcome"] == "HELD"
        done = headwater("git", "approve", held["id"], "-o", "json", server=address)
        assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "SYNCED"), done.stderr
        again = headwater("git", "approve", held["id"], server=address)
        assert (again.returncode, "not held any more" in again.stderr) == (5, True)
        assert headwater("git", "approve", "none", server=address).returncode == 3

        kept = headwater("flow", "redact", "shop.a", "--revision", "2", server=address)
        assert (kept.returncode, "--yes" in kept.stderr) == (2, True)
        gone = headwater("flow", "redact", "shop.a", "--revision", "2", "-y", server=address)
        assert gone.stdout.splitlines()[-1] == "main/shop.a@2", gone.stderr
        url = f"{address}/api/v1/main/flows/shop/a"
        source = httpx2.get(f"{url}/source", params={"revision": 2})
        assert (source.status_code, source.json()["code"]) == (410, "REDACTED")
        listed = httpx2.get(f"{url}/revisions")
        assert listed.status_code == 200, listed.text
        states = [each["state"] for each in listed.json()]
        assert states == ["superseded", "redacted", "active"]
        started = httpx2.post(f"{address}/api/v1/main/executions/shop/a", params={"revision": 2})
        assert started.status_code == 410
        replayed = headwater("execution", "replay", leaked["id"], server=address)
        assert (replayed.returncode != 0, "was redacted" in replayed.stderr) == (True, True)
        assert httpx2.post(f"{url}/revisions/3/redact").status_code == 409
        assert httpx2.post(f"{url}/revisions/9/redact").status_code == 404


def test_executions_need_no_copy(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "flows.git")
    base = scratch.commit({"README.md": b"hello"})
    scratch.commit({path("a"): flow("old"), DATA: b"data"})
    data, arguments = tmp_path / "data", ["--repo", str(scratch.path)]
    with service(data, arguments) as (address, _):
        first = run(address)
        assert first["taskRunList"][0]["outputs"]["value"] == "old data"
    shutil.rmtree(data / "git")
    scratch.commit({path("a"): flow("new")}, parents=[base])
    scratch.git("gc", "--prune=now", "--quiet")
    with service(data, arguments) as (address, _):
        replayed = headwater("execution", "replay", first["id"], "-o", "json", server=address)
        assert replayed.returncode == 0, replayed.stderr
        again = said(address, json.loads(replayed.stdout)["id"])
        assert again["commit"] == first["commit"]
        assert again["taskRunList"][0]["outputs"]["value"] == "old data"
