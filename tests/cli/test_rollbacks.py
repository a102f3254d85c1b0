"""The story of a flow in the shell: it fails, goes back, is disabled; who did what, and why."""

import json
from collections.abc import Iterator

import httpx2
import pytest

from tests.serving import headwater, service

FLOW = """id: {id}
namespace: shop
tasks:
  - {{id: say, type: io.kestra.plugin.core.debug.Return, format: "{text}"}}
"""
FAILS = """id: {id}
namespace: shop
tasks:
  - {{id: end, type: io.kestra.plugin.core.execution.Fail}}
"""
DAILY = """triggers:
  - {id: daily, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 0 1 1 *"}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with service(tmp_path_factory.mktemp("cli") / "data") as (address, _):
        yield address


def run(server: str, *arguments: str, code: int = 0) -> str:
    done = headwater(*arguments, server=server)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def put(server: str, source: str) -> str:
    flow_id = source.split("id: ", 1)[1].split(maxsplit=1)[0]
    answer = httpx2.post(f"{server}/api/v1/main/flows", content=source)
    if answer.status_code == 422:
        answer = httpx2.put(f"{server}/api/v1/main/flows/shop/{flow_id}", content=source)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["commit"])


def test_history_tells_the_story(server: str) -> None:
    put(server, FLOW.format(id="story", text="good"))
    run(server, "flow", "run", "shop.story")
    put(server, FAILS.format(id="story"))
    run(server, "flow", "run", "shop.story", code=1)
    run(server, "flow", "rollback", "shop.story", "--reason", "it fails")
    run(server, "flow", "disable", "shop.story", "--reason", "calm down")
    run(server, "flow", "enable", "shop.story")
    run(server, "flow", "unpin", "shop.story", "--reason", "mended")
    lines = run(server, "flow", "history", "shop.story").splitlines()[1:]
    assert [line.split()[0] for line in lines] == [
        "unpin", "enable", "disable", "rollback", "*", "1",
    ]  # fmt: skip
    unpin, _, disable, rollback, second, first = lines
    assert "mended" in unpin
    assert "calm down" in disable
    assert "rollback to revision 1" in rollback
    assert "it fails" in rollback
    assert second.split()[1] == "2"
    assert second.endswith("1 FAILED")
    assert first.endswith("1 SUCCESS")
    told = json.loads(run(server, "flow", "history", "shop.story", "-o", "json"))
    assert [each["type"] for each in told][-1] == "revision"
    assert run(server, "flow", "history", "shop.story", "-o", "name").split() == ["2", "1"]
    audit = run(server, "audit", "--target", "flow/shop.story", "--action", "flow.rollback")
    assert "it fails" in audit
    assert len(audit.splitlines()) == 2
    run(server, "flow", "history", "shop.none", code=3)


def test_what_has_to_be_confirmed(server: str) -> None:
    put(server, FLOW.format(id="asks", text="1") + DAILY)
    put(server, FLOW.format(id="asks", text="2"))
    shown = run(server, "flow", "rollback", "shop.asks", "--dry-run")
    assert "the trigger daily, which was removed, fires again" in shown
    refused = run(server, "flow", "rollback", "shop.asks", code=5)
    assert "confirm=true" in refused
    run(server, "flow", "rollback", "shop.asks", "--confirm")
    assert "Pinned" in run(server, "flow", "status", "shop.asks")
    run(server, "flow", "unpin", "shop.asks")
    run(server, "flow", "pin", "shop.asks", "--revision", "1", code=5)


def test_namespaces_sources_and_drift(server: str) -> None:
    first = put(server, FLOW.format(id="many", text="1"))
    put(server, FLOW.format(id="many", text="2"))
    held = run(server, "ns", "pin", "shop", "--commit", first, "--confirm")
    assert "shop.many" in held
    run(server, "flow", "limit", "shop.many", "--to", "3", "--reason", "slow")
    drift = run(server, "git", "drift")
    assert "pinned to revision 1" in drift
    assert "concurrency 3" in drift
    assert "Pinned" in run(server, "ns", "status", "shop")
    run(server, "ns", "unpin", "shop")
    run(server, "ns", "unpin", "shop", code=3)
    tried = run(server, "git", "pin", "--commit", first, "--dry-run")
    assert "shop.many" in tried
    run(server, "git", "pin", "--commit", first, "--confirm")
    run(server, "git", "unpin")
    run(server, "git", "unpin", code=3)
    status = run(server, "git", "status")
    assert "flows:" in status


def test_a_repeated_execution_at_another_revision(server: str) -> None:
    first = put(server, FAILS.format(id="again"))
    failed = run(server, "flow", "run", "shop.again", "-o", "name", "--no-wait").strip()
    run(server, "exec", "watch", failed, code=1)
    put(server, FLOW.format(id="again", text="well"))
    run(server, "exec", "restart", failed, "--revision", "latest")
    run(server, "exec", "replay", failed, "--revision", first[:10], code=1)
    run(server, "exec", "replay", failed, "--revision", "2")
    run(server, "exec", "replay", failed, "--revision", "newest", code=2)
    httpx2.delete(f"{server}/api/v1/main/flows/shop/again")
    refused = run(server, "exec", "replay", failed, "--revision", "2", code=3)
    assert "was deleted" in refused
    run(server, "exec", "replay", failed, "--revision", "2", "--allow-deleted")
