"""Hints of forges: stored, passed on in order, also after failures and restarts."""

import asyncio
from typing import Any

import pytest

from app.config import SourceSettings
from app.sync.model import HookEvent
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, HOOK, Rig, delivery, flow, path, until

KEY = HOOK["hook_key"]


@pytest.fixture
async def hooked(start: Start, scratch: Scratch) -> Rig:
    scratch.commit({path("a"): flow("a", "1")})
    return await start(repo=str(scratch.path), **HOOK)


class Ear:
    """Listens; fails as often as it is told to."""

    def __init__(self, rig: Rig, fails: int = 0) -> None:
        self.events: list[HookEvent] = []
        self.fails = fails
        rig.sync.inbox.heard.append(self)

    async def __call__(self, event: HookEvent) -> None:
        self.events.append(event)
        if self.fails:
            self.fails -= 1
            message = "the forge is down"
            raise OSError(message)


def pull(number: int = 7, action: str = "synchronize", **more: Any) -> dict[str, Any]:
    return {
        "action": action,
        "pull_request": {"number": number, "head": {"sha": "a" * 40}, "base": {"ref": "main"}},
        "sender": {"login": "ann"},
        **more,
    }


async def rows(rig: Rig) -> dict[str, tuple[str, int, str]]:
    found = await rig.store.deliveries.find()
    return {each.delivery_id: (each.state, each.attempts, each.error) for each in found}


async def give(rig: Rig, delivery_id: str = "p1", **payload: Any) -> int:
    sent = delivery(delivery_id=delivery_id, event="pull_request", payload=pull(**payload))
    return (await rig.sync.deliver(KEY, *sent)).status


async def test_a_pull_request_is_told_once(hooked: Rig) -> None:
    ear = Ear(hooked)
    assert await give(hooked) == 202
    await hooked.sync.inbox.settled()
    expected = HookEvent(
        "main", "github", "p1", "pull", "synchronize", 7, "a" * 40, "main", actor="ann"
    )
    assert ear.events == [expected]
    assert await rows(hooked) == {"p1": ("done", 1, "")}
    assert await give(hooked) == 200
    await hooked.sync.inbox.settled()
    assert len(ear.events) == 1


async def test_a_push_is_told_and_synced(hooked: Rig, scratch: Scratch) -> None:
    ear = Ear(hooked)
    tip = scratch.commit({path("a"): flow("a", "2")})
    payload = {"ref": "refs/heads/main", "after": tip}
    await hooked.sync.deliver(KEY, *delivery(payload=payload))
    await hooked.sync.inbox.settled()
    await hooked.sync.sync(cause="poll")
    assert [(each.event, each.sha) for each in ear.events] == [("push", tip)]
    assert hooked.runs("a").revision == 2
    assert (await rows(hooked))["d1"][0] == "done"


async def test_everybody_hears_although_one_fails(hooked: Rig) -> None:
    first, second = Ear(hooked, fails=1), Ear(hooked)
    await give(hooked)
    await hooked.sync.inbox.settled()
    assert [len(first.events), len(second.events)] == [1, 1]
    assert await rows(hooked) == {"p1": ("queued", 1, "the forge is down")}
    async with asyncio.timeout(20):
        while (await rows(hooked))["p1"][0] != "done":
            await asyncio.sleep(0.02)
    assert [len(first.events), len(second.events)] == [2, 2], "both hear it again"


