"""Triggers over HTTP: webhooks, state, backfills, several at once."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.plugins.servers import serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOOK = """
outputs:
  - {id: answer, type: STRING, value: "{{ outputs.say.value }}"}
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: k
    MORE
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: "hello {{ trigger.body ?? 'you' }}"
"""
EVERY = """
triggers:
  - id: never
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 0 1 1 *"
  - id: other
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 0 2 1 *"
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: x}
"""


async def test_a_webhook_answers_with_the_execution(api: Api, ns: str) -> None:
    await api.flow(ns, HOOK.replace("MORE", "description: x"))
    for method in ("GET", "POST", "PUT"):
        made = await api.ask(method, f"executions/webhook/{ns}/f/k?a=1&a=2")
        assert made["trigger"]["variables"]["parameters"] == {"a": ["1", "2"]}
        assert made["trigger"]["type"] == "io.kestra.plugin.core.trigger.Webhook"
        await api.until(made["id"], "SUCCESS")
    await api.get(f"/api/v1/executions/webhook/{ns}/f/k")  # the tenant may be left out


async def test_a_webhook_answers_with_outputs(api: Api, ns: str) -> None:
    more = (
        "wait: true\n    returnOutputs: true\n    responseContentType: text/plain\n"
        "    responseCode: 201"
    )
    await api.flow(ns, HOOK.replace("MORE", more))
    answer = await api.answer("POST", f"executions/webhook/{ns}/f/k", content="you there")
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "hello you there"


async def test_headers_are_found_in_any_case(api: Api, ns: str) -> None:
    source = """
    triggers:
      - {id: hook, type: io.kestra.plugin.core.trigger.Webhook, key: k}
    tasks:
      - {id: call, type: io.kestra.plugin.core.http.Request, uri: "{{ trigger.body.url }}"}
      - id: say
        type: io.kestra.plugin.core.debug.Return
        format: >-
          {{ trigger.headers['X-GitHub-Event'][0] }}
          {{ outputs.call.headers['Content-Type'][0] }}
    """
    await api.flow(ns, source)
    async with serving() as server:
        body = {"url": server.url()}
        headers = {"X-GitHub-Event": "push"}
        made = await api.post(f"executions/webhook/{ns}/f/k", json=body, headers=headers)
        done = await api.until(made["id"], "SUCCESS")
    assert done["taskRunList"][1]["outputs"]["value"] == "push application/json"


async def test_webhooks_that_are_refused(api: Api, ns: str) -> None:
    await api.flow(ns, HOOK.replace("MORE", "description: x"))
    await api.get(f"executions/webhook/{ns}/f/wrong", 404)
    large = b"x" * (api.node.settings.webhooks.flow_max_bytes + 1)
    await api.post(f"executions/webhook/{ns}/f/k", 413, content=large)


async def test_the_state_of_triggers(api: Api, ns: str) -> None:
    await api.flow(ns, EVERY)
    listed = await api.get(f"triggers/{ns}/f")
    assert listed["total"] == 2
    never = listed["results"][0]
    assert never["triggerId"] == "never"
    assert never["nextExecutionDate"].endswith("-01-01T00:00:00Z")
    assert never["disabled"] is False
    found = await api.get(f"triggers/search?namespace={ns}&q=oth")
    (only,) = found["results"]
    assert only["abstractTrigger"]["cron"] == "0 0 2 1 *"
    assert only["triggerContext"]["triggerId"] == "other"
    await api.get("triggers/search?colour=red", 400)


async def test_triggers_are_disabled(api: Api, ns: str) -> None:
    await api.flow(ns, EVERY)
    name = {"namespace": ns, "flowId": "f", "triggerId": "never"}
    changed = await api.ask("PUT", "triggers", json={**name, "disabled": True, "date": None})
    assert changed["disabled"] is True
    both = {"triggers": [name, {**name, "triggerId": "other"}], "disabled": True}
    assert await api.post("triggers/set-disabled/by-triggers", json=both) == {"count": 2}
    query = f"triggers/set-disabled/by-query?disabled=false&namespace={ns}"
    assert await api.post(query) == {"count": 2}
    states = (await api.get(f"triggers/{ns}/f"))["results"]
    assert [each["disabled"] for each in states] == [False, False]
    await api.ask("PUT", "triggers", 404, json={**name, "triggerId": "none", "disabled": True})


async def test_a_backfill(api: Api, ns: str) -> None:
    await api.flow(ns, EVERY)
    name = {"namespace": ns, "flowId": "f", "triggerId": "never"}
    backfill: dict[str, Any] = {
        "start": "2020-06-01T00:00:00Z",
        "end": "2023-06-01T00:00:00Z",
        "labels": [{"key": "back", "value": "fill"}],
        "paused": True,
    }
    ancient = {**backfill, "start": "0001-01-01T00:00:00Z"}
    await api.ask("PUT", "triggers", 400, json={**name, "backfill": ancient})
    state = await api.ask("PUT", "triggers", json={**name, "backfill": backfill})
    assert state["backfill"]["currentDate"] == "2021-01-01T00:00:00Z"
    assert state["backfill"]["paused"] is True
    await api.ask("PUT", "triggers/backfill/unpause", json=name)

    async def dates() -> list[str]:
        found = await api.get(f"executions/search?namespace={ns}&labels=back:fill&size=10")
        return sorted(each["trigger"]["variables"]["date"] for each in found["results"])

    async with asyncio.timeout(10):
        while len(await dates()) < 3:
            await asyncio.sleep(0.02)
    assert await dates() == [f"{year}-01-01T00:00:00Z" for year in (2021, 2022, 2023)]
    await api.post("triggers/backfill/delete", 409, json=name)
    assert await api.post("triggers/backfill/pause/by-triggers", json=[name]) == {"count": 0}
    wrong = {**backfill, "end": "2020-07-01T00:00:00Z"}
    await api.ask("PUT", "triggers", 422, json={**name, "backfill": wrong})


async def test_unlocking(api: Api, ns: str) -> None:
    await api.flow(ns, EVERY)
    await api.post(f"triggers/{ns}/f/never/unlock", 409)
    state = await api.post(f"triggers/{ns}/f/never/restart")
    assert state["triggerId"] == "never"
