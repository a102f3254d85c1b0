"""Tests by the API: files in Git, their runs and results, by Kestra's paths."""

import textwrap
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.access import OWNER
from app.api.actors import actor_of
from app.sync.publishing import Edits
from tests.api.conftest import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLOW = """
    inputs: [{id: name, type: STRING, defaults: World}]
    tasks:
      - {id: fetch, type: io.kestra.plugin.core.http.Request, uri: "https://service.test"}
      - id: hello
        type: io.kestra.plugin.core.debug.Return
        format: "Hello {{ inputs.name }} {{ outputs.fetch.body }}"
    """


def document(namespace: str, suite_id: str = "t", expected: str = "Hello World 1") -> str:
    return textwrap.dedent(f"""
        # kept
        id: {suite_id}
        namespace: {namespace}
        flowId: f
        testCases:
          - id: mocked
            type: io.kestra.core.tests.flow.UnitTest
            fixtures: {{tasks: [{{id: fetch, outputs: {{body: 1}}}}]}}
            assertions:
              - {{value: "{{{{ outputs.hello.value }}}}", equalTo: {expected}}}
          - {{id: reaches, expectedState: SUCCESS}}
        """).lstrip()


async def suite(api: Api, ns: str, suite_id: str = "t", **more: Any) -> Any:
    return await api.post("tests", content=document(ns, suite_id, **more))


async def test_tests_are_commits(api: Api, ns: str) -> None:
    await api.flow(ns, FLOW)
    made = await suite(api, ns)
    assert (made["id"], made["namespace"], made["flowId"]) == ("t", ns, "f")
    assert [each["id"] for each in made["testCases"]] == ["mocked", "reaches"]
    assert made["path"] == f"tenants/main/namespaces/{ns}/tests/t.yaml"
    [commit] = await api.get("/api/v1/sources/main/commits?limit=1")
    assert commit["subject"] == f"Create tests {ns}.t"
    assert (await api.get(f"tests/{ns}/t"))["source"] == document(ns)
    again = await api.post("tests", 422, content=document(ns))
    assert "exist already" in again["detail"]
    changed = await api.ask("PUT", f"tests/{ns}/t", content=document(ns, expected="Bye"))
    assert "equalTo: Bye" in changed["source"]
    gone = await api.ask("DELETE", f"tests/{ns}/t")
    assert gone["deleted"] is True
    await api.get(f"tests/{ns}/t", 404)
    await api.ask("DELETE", f"tests/{ns}/t", 404)
    await api.ask("PUT", f"tests/{ns}/t", 404, content=document(ns))


async def test_what_is_wrong_is_refused_with_its_place(api: Api, ns: str) -> None:
    problem = await api.post("tests", 422, content=document(ns).replace("equalTo", "equal"))
    assert problem["errors"][0]["line"] == 10
    assert problem["errors"][0]["pointer"] == "/testCases/0/assertions/0/equal"
    await suite(api, ns)
    other = await api.ask("PUT", f"tests/{ns}/t", 422, content=document(ns, "u"))
    assert "not" in other["detail"]


async def test_runs_are_remembered(api: Api, ns: str) -> None:
    await api.flow(ns, FLOW)
    await suite(api, ns)
    ran = await api.post(f"tests/{ns}/t/run")
    assert (ran["state"], ran["testSuiteId"], ran["namespace"]) == ("ERROR", "t", ns)
    mocked, reaches = ran["results"]
    assert (mocked["testId"], mocked["state"]) == ("mocked", "SUCCESS")
    assert mocked["assertionResults"][0]["actual"] == "Hello World 1"
    assert "service.test" in reaches["errors"][0]["message"]
    only = await api.post(f"tests/{ns}/t/run", json={"testCases": ["mocked"]})
    assert (only["state"], len(only["results"])) == ("SUCCESS", 1)
    assert await api.get(f"tests/results/{ran['id']}") == ran
    report = ET.fromstring(await api.get(f"tests/results/{ran['id']}?format=junit"))
    assert (report.get("tests"), report.get("errors")) == ("2", "1")
    found = await api.get(f"tests/results/search?namespace={ns}&testSuiteId=t")
    assert [each["id"] for each in found["results"]] == [only["id"], ran["id"]]
    assert found["total"] == 2
    oldest = await api.get(f"tests/results/search?namespace={ns}&sort=startDate:asc&size=1")
    assert oldest["results"][0]["id"] == ran["id"]
    wish = {"testSuiteIds": [{"namespace": ns, "id": "t"}, {"namespace": ns, "id": "never"}]}
    last = await api.post("tests/results/search/last", json=wish)
    assert [each["id"] for each in last["results"]] == [only["id"]]
    assert only["id"] in [x["id"] for x in (await api.post("tests/results/search/last"))["results"]]
    executions = await api.get(f"executions/search?namespace={ns}")
    assert executions["total"] == 0


async def test_tests_run_against_what_runs_now(api: Api, ns: str) -> None:
    await api.flow(ns, FLOW)
    await suite(api, ns)
    await api.flow(ns, FLOW.replace("Hello", "Bye"))
    ran = await api.post(f"tests/{ns}/t/run", json={"testCases": ["mocked"]})
    assert ran["state"] == "FAILED"
    await api.post(f"flows/{ns}/f/pin", json={"revision": 1, "reason": "test", "confirm": True})
    ran = await api.post(f"tests/{ns}/t/run", json={"testCases": ["mocked"]})
    assert ran["state"] == "SUCCESS"