async def test_what_nobody_could_act_on_fails_and_counts_anew(
    hooked: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sync.inbox._TRIES", 1)
    ear = Ear(hooked, fails=1)
    await give(hooked)
    await hooked.sync.inbox.settled()
    assert await rows(hooked) == {"p1": ("failed", 1, "the forge is down")}
    assert await give(hooked) == 202, "a redelivery has the same id"
    await hooked.sync.inbox.settled()
    assert await rows(hooked) == {"p1": ("done", 1, "")}
    assert len(ear.events) == 2


async def test_a_restart_loses_nothing(hooked: Rig) -> None:
    await hooked.stop()
    await hooked.open()
    for number in range(3):
        await give(hooked, f"p{number}", number=number + 1)
    await hooked.database.close()
    await hooked.open()
    ear = Ear(hooked)
    await hooked.sync.start()
    await hooked.sync.inbox.settled()
    assert [each.number for each in ear.events] == [1, 2, 3]
    await hooked.restart()
    ear = Ear(hooked)
    hooked.sync.inbox.wake()
    await hooked.sync.inbox.settled()
    assert ear.events == []


async def test_a_delivery_that_another_node_took_is_left_alone(hooked: Rig) -> None:
    await hooked.stop()
    await hooked.open()
    await give(hooked)
    (waiting,) = await hooked.store.deliveries.unheard()
    assert await hooked.store.deliveries.claim(waiting)
    assert not await hooked.store.deliveries.claim(waiting)
    await hooked.sync.start()


async def test_sources_of_one_repository_share_a_webhook(start: Start, scratch: Scratch) -> None:
    """One of them has the key; each hears of pull requests, and of pushes of its own branch."""
    scratch.commit({path("a"): flow("a", "1")})
    scratch.commit({path("a"): flow("a", "1")}, branch="prod")
    repo = str(scratch.path)
    prod = SourceSettings(
        repo=repo,
        ref="prod",
        tenants={"main": "prod"},
        allow_file_protocol=True,
        poll_seconds=3600,
    )
    elsewhere = SourceSettings(repo=f"{repo}.other", namespaces=("none/none",), poll_seconds=3600)
    rig = await start(repo=repo, **HOOK, sources={"prod": prod, "elsewhere": elsewhere})
    ear = Ear(rig)
    await give(rig)
    await rig.sync.inbox.settled()
    assert [each.source_id for each in ear.events] == ["main", "prod"]
    tip = scratch.commit({path("a"): flow("a", "2")}, branch="prod")
    pushed = delivery(payload={"ref": "refs/heads/prod", "after": tip})
    assert (await rig.sync.deliver(KEY, *pushed)).status == 202
    await rig.sync.inbox.settled()
    assert [each.source_id for each in ear.events[2:]] == ["prod"]
    await until(lambda: rig.flows.effective("prod", "shop", "a").revision == 2)
    assert rig.runs("a").revision == 1


async def test_a_delivery_for_another_repository_is_audited(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await start(repo=str(scratch.path), **HOOK)
    ear = Ear(rig)
    rig.sync.main.spec = rig.sync.main.spec.model_copy(
        update={"repo": "https://git.example/acme/flows.git"}
    )
    other = {"repository": {"full_name": "mallory/flows"}}
    assert await give(rig, **other) == 202
    await rig.sync.inbox.settled()
    assert ear.events == []
    assert (await rows(rig))["p1"][0] == "ignored"
    (entry,) = await rig.sync.shared.audit.find(target="source/main")
    assert entry.action == "webhook.ignored"
    assert "mallory/flows" in entry.reason


@pytest.mark.postgres
async def test_on_postgresql(
    start: Start, scratch: Scratch, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sync.inbox._TRIES", 1)
    scratch.commit({path("a"): flow("a", "1")})
    rig = await start(url=postgres_database, repo=str(scratch.path), **HOOK)
    ear = Ear(rig, fails=1)
    await give(rig)
    await rig.sync.inbox.settled()
    assert await rows(rig) == {"p1": ("failed", 1, "the forge is down")}
    assert await give(rig) == 202
    await rig.sync.inbox.settled()
    assert await rows(rig) == {"p1": ("done", 1, "")}
    again = await rig.sync.deliveries.replay("p1", ANN, "to see it")
    await rig.sync.inbox.settled()
    assert (again.state, len(ear.events)) == ("queued", 3)
    ignored = delivery(delivery_id="i1", event="star", payload={"action": "created"})
    await rig.sync.deliver(KEY, *ignored)
    assert [each.delivery_id for each in await rig.sync.deliveries.find(state="ignored")] == ["i1"]
    await rig.sync.webhook.forget_old()
    assert len(await rig.sync.deliveries.find(source_id="main", limit=10)) == 2
