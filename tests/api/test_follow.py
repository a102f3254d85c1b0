"""Server-sent events: executions and logs as they go on."""

import asyncio
from typing import Any

import orjson
import pytest

from app.access import Caller
from app.api import following
from app.api.feeds import Feeds
from app.errors import TooMany
from tests.api.conftest import PAUSE, RETURN, SLEEP, Api, form

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a follower is told something."""
    begun, event = asyncio.Event(), following.event

    def noted(name: str, data: bytes) -> bytes:
        begun.set()
        return event(name, data)

    monkeypatch.setattr(following, "event", noted)
    return begun


def events(text: str) -> list[tuple[str, Any]]:
    """Read a feed: the name (id) and the data of each event."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
        if fields:
            found.append((fields["id"], orjson.loads(fields["data"])))
    return found


async def test_an_execution_that_ended(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    execution = await api.run(f"{ns}/f")
    answer = await api.answer("GET", f"executions/{execution['id']}/follow")
    assert answer.headers["content-type"].startswith("text/event-stream")
    ((name, last),) = events(answer.text)
    assert name == "end"
    assert last["state"]["current"] == "SUCCESS"
    assert last["commit"] == execution["commit"]


WAITS = SLEEP.format(seconds="").replace("PTS", '"{{ inputs.wait }}"')
WAITS = f"inputs: [{{id: wait, type: STRING}}]{WAITS}"


async def test_an_execution_that_runs(api: Api, ns: str, told: asyncio.Event) -> None:
    await api.flow(ns, f"concurrency: {{limit: 1, behavior: QUEUE}}\n{WAITS}")
    first = await api.post(f"executions/{ns}/f", files=form({"wait": "PT1H"}))
    execution = await api.post(f"executions/{ns}/f", files=form({"wait": "PT0.1S"}))
    feeding = asyncio.ensure_future(api.get(f"executions/{execution['id']}/follow"))
    async with asyncio.timeout(20):
        await told.wait()
    await api.ask("DELETE", f"executions/{first['id']}/kill", 202)
    feed = events(await feeding)
    assert [name for name, _ in feed] == ["progress"] * (len(feed) - 1) + ["end"]
    assert len(feed) > 1
    counts = [len(each["taskRunList"]) for _, each in feed]
    assert counts == sorted(counts)
    assert feed[-1][1] == await api.get(f"executions/{execution['id']}")
    assert api.node.executor.listeners == {}


async def test_an_execution_that_is_parked(api: Api, ns: str, told: asyncio.Event) -> None:
    await api.flow(ns, PAUSE)
    execution = await api.post(f"executions/{ns}/f")
    wanted = execution["id"]
    await api.until(wanted, "PAUSED")
    async with asyncio.timeout(20):
        while api.node.executor.find(wanted) is not None:  # it leaves memory
            await asyncio.sleep(0.01)
    feeding = asyncio.ensure_future(api.get(f"executions/{wanted}/follow"))
    async with asyncio.timeout(20):
        await told.wait()
    await api.post(f"executions/{wanted}/resume", 204, files=form({"approved": "true"}))
    feed = events(await feeding)
    assert feed[0][0] == "progress"
    assert feed[0][1]["state"]["current"] == "PAUSED"
    assert feed[-1][0] == "end"
    assert feed[-1][1] == await api.get(f"executions/{wanted}")


async def test_an_execution_that_is_killed(api: Api, ns: str) -> None:
    await api.flow(ns, SLEEP.format(seconds=30))
    execution = await api.post(f"executions/{ns}/f")
    wanted = execution["id"]
    feeding = asyncio.ensure_future(api.get(f"executions/{wanted}/follow"))
    await api.until(wanted, "RUNNING")
    await api.ask("DELETE", f"executions/{wanted}/kill", 202)
    name, last = events(await feeding)[-1]
    assert (name, last["state"]["current"]) == ("end", "KILLED")


async def test_what_does_not_exist(api: Api) -> None:
    await api.get("executions/0notThere/follow", 404)
    await api.get("logs/0notThere/follow", 404)


async def test_a_log(api: Api, ns: str) -> None:
    await api.flow(ns, SLEEP.format(seconds=0.2))
    execution = await api.post(f"executions/{ns}/f")
    feed = events(await api.get(f"logs/{execution['id']}/follow?minLevel=INFO"))
    assert [each["message"] for _, each in feed] == ["before", "Waiting for PT0.2S", "after"]
    assert feed[0][1]["taskId"] == "first"
    again = events(await api.get(f"logs/{execution['id']}/follow"))
    assert [each for _, each in again] == await api.get(f"logs/{execution['id']}")
    assert api.node.sink.listeners == {}


async def test_a_log_whose_last_lines_take_long_to_write(
    api: Api, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, go_on = api.node.journal.write_logs, asyncio.Event()

    async def late(lines: Any) -> None:
        await go_on.wait()
        await write(lines)

    monkeypatch.setattr(
        api.node.journal, "write_logs", lambda lines: asyncio.ensure_future(late(lines))
    )
    await api.flow(ns, SLEEP.format(seconds=0))
    execution = await api.run(f"{ns}/f")
    feeding = asyncio.ensure_future(api.get(f"logs/{execution['id']}/follow?minLevel=INFO"))
    await asyncio.wait({feeding}, timeout=0.5)
    go_on.set()
    feed = events(await feeding)
    assert [each["message"] for _, each in feed] == ["before", "Waiting for PT0S", "after"]


async def test_followers_are_limited() -> None:
    feeds = Feeds(limit=1)
    with feeds.one(), pytest.raises(TooMany):
        feeds.check()
    feeds.check()


async def test_113_one_caller_leaves_room_for_others() -> None:
    feeds = Feeds(limit=10, of_one=2)
    ann, bob = Caller("user", "ann", "ann"), Caller("user", "bob", "bob")
    with feeds.one(ann):
        feeds.check(ann)
        with feeds.one(ann):
            with pytest.raises(TooMany, match="close one"):
                feeds.check(ann)
            feeds.check(bob)
        feeds.check(ann)


async def test_what_runs_after_the_end_is_followed(api: Api, ns: str) -> None:
    after = "afterExecution:\n  - id: late\n    type: io.kestra.plugin.core.flow.Sleep\n"
    await api.flow(ns, f"{RETURN}{after}    duration: PT0.2S\n")
    execution = await api.post(f"executions/{ns}/f")
    feed = events(await api.get(f"executions/{execution['id']}/follow"))
    assert [name for name, _ in feed] == ["progress"] * (len(feed) - 1) + ["end"]
    assert [run["taskId"] for run in feed[-1][1]["taskRunList"]] == ["say", "late"]
    assert feed[-1][1]["taskRunList"][1]["state"]["current"] == "SUCCESS"


async def test_an_execution_that_was_restarted(api: Api, ns: str) -> None:
    fails = "  - {id: fail, type: io.kestra.plugin.core.execution.Fail}\n"
    await api.flow(ns, f"{SLEEP.format(seconds=0.1)}{fails}")
    execution = await api.run(f"{ns}/f")
    for _ in range(2):
        failed = execution["taskRunList"][1]["id"]  # the sleep, which runs again
        body = {"taskRunId": failed, "state": "SUCCESS"}
        again = await api.post(f"executions/{execution['id']}/state", json=body)
        feed = events(await api.get(f"executions/{execution['id']}/follow"))
        assert feed[-1][0] == "end"
        assert feed[-1][1]["state"]["current"] == "FAILED"
        histories = feed[-1][1]["state"]["histories"]
        assert len(histories) > len(again["state"]["histories"])
    replayed = await api.post(f"executions/{execution['id']}/replay")
    name, last = events(await api.get(f"executions/{replayed['id']}/follow"))[-1]
    assert (name, last["state"]["current"], len(last["taskRunList"])) == ("end", "FAILED", 4)
