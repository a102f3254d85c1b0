"""Health, metrics, version, configuration, and the description of the API."""

import pytest

from tests.api.conftest import RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_probes(api: Api) -> None:
    assert await api.get("/livez") == {"status": "UP"}
    assert await api.get("/startupz") == {"status": "UP"}
    assert await api.get("/health") == {"status": "UP"}
    assert await api.get("/readyz") == {"status": "UP"}
    parts = (await api.get("/readyz?verbose"))["parts"]
    assert set(parts) >= {"database", "node", "storage", "git"}
    assert {each["status"] for each in parts.values()} == {"UP"}
    for path in ("/livez", "/startupz", "/health", "/readyz"):
        answer = await api.answer("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")


async def test_not_ready(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.node, "ready", False)
    answer = await api.answer("GET", "/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["node"]["status"] == "DOWN"
    assert (await api.answer("GET", "/startupz")).status_code == 503
    assert (await api.answer("GET", "/livez")).status_code == 200


async def test_metrics(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    await api.run(f"{ns}/f")
    answer = await api.answer("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'api_request_seconds_count{method="POST",status="200"}' in answer.text
    assert ns not in answer.text


async def test_version_and_configs(api: Api) -> None:
    version = (await api.get("/version"))["version"]
    for path in ("/api/v1/configs", "/api/v1/main/configs"):
        assert (await api.get(path))["version"] == version


async def test_the_description(api: Api) -> None:
    description = await api.get("/openapi.json")
    assert description["openapi"].startswith("3.1")
    paths = description["paths"]
    assert "post" in paths["/api/v1/{tenant}/executions/{namespace}/{flow_id}"]
    assert "get" in paths["/api/v1/{tenant}/executions/{execution_id}"]
    operations = [each for path in paths.values() for each in path.values()]
    assert all(each.get("summary") for each in operations)
    ids = [each["operationId"] for each in operations]
    assert len(ids) == len(set(ids))
    docs = await api.answer("GET", "/docs")
    assert docs.status_code == 200
    assert "<script" not in docs.text
    assert "src=" not in docs.text
    assert "/api/v1/{tenant}/executions/{execution_id}" in docs.text
