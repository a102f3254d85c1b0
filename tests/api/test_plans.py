"""Plans of commits, and validation of trees that are sent."""

import io
import json
import tarfile
import zipfile

import pytest

from tests.api.conftest import RETURN, SLEEP, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = "/api/v1/sources/main"
VALIDATE = "/api/v1/validate"
BAD = "id: bad\ntasks:\n  - {id: x, type: no.such.Type}\n"


def place(ns: str, name: str) -> str:
    return f"tenants/main/namespaces/{ns}/flows/{name}.yaml"


def tree(ns: str, **flows: str) -> dict[str, dict[str, str]]:
    return {"files": {place(ns, name): text for name, text in flows.items()}}


async def test_difference_of_two_commits(api: Api, ns: str) -> None:
    first = await api.flow(ns, RETURN)
    second = await api.flow(ns, RETURN.replace("Hello", "Goodbye"))
    span = f"from={first['commit']}&to={second['commit']}"
    found = await api.get(f"{SOURCE}/diff?{span}")
    assert found["counts"] == {"changed": 1}
    ((flow,),) = (each["flows"] for each in found["namespaces"])
    (difference,) = flow["differences"]
    assert difference["path"] == "tasks[say].format"
    text = await api.get(f"{SOURCE}/diff?{span}&format=raw")
    assert '+    format: "Goodbye {{ inputs.name }}"' in text
    assert await api.get(f"{SOURCE}/diff?{span}&format=raw&path=elsewhere") == ""
    back = await api.get(f"{SOURCE}/diff?from={second['commit'][:10]}&to={first['commit'][:10]}")
    assert back["counts"] == {"changed": 1}


async def test_nothing_differs_from_what_is_active(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    found = await api.get(f"{SOURCE}/diff")
    assert (found["counts"], found["base"]) == ({}, found["head"])


async def test_plan_tells_running_executions(api: Api, ns: str) -> None:
    first = await api.flow(ns, SLEEP.format(seconds=30))
    started = await api.post(f"executions/{ns}/f")
    await api.until(started["id"], "RUNNING")
    second = await api.flow(ns, RETURN)
    span = f"from={first['commit']}&to={second['commit']}"
    found = await api.get(f"{SOURCE}/plan?{span}")
    ((flow,),) = (each["flows"] for each in found["namespaces"])
    assert [each["id"] for each in flow["running"]] == [started["id"]]
    assert flow["running"][0]["commit"] == first["commit"]
    text = await api.get(f"{SOURCE}/plan?{span}&format=markdown")
    assert "#### Executions that go on with their commit" in text
    await api.ask("DELETE", f"executions/{started['id']}/kill", 202)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("from=no-such-branch", 404),
        ("to=-x", 404),
        ("from=main..main", 404),
        ("from=" + "a" * 40, 404),
        ("format=html", 400),
        ("form=raw", 400),
        ("format=raw&path=../x", 400),
        ("from=", 400),
    ],
)
async def test_wrong_spans(api: Api, ns: str, query: str, status: int) -> None:
    await api.flow(ns, RETURN)
    await api.get(f"{SOURCE}/diff?{query}", status)


async def test_unknown_source(api: Api) -> None:
    for path in ("diff", "plan", "diff?format=raw"):
        await api.get(f"/api/v1/sources/other/{path}", 404)
    await api.post(f"{VALIDATE}?source=other", 404, json={"files": {}})


async def test_validate_a_tree(api: Api, ns: str) -> None:
    found = await api.post(VALIDATE, json=tree(ns, bad=BAD))
    assert (found["valid"], found["errors"]) == (False, 1)
    (finding,) = found["findings"]
    assert (finding["code"], finding["line"]) == ("UNKNOWN_TYPE", 3)
    assert "namespaces" not in found
    good = await api.post(VALIDATE, json=tree(ns, f=f"id: f{RETURN}"))
    assert (good["valid"], good["counts"]) == (True, {"added": 1})
    kestra = {"files": {f"flows/{ns}/flows/bad.yaml": BAD}}
    query = "layout=kestra&root=flows&tenant=other"
    assert (await api.post(f"{VALIDATE}?{query}", json=kestra))["errors"] == 1
    assert not (await api.post(VALIDATE, json=kestra))["findings"]


async def test_validate_archives(api: Api, ns: str) -> None:
    zipped, packed = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(place(ns, "bad"), BAD)
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        about = tarfile.TarInfo(f"./{place(ns, 'bad')}")
        about.size = len(BAD)
        tar.addfile(about, io.BytesIO(BAD.encode()))
    for body in (zipped.getvalue(), packed.getvalue()):
        found = await api.post(VALIDATE, content=body)
        assert [each["code"] for each in found["findings"]] == ["UNKNOWN_TYPE"]


async def test_proposals_against_a_source(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    await api.flow(ns, RETURN, "other")
    changed = tree(ns, f=f"id: f{RETURN.replace('Hello', 'Goodbye')}")
    found = await api.post(f"{VALIDATE}?source=main&partial=true", json=changed)
    assert found["valid"]
    assert [each["namespace"] for each in found["namespaces"]] == [ns]
    assert [each["kind"] for each in found["namespaces"][0]["flows"]] == ["changed"]
    whole = await api.post(f"{VALIDATE}?source=main", json=changed)
    own = next(each for each in whole["namespaces"] if each["namespace"] == ns)
    assert {each["id"]: each["kind"] for each in own["flows"]} == {
        "f": "changed",
        "other": "removed",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"id: f",
        b"{",
        b"[]",
        b'{"files": []}',
        b'{"files": {"a": 1}}',
        b'{"files": {}, "more": 1}',
        b"PK\x03\x04 no zip",
        b"\x1f\x8b no gzip",
        b"BZh9 no bzip2",
    ],
)
async def test_bodies_that_are_no_trees(api: Api, body: bytes) -> None:
    await api.post(VALIDATE, 422, content=body)


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a//b", ".git/config", "a\x00b"])
async def test_paths_that_lead_elsewhere(api: Api, path: str) -> None:
    await api.post(VALIDATE, 400, content=json.dumps({"files": {path: "x"}}))
    await api.post(f"{VALIDATE}?root=../x", 400, json={"files": {}})
