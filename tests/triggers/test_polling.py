"""Polling: calls at intervals, conditions on the answer, failures that are none."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.db.database import Database
from app.db.trigger_records import TriggerState
from app.executions import State
from app.plugins.http import HttpFailure
from app.ports import HttpCall
from tests.triggers.rig import Rig, clock_at

POLL = """
id: poll
triggers:
  - id: t
    type: io.kestra.plugin.core.http.Trigger
    uri: "http://service/{{{{ flow.id }}}}"
    interval: PT1S
    {more}
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: "{{{{ trigger.code }}}} {{{{ trigger.body }}}}"
"""


class FakeAnswer:
    """An answer that is there at once."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.headers: Sequence[tuple[str, str]] = [("content-type", "text/plain; charset=latin-1")]
        self._body = body

    async def read(self, limit: int) -> bytes:
        return self._body[:limit]


class FakeHttp:
    """Answers with what it is told; None is a service that does not answer."""

    inline_bytes = 1000

    def __init__(self, *answers: FakeAnswer | None) -> None:
        self.answers = list(answers)
        self.calls: list[HttpCall] = []

    @asynccontextmanager
    async def send(self, call: HttpCall) -> AsyncIterator[Any]:
        self.calls.append(call)
        answer = self.answers.pop(0)
        if answer is None:
            raise HttpFailure("nobody is there", host="service", sent=False)
        yield answer

    async def close(self) -> None: ...


async def test_a_service_is_polled(database: Database) -> None:
    more = "responseCondition: \"{{ response.body == 'é' }}\""
    http = FakeHttp(FakeAnswer(200, b"no"), None, FakeAnswer(200, "é".encode("latin-1")))
    async with Rig(database, clock_at("2024-05-01T10:30:00Z"), http=http) as rig:
        rig.flows.put(POLL.format(more=more))
        for _ in range(3):
            await rig.step()
            assert rig.alarm.at is not None
            rig.clock.advance(5.01)  # the least interval, though the flow asks for more
        (execution,) = await rig.executions("poll")
        await rig.ended("poll")
        assert [call.url for call in http.calls] == ["http://service/poll"] * 3
        assert {call.tenant for call in http.calls} == {"main"}
        assert execution.trigger["variables"] == {  # type: ignore[index]
            "uri": "http://service/poll",
            "code": 200,
            "headers": {"content-type": ["text/plain; charset=latin-1"]},
            "body": "é",
        }


async def test_errors_of_the_service_are_no_failures(database: Database) -> None:
    http = FakeHttp(FakeAnswer(500, b"oh"))
    async with Rig(database, clock_at("2024-05-01T10:30:00Z"), http=http) as rig:
        rig.flows.put(POLL.format(more="description: x"))
        await rig.step()
        assert await rig.executions("poll") == []
        state = await rig.state("poll")
        assert state.next_at is not None
        assert state.next_at > rig.at("2024-05-01T10:30:05Z")


async def test_a_condition_that_fails_is_seen(database: Database) -> None:
    more = 'responseCondition: "{{ nothing.there }}"'
    http = FakeHttp(FakeAnswer(200, b"ok"))
    async with Rig(database, clock_at("2024-05-01T10:30:00Z"), http=http) as rig:
        rig.flows.put(POLL.format(more=more))
        await rig.step()
        (execution,) = await rig.ended("poll")
        assert execution.state is State.FAILED


async def test_a_fire_that_fails_keeps_no_secret_of_the_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", base64.b64encode(b"canary-echo").decode())
    more = (
        "headers: {Authorization: \"{{ secret('TOKEN') }}\"}\n"
        '    labels: {said: "{{ trigger.body }}"}'
    )
    http = FakeHttp(FakeAnswer(200, b"canary-echo" + b"x" * 300))  # too long for a label
    async with Rig(database, clock_at("2024-05-01T10:30:00Z"), http=http) as rig:
        rig.flows.put(POLL.format(more=more))
        await rig.step()
        (execution,) = await rig.ended("poll")
        assert execution.state is State.FAILED
        assert execution.trigger["variables"]["code"] == 200  # type: ignore[index]
        assert "canary-echo" not in str(execution.trigger)


class Hanging(FakeHttp):
    """Answers nobody."""

    @asynccontextmanager
    async def send(self, call: HttpCall) -> AsyncIterator[Any]:
        self.calls.append(call)
        await asyncio.Event().wait()
        yield None


async def test_a_service_that_hangs_holds_up_nothing(database: Database) -> None:
    http = Hanging()
    async with Rig(database, clock_at("2024-05-01T10:30:00Z"), http=http) as rig:
        rig.flows.put(POLL.format(more="description: x"))
        await rig.triggers.start()
        async with asyncio.timeout(20):
            while not http.calls:
                await asyncio.sleep(0.001)
            rig.triggers.wake()
            await rig.triggers.stop()
        assert len(http.calls) == 1


async def test_no_call_while_the_execution_runs(database: Database) -> None:
    source = POLL.format(more="description: x").replace(
        "type: io.kestra.plugin.core.debug.Return", "type: test.Effect\n    name: x\n    hang: true"
    )
    source = "\n".join(line for line in source.splitlines() if "format:" not in line)
    http = FakeHttp(FakeAnswer(200, b"ok"))
    async with Rig(database, clock_at("2024-05-01T10:30:00Z"), http=http) as rig:
        rig.flows.put(source)
        await rig.step()
        rig.clock.advance(60)
        await rig.step()
        assert len(http.calls) == 1
        assert (await rig.state("poll")).execution_id is not None


async def test_an_end_before_the_poll_is_stored_locks_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = FakeHttp(FakeAnswer(200, b"ok"))
    async with Rig(database, clock_at("2024-05-01T10:30:00Z"), http=http) as rig:
        rig.flows.put(POLL.format(more="description: x"))
        move = rig.store.move

        async def late(old: TriggerState, new: TriggerState, now: int) -> TriggerState | None:
            if new.execution_id is not None:
                await rig.engine.end(new.execution_id)
                await rig.triggers._waiting.release()  # as the loop does beside a poll
            return await move(old, new, now)

        monkeypatch.setattr(rig.store, "move", late)
        await rig.step()
        (execution,) = await rig.ended("poll")
        await rig.step()
        assert execution.state is State.SUCCESS
        assert (await rig.state("poll")).execution_id is None
