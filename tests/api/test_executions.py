"""Executions: start, look up, search, kill, pause, resume."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import PAUSE, RETURN, SLEEP, Api, form

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_execution_in_kestras_form(api: Api, ns: str) -> None:
    flow = await api.flow(ns, RETURN)
    execution = await api.run(f"{ns}/f", {"name": "Ann"}, "labels=team:a&labels=env:b:c")
    assert execution.pop("url").endswith(f"/executions/{execution['id']}")
    assert (execution["namespace"], execution["flowId"]) == (ns, "f")
    assert execution["flowRevision"] == 1
    assert execution["commit"] == flow["commit"]
    assert execution["author"] == "Headwater API"
    assert execution["subject"] == f"Create flow {ns}.f"
    assert execution["inputs"] == {"name": "Ann"}
    assert execution["originalId"] == execution["id"]
    assert execution["deleted"] is False
    labels = {each["key"]: each["value"] for each in execution["labels"]}
    assert labels == {"team": "a", "env": "b:c", "system.correlationId": execution["id"]}
    state = execution["state"]
    assert [each["state"] for each in state["histories"]] == ["CREATED", "RUNNING", "SUCCESS"]
    assert state["startDate"] == state["histories"][0]["date"]
    assert state["endDate"] == state["histories"][-1]["date"]
    assert state["duration"].startswith("PT")
    (run,) = execution["taskRunList"]
    assert run["executionId"] == execution["id"]
    assert run["taskId"] == "say"
    assert run["outputs"] == {"value": "Hello Ann"}
    assert [each["state"]["current"] for each in run["attempts"]] == ["SUCCESS"]
    assert await api.get(f"executions/{execution['id']}") == execution


async def test_the_answer_without_wait_is_the_creation(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    execution = await api.post(f"executions/{ns}/f")
    assert execution["state"]["current"] == "CREATED"
    assert execution["taskRunList"] == []
    assert execution["url"].endswith(f"/api/v1/main/executions/{execution['id']}")
    ended = await api.until(execution["id"], "SUCCESS")
    assert ended["taskRunList"][0]["outputs"] == {"value": "Hello world"}


async def test_without_tenant_the_default_one_is_meant(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    execution = await api.post(f"/api/v1/executions/{ns}/f?wait=true")
    assert await api.get(f"/api/v1/executions/{execution['id']}") == await api.get(
        f"executions/{execution['id']}"
    )


async def test_nothing_of_another_tenant_is_found(api: Api, ns: str) -> None:
    await api.flow(ns, PAUSE)
    execution = await api.post(f"executions/{ns}/f")
    await api.until(execution["id"], "PAUSED")
    other, wanted = "/api/v1/other", execution["id"]
    for method, path in (
        ("GET", f"{other}/executions/{wanted}"),
        ("GET", f"{other}/executions/{wanted}/follow"),
        ("GET", f"{other}/executions/{wanted}/file?path=x"),
        ("GET", f"{other}/executions/{wanted}/graph"),
        ("GET", f"{other}/executions/{wanted}/flow"),
        ("GET", f"{other}/executions/{wanted}/file/preview?path=x"),
        ("POST", f"{other}/executions/{wanted}/eval"),
        ("POST", f"{other}/executions/{wanted}/restart"),
        ("POST", f"{other}/executions/{wanted}/replay"),
        ("POST", f"{other}/executions/{wanted}/force-run"),
        ("POST", f"{other}/executions/{wanted}/change-status?status=FAILED"),
        ("POST", f"{other}/executions/{wanted}/resume/validate"),
        ("DELETE", f"{other}/executions/{wanted}"),
        ("GET", f"{other}/flows/{ns}/f/graph"),
        ("GET", f"{other}/flows/{ns}/f/dependencies"),
        ("GET", f"{other}/logs/{wanted}/download"),
        ("GET", f"{other}/metrics/{wanted}"),
        ("DELETE", f"{other}/executions/{wanted}/kill"),
        ("POST", f"{other}/executions/{wanted}/resume"),
        ("POST", f"{other}/executions/{wanted}/pause"),
        ("POST", f"{other}/executions/{ns}/f"),
        ("GET", f"{other}/flows/{ns}/f"),
        ("GET", f"{other}/flows/{ns}/f/revisions"),
        ("GET", f"{other}/flows/{ns}/f/source"),
        ("DELETE", f"{other}/flows/{ns}/f"),
    ):
        await api.ask(method, path, 404)
    assert await api.get(f"{other}/logs/{wanted}") == []
    found = await api.get(f"{other}/executions/search")
    assert found == {"results": [], "total": 0}
    await api.ask("DELETE", f"executions/{wanted}/kill", 202)


async def test_every_wrong_input_is_told(api: Api, ns: str) -> None:
    await api.flow(
        ns,
        """
        inputs:
          - {id: count, type: INT, min: 10}
          - {id: needed, type: STRING}
        tasks:
          - {id: t, type: io.kestra.plugin.core.debug.Return, format: x}
        """,
    )
    problem = await api.post(f"executions/{ns}/f", 422, files=form({"count": "9"}))
    assert problem["message"].startswith("Invalid entity: ")
    assert "Invalid input for `count`, it must be more than `10`" in problem["message"]
    assert "Invalid input for `needed`, missing required input" in problem["message"]
    assert [each["pointer"] for each in problem["errors"]] == ["/count", "/needed"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("labels=:value", 422),
        ("labels=key:", 422),
        ("labels=key", 422),
        ("labels=system.x:y", 422),
        ("revision=0", 400),
        ("revision=x", 400),
        ("revision=99", 404),
        ("revision=99999999999999999999", 400),
        ("commit=zz", 400),
        ("commit=0000000000", 404),
        ("wait=maybe", 400),
        ("timeout=soon", 400),
        ("kind=TEST", 422),
        ("breakpoints=say", 422),
        ("wiat=true", 400),
    ],
)
async def test_wrong_queries(api: Api, ns: str, query: str, status: int) -> None:
    await api.flow(ns, RETURN)
    await api.post(f"executions/{ns}/f?{query}", status)


async def test_an_unknown_key_is_told_the_nearest(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    problem = await api.post(f"executions/{ns}/f?lables=a:b", 400)
    assert problem["detail"] == "unknown query parameter 'lables'; did you mean 'labels'?"


async def test_a_later_time_is_waited_for_and_an_earlier_one_is_now(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    planned = await api.post(f"executions/{ns}/f?scheduleDate={later}")
    assert planned["scheduleDate"] == later
    assert (await api.get(f"executions/{planned['id']}"))["state"]["current"] == "CREATED"
    await api.post(f"executions/{planned['id']}/force-run")
    await api.until(planned["id"], "SUCCESS")
    execution = await api.post(f"executions/trigger/{ns}/f?scheduleDate=2020-01-01T00:00:00Z")
    await api.until(execution["id"], "SUCCESS")


async def test_flows_may_be_called_like_a_verb(api: Api, ns: str) -> None:
    for name in ("pause", "labels", "restart"):
        await api.flow(ns, RETURN, name)
        assert (await api.run(f"{ns}/{name}"))["flowId"] == name


async def test_a_revision_or_a_commit_can_be_chosen(api: Api, ns: str) -> None:
    first = await api.flow(ns, RETURN)
    await api.flow(ns, RETURN.replace("Hello", "Bye"))
    now = await api.run(f"{ns}/f")
    by_number = await api.run(f"{ns}/f", query="revision=1")
    by_commit = await api.run(f"{ns}/f", query=f"commit={first['commit'][:12]}")
    values = [each["taskRunList"][0]["outputs"]["value"] for each in (now, by_number, by_commit)]
    assert values == ["Bye world", "Hello world", "Hello world"]
    assert by_number["flowRevision"] == by_commit["flowRevision"] == 1


async def test_a_deleted_flow_is_gone_and_an_unknown_one_not_found(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    await api.ask("DELETE", f"flows/{ns}/f", 204)
    for query in ("", "?revision=1"):
        problem = await api.post(f"executions/{ns}/f{query}", 410)
        assert problem["code"] == "FLOW_DELETED"
    await api.post(f"executions/{ns}/nothing", 404)
    await api.post(f"executions/{ns}/-wrong", 404)


# -- idempotency (contract D1) -------------------------------------------------------------------


async def test_a_key_starts_one_execution(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    path = f"executions/{ns}/f"

    async def once(name: str = "Ann") -> str:
        made = await api.post(path, files=form({"name": name}), headers=headers)
        return str(made["id"])

    ids = set(await asyncio.gather(*(once() for _ in range(8))))
    assert ids == {await once()}
    other = await api.answer("POST", path, files=form({"name": "Bob"}), headers=headers)
    assert other.status_code == 409
    labelled = await api.answer("POST", f"{path}?labels=a:b", files=form({"name": "Ann"}),
                                headers=headers)  # fmt: skip
    assert labelled.status_code == 409
    found = await api.get(f"executions/search?namespace={ns}")
    assert found["total"] == 1


async def test_a_key_with_wait_answers_with_the_end(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    states = [
        (await api.post(f"executions/{ns}/f?wait=true", headers=headers))["state"]["current"]
        for _ in range(2)
    ]
    assert states == ["SUCCESS", "SUCCESS"]


async def test_a_key_that_is_too_long_is_refused(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    await api.post(f"executions/{ns}/f", 400, headers={"Idempotency-Key": "x" * 129})


# -- wait ----------------------------------------------------------------------------------------


async def test_wait_ends_with_its_timeout(api: Api, ns: str) -> None:
    await api.flow(ns, PAUSE)
    execution = await api.post(f"executions/{ns}/f?wait=true&timeout=PT0.3S")
    assert execution["state"]["current"] in ("RUNNING", "PAUSED")
    await api.until(execution["id"], "PAUSED")
    await api.ask("DELETE", f"executions/{execution['id']}/kill", 202)


async def test_wait_outlives_parking(api: Api, ns: str) -> None:
    await api.flow(ns, SLEEP.format(seconds=0.6))  # parks after 0.2 s
    execution = await api.run(f"{ns}/f")
    assert execution["state"]["current"] == "SUCCESS"


# -- search --------------------------------------------------------------------------------------


async def test_search(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    await api.flow(f"{ns}.below", RETURN)
    await api.flow(ns, PAUSE, "paused")
    first = await api.run(f"{ns}/f", query="labels=team:a")
    second = await api.run(f"{ns}.below/f")
    third = await api.post(f"executions/{ns}/paused")
    await api.until(third["id"], "PAUSED")

    async def ids(query: str) -> list[str]:
        found = await api.get(f"executions/search?{query}")
        assert found["total"] == len(found["results"])
        return [each["id"] for each in found["results"]]

    everything = [third["id"], second["id"], first["id"]]
    assert await ids(f"namespace={ns}") == everything
    assert await ids(f"filters[namespace][PREFIX]={ns}") == everything
    assert await ids(f"filters[namespace][EQUALS]={ns}") == [third["id"], first["id"]]
    assert await ids(f"namespace={ns}&flowId=paused") == [third["id"]]
    assert await ids(f"namespace={ns}&state=SUCCESS") == [second["id"], first["id"]]
    assert await ids(f"namespace={ns}&state=SUCCESS&state=PAUSED") == everything
    assert await ids(f"namespace={ns}&filters[state][NOT_IN]=SUCCESS,FAILED") == [third["id"]]
    assert await ids(f"namespace={ns}&labels=team:a") == [first["id"]]
    assert await ids(f"namespace={ns}&filters[labels][EQUALS][team]=a") == [first["id"]]
    assert await ids(f"namespace={ns}&sort=id:asc") == everything[::-1]
    assert await ids(f"q={third['id'][:20]}") == [third["id"]]
    assert await ids(f"namespace={ns}&timeRange=PT1H") == everything
    assert await ids(f"namespace={ns}&endDate=2020-01-01T00:00:00Z") == []
    assert await ids(f"namespace={ns}&childFilter=CHILD") == []
    page = await api.get(f"executions/search?namespace={ns}&size=2&page=2")
    assert (page["total"], [each["id"] for each in page["results"]]) == (3, [first["id"]])
    of_flow = await api.get(f"executions?namespace={ns}&flowId=f")
    assert [each["id"] for each in of_flow["results"]] == [first["id"]]
    await api.ask("DELETE", f"executions/{third['id']}/kill", 202)


@pytest.mark.parametrize(
    "query",
    [
        "stat=SUCCESS",
        "state=BAD",
        "sort=nothing:asc",
        "sort=id:up",
        "page=0",
        "page=99999999999999999999",
        "size=0",
        "size=x",
        "startDate=yesterday",
        "timeRange=long",
        "timeRange=-PT1H",
        "labels=x",
        "childFilter=NO",
        "filters[flowId][REGEX]=a",
        "filters[flowId][CONTAINS]=a",
        "filters[nothing][EQUALS]=a",
        "filters[]=a",
        "filters[or][0][flowId][EQUALS]=a&filters[or][1][namespace][EQUALS]=b",
    ],
)
async def test_search_refuses(api: Api, query: str) -> None:
    problem = await api.get(f"executions/search?{query}", 400)
    assert problem["code"] == "BAD_REQUEST"


# -- kill, pause, resume -------------------------------------------------------------------------


async def test_kill(api: Api, ns: str) -> None:
    await api.flow(ns, SLEEP.format(seconds=30))
    execution = await api.post(f"executions/{ns}/f")
    await api.until(execution["id"], "RUNNING")
    await api.ask("DELETE", f"executions/{execution['id']}/kill", 202)
    killed = await api.get(f"executions/{execution['id']}")
    assert killed["state"]["current"] == "KILLED"
    assert all(run["state"]["current"] != "RUNNING" for run in killed["taskRunList"])
    problem = await api.ask("DELETE", f"executions/{execution['id']}/kill", 409)
    assert "KILLED" in problem["detail"]
    await api.ask("DELETE", "executions/0notThere/kill", 404)


async def test_resume_with_inputs(api: Api, ns: str) -> None:
    await api.flow(ns, PAUSE)
    execution = await api.post(f"executions/{ns}/f")
    wanted = execution["id"]
    paused = await api.until(wanted, "PAUSED")
    assert paused["taskRunList"][0]["state"]["current"] == "PAUSED"
    assert "endDate" in paused["state"]
    problem = await api.post(f"executions/{wanted}/resume", 422)
    assert "Invalid input for `approved`, missing required input" in problem["message"]
    await api.post(f"executions/{wanted}/resume", 204, files=form({"approved": "true"}))
    ended = await api.until(wanted, "SUCCESS")
    assert ended["taskRunList"][1]["outputs"] == {"value": "true"}
    await api.post(f"executions/{wanted}/resume", 409, files=form({"approved": "true"}))


async def test_the_paths_of_later_versions_answer_with_the_execution(api: Api, ns: str) -> None:
    await api.flow(ns, PAUSE)
    execution = await api.post(f"executions/{ns}/f")
    path = f"executions/{execution['id']}/actions"
    await api.until(execution["id"], "PAUSED")
    resumed = await api.post(f"{path}/resume", files=form({"approved": "no"}))
    assert resumed["id"] == execution["id"]
    other = await api.post(f"executions/{ns}/f")
    await api.until(other["id"], "PAUSED")
    killed = await api.ask("DELETE", f"executions/{other['id']}/actions/kill")
    assert killed["state"]["current"] == "KILLED"


async def test_pause_by_hand(api: Api, ns: str) -> None:
    await api.flow(ns, SLEEP.format(seconds=2))  # or it might end before it is paused
    execution = await api.post(f"executions/{ns}/f")
    await api.until(execution["id"], "RUNNING")
    await api.post(f"executions/{execution['id']}/pause", 204)
    assert (await api.get(f"executions/{execution['id']}"))["state"]["current"] == "PAUSED"
    await api.post(f"executions/{execution['id']}/resume", 204)
    await api.until(execution["id"], "SUCCESS")


async def test_several_at_once(api: Api, ns: str) -> None:
    await api.flow(ns, PAUSE.replace("BOOLEAN", "BOOLEAN\n        required: false"))
    made = [(await api.post(f"executions/{ns}/f"))["id"] for _ in range(2)]
    for each in made:
        await api.until(each, "PAUSED")
    problem = await api.post("executions/resume/by-ids", 400, json=[*made, "0notThere"])
    assert [each["invalidValue"] for each in problem["invalids"]] == ["0notThere"]
    assert (await api.get(f"executions/{made[0]}"))["state"]["current"] == "PAUSED"
    assert await api.post("executions/resume/by-ids", json=made) == {"count": 2}
    for each in made:
        await api.until(each, "SUCCESS", "WARNING", "FAILED")
    await api.post("executions/resume/by-ids", 400, json=made)
    await api.ask("DELETE", "executions/kill/by-ids", 400, json=made)
    await api.post("executions/pause/by-ids", 400, json=made)


async def test_a_secret_input_needs_no_key_to_be_set(api: Api, ns: str) -> None:
    source = """
    inputs: [{id: word, type: SECRET}]
    tasks: [{id: a, type: core.debug.Return, format: "{{ inputs.word | length }}"}]
    """
    await api.flow(ns, source)
    execution = await api.run(f"{ns}/f", {"word": "open sesame"})
    assert execution["taskRunList"][0]["outputs"]["value"] == "11"
    assert "sesame" not in str(execution)
    file = api.node.settings.data_dir / "encryption.key"
    assert file.stat().st_mode & 0o777 == 0o600