async def test_several_are_found_run_and_switched(api: Api, ns: str) -> None:
    await api.flow(ns, FLOW)
    await api.flow(f"{ns}.deep", FLOW)
    for place, name in ((ns, "b"), (ns, "a"), (f"{ns}.deep", "c")):
        await suite(api, place, name)
    found = await api.get(f"tests/search?namespace={ns}&size=2&sort=id:desc")
    assert ([each["id"] for each in found["results"]], found["total"]) == (["c", "b"], 3)
    flat = await api.get(f"tests/search?namespace={ns}&includeChildNamespaces=false&flowId=f")
    assert [each["id"] for each in flat["results"]] == ["a", "b"]
    wish = {"namespace": ns, "includeChildNamespaces": True}
    ran = await api.post("tests/run", json=wish)
    assert (ran["numberOfTestSuitesToBeRun"], ran["numberOfTestCasesToBeRun"]) == (3, 6)
    assert ran["requestMade"] == wish
    names = {"ids": [{"namespace": ns, "id": "a"}, {"namespace": ns, "id": "b"}]}
    assert await api.post("tests/disable/by-ids", json=names) == {"count": 2}
    assert (await api.get(f"tests/{ns}/a"))["disabled"] is True
    assert "# kept" in (await api.get(f"tests/{ns}/a"))["source"]
    assert (await api.post(f"tests/{ns}/a/run"))["state"] == "SKIPPED"
    assert await api.post("tests/enable/by-ids", json=names) == {"count": 2}
    assert (await api.get(f"tests/{ns}/b"))["disabled"] is False
    assert await api.ask("DELETE", "tests/by-ids", json=names) == {"count": 2}
    assert (await api.get(f"tests/search?namespace={ns}"))["total"] == 1


async def test_a_file_that_cannot_be_read_is_listed_and_told(api: Api, ns: str) -> None:
    await api.flow(ns, FLOW)
    await suite(api, ns)
    path = f"tenants/main/namespaces/{ns}/tests/broken.yaml"
    worker = api.node.sync.main
    edits = Edits({path: b"id: broken\ntestCases: 3\n"}, {("main", ns)}, "Break", actor_of(OWNER))
    await worker.publisher.publish(edits)
    found = await api.get(f"tests/search?namespace={ns}")
    broken = next(each for each in found["results"] if each["id"] == "broken")
    assert [each["line"] for each in broken["problems"]] == [1, 2]
    ran = await api.post(f"tests/{ns}/broken/run")
    assert ran["state"] == "ERROR"
    assert "testCases" in ran["errors"][1]


async def test_validation_holds_tests_against_their_flow(api: Api, ns: str) -> None:
    verdict = await api.post("tests/validate", content=document(ns))
    assert "There is no flow" in verdict["constraints"]
    await api.flow(ns, FLOW)
    assert "constraints" not in await api.post("tests/validate", content=document(ns))
    wrong = document(ns).replace("id: fetch", "id: fetsh")
    verdict = await api.post("tests/validate", content=wrong)
    assert 'did you mean "fetch"' in verdict["constraints"]
    assert verdict["problems"][0]["code"] == "TEST_UNKNOWN_TASK"
    assert (await api.post("tests/validate", content="a: ["))["constraints"]


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "tests/search?sort=state:asc", 400, None),
        ("GET", "tests/search?sise=3", 400, None),
        ("GET", "tests/results/search?sort=id:up", 400, None),
        ("GET", "tests/results/nothing", 404, None),
        ("GET", "tests/company.team/nothing", 404, None),
        ("POST", "tests/company.team/nothing/run", 404, None),
        ("POST", "tests/run", 422, {"includeChildNamespaces": 3}),
        ("POST", "tests/enable/by-ids", 422, {"ids": []}),
        ("POST", "tests/disable/by-ids", 404, {"ids": [{"namespace": "n", "id": "x"}]}),
        ("DELETE", "tests/by-ids", 422, {}),
    ],
)
async def test_what_cannot_be_is_refused(
    api: Api, method: str, path: str, status: int, body: Any
) -> None:
    more = {} if body is None else {"json": body}
    answer = await api.ask(method, path, status, **more)
    assert answer["status"] == status


async def test_a_case_that_there_is_not_is_refused(api: Api, ns: str) -> None:
    await api.flow(ns, FLOW)
    await suite(api, ns)
    refused = await api.post(f"tests/{ns}/t/run", 422, json={"testCases": ["moked"]})
    assert "no case 'moked'" in refused["detail"]


async def test_only_the_newest_results_are_kept(api: Api, ns: str) -> None:
    await api.flow(ns, FLOW)
    await suite(api, ns)
    file = await api.node.suites.files.get("main", ns, "t")
    for _ in range(103):
        await api.node.suites.run(file, frozenset({"mocked"}))
    assert (await api.get(f"tests/results/search?namespace={ns}"))["total"] == 100
