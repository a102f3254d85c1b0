"""Webhooks: keys, guesses, conditions, what expressions see."""

from typing import Any

import pytest

from app.db.database import Database
from app.errors import Conflict, NotFound, TooMany
from app.triggers.webhooks import WebhookCall
from tests.triggers.rig import Rig

HOOK = """
id: hook
inputs:
  - {id: word, type: STRING}
triggers:
  - id: t
    type: io.kestra.plugin.core.trigger.Webhook
    key: " {{ flow.id }}-key "
    {more}
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: "{{ inputs.word ?? 'nothing' }} {{ trigger.parameters.q[0] ?? '' }}"
"""


def hook(more: str = "description: x") -> str:
    return HOOK.replace("{more}", more)


def call(key: str = "hook-key", body: bytes = b"", **more: Any) -> WebhookCall:
    more = {"headers": {"x-a": ["1"]}, "parameters": {"q": ["one", "two"]}, **more}
    return WebhookCall("main", "tests", more.pop("flow", "hook"), key, "1.2.3.4", body, **more)


async def test_a_call_starts_the_flow(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(hook())
        started = await rig.webhooks.receive(call(body=b'{"a": 1}'))
        (execution,) = await rig.ended("hook")
        assert started.execution is not None
        assert execution.id == started.execution.id
        assert execution.trigger["variables"] == {  # type: ignore[index]
            "body": {"a": 1},
            "headers": {"x-a": ["1"]},
            "parameters": {"q": ["one", "two"]},
        }
        assert execution.task_runs["/say"].outputs == {"value": "nothing one"}  # type: ignore[index]


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b"text", "text"),
        (b"[1]", [1]),
        (b'"quoted"', '"quoted"'),
        (b"{no json}", "{no json}"),
        (b"12", "12"),
        (b"\xff", "\ufffd"),
        (b"[" * 100_000, "[" * 100_000),
    ],
)
async def test_bodies(database: Database, body: bytes, seen: Any) -> None:
    async with Rig(database) as rig:
        rig.flows.put(hook())
        started = await rig.webhooks.receive(call(body=body))
        assert started.execution is not None
        assert started.execution.trigger["variables"]["body"] == seen  # type: ignore[index]


async def test_inputs_are_rendered_and_validated(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(hook('inputs: {word: "{{ trigger.body.a }}"}'))
        started = await rig.webhooks.receive(call(body=b'{"a": "x"}'))
        assert started.execution is not None
        assert started.execution.inputs == {"word": "x"}


async def test_conditions_that_are_false_or_fail(database: Database) -> None:
    more = 'conditions: [{type: io.kestra.plugin.core.condition.Expression, expression: "{{ E }}"}]'
    async with Rig(database) as rig:
        for expression in ("trigger.body.a == 2", "nothing.there"):
            rig.flows.put(hook(more.replace("{{ E }}", f"{{{{ {expression} }}}}")))
            assert (await rig.webhooks.receive(call(body=b'{"a": 1}'))).execution is None
        assert await rig.executions("hook") == []


async def test_wrong_keys_and_flows_are_answered_alike(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(hook())
        messages = set()
        for each in (call("wrong"), call("hook-key", flow="other"), call("")):
            with pytest.raises(NotFound) as caught:
                await rig.webhooks.receive(each)
            messages.add(caught.value.message.replace("other", "hook"))
        assert len(messages) == 1


async def test_guessing_is_stopped(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(hook())
        for _ in range(10):
            with pytest.raises(NotFound):
                await rig.webhooks.receive(call("wrong"))
        with pytest.raises(TooMany):
            await rig.webhooks.receive(call())
        rig.clock.advance(61)
        assert (await rig.webhooks.receive(call())).execution is not None


async def test_what_is_disabled(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(hook())
        await rig.verbs.disable(rig.key("hook"), disabled=True)
        with pytest.raises(Conflict):
            await rig.webhooks.receive(call())
        await rig.verbs.disable(rig.key("hook"), disabled=False)
        rig.flows.put("disabled: true\n" + hook().lstrip())
        with pytest.raises(Conflict):
            await rig.webhooks.receive(call())
        with pytest.raises(NotFound):
            await rig.webhooks.receive(call("wrong"))
