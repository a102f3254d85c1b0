"""What every request can meet: problem documents, limits, strict paths and methods."""

import logging

import pytest

from tests.api.conftest import RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_problem_document(api: Api) -> None:
    answer = await api.answer("GET", "flows/nothing/here")
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem == {
        "type": "urn:headwater:error:NOT_FOUND",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no flow nothing.here in tenant main",
        "instance": "/api/v1/main/flows/nothing/here",
        "code": "NOT_FOUND",
        "message": "Not Found: there is no flow nothing.here in tenant main",
        "errors": [],
        "request_id": answer.headers["x-request-id"],
    }


async def test_request_ids(api: Api) -> None:
    answer = await api.answer("GET", "/livez", headers={"X-Request-Id": "mine-1.2"})
    assert answer.headers["x-request-id"] == "mine-1.2"
    for bad in ("", "a b", "x" * 129, "ä"):
        answer = await api.answer("GET", "/livez", headers={"X-Request-Id": bad.encode()})
        assert answer.headers["x-request-id"] != bad
        assert len(answer.headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/v1/main",
        "/api/v1/main/nothing",
        "/api/v1/main/flows/",
        "/api/v1/main/flows/search/",
        "/api/v1/main//flows/search",
        "/API/v1/main/flows/search",
        "/api/v1/main/flows;a=b/search",
        "/api/v1/MAIN/flows/search",
        "/api/v1/../v1/main/flows/x/y",
        "/api/v1/%2e%2e/flows/search",
        "/api/v1/-x/flows/search",
        "/api/v2/main/flows/search",
        "/api/v1/main/executions/",
        "/api/v1/main/executions/a%20b",
        "/readyz/",
        "/redoc",
    ],
)
async def test_unknown_paths(api: Api, path: str) -> None:
    problem = await api.get(path, 404)
    assert problem["code"] == "NOT_FOUND"


async def test_a_nul_in_the_path(api: Api) -> None:
    await api.get("/api/v1/main/flows/a%00b", 400)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "flows/search"),
        ("PUT", "executions/search"),
        ("POST", "/livez"),
        ("DELETE", "/api/v1/sources"),
        ("PATCH", "executions/0abc"),
        ("PUT", "executions/a/b"),
        ("TRACE", "flows/search"),
        ("OPTIONS", "flows/search"),
    ],
)
async def test_wrong_methods(api: Api, method: str, path: str) -> None:
    answer = await api.answer(method, path)
    assert answer.status_code == 405, answer.text
    assert answer.json()["code"] == "METHOD_NOT_ALLOWED"
    assert answer.headers["allow"]


async def test_no_override_of_the_method(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    headers = {"X-HTTP-Method-Override": "DELETE"}
    await api.get(f"flows/{ns}/f", headers=headers)
    await api.get(f"flows/{ns}/f?_method=DELETE", 400)
    await api.get(f"flows/{ns}/f")


async def test_bodies_are_limited(api: Api) -> None:
    for path in ("flows", "flows/validate", "executions/resume/by-ids"):
        problem = await api.post(path, 413, content=b"x" * 300_000)
        assert problem["code"] == "TOO_LARGE"

        async def chunks():
            for _ in range(10):
                yield b"y" * 50_000

        answer = await api.answer("POST", path, content=chunks())
        assert answer.status_code == 413, answer.text
        assert answer.headers["connection"] == "close"


async def test_compressed_bodies_are_refused(api: Api) -> None:
    await api.post("flows", 415, content=b"x", headers={"Content-Encoding": "gzip"})


async def test_changes_from_foreign_pages_are_refused(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    for origin in ("http://evil.example", "null", "http://127.0.0.1.evil.example"):
        await api.post(f"executions/{ns}/f", 403, headers={"Origin": origin})
        await api.get(f"flows/{ns}/f", headers={"Origin": origin})
    answer = await api.answer("POST", f"executions/{ns}/f", headers={"Origin": "http://127.0.0.1"})
    assert answer.status_code == 200
    assert not [each for each in answer.headers if each.startswith("access-control")]


@pytest.mark.parametrize("body", [b"", b"{", b"[1, 2]", b'{"ids": []}', b"null"])
async def test_bodies_that_are_no_json(api: Api, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    problem = await api.post("executions/resume/by-ids", 422, content=body, headers=headers)
    assert problem["errors"]


async def test_what_nobody_expected_tells_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        message = "a secret of the inside"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(api.node.executions, "search", broken)
    monkeypatch.setattr(api.node.executor, "get", broken)
    with caplog.at_level(logging.CRITICAL):
        for path in ("executions/search", "executions/0abc"):
            answer = await api.answer("GET", path)
            assert answer.status_code == 500
            assert "secret" not in answer.text
            assert answer.json()["code"] == "INTERNAL"
            assert answer.headers["x-request-id"] in answer.json()["detail"]


async def test_too_many_executions(api: Api, ns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.flow(ns, RETURN)
    monkeypatch.setattr(api.node.executor, "count", lambda _: 10**9)
    answer = await api.answer("POST", f"executions/{ns}/f")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
