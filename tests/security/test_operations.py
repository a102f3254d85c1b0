"""What operators get: plugins only from the installation, closed pages, compose (cases 118-121)."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from app.config import Settings
from app.main import create_app
from tests.git.scratch import Scratch

ROOT = Path(__file__).parents[2]
PLUGIN = b"import pathlib\npathlib.Path(__file__).with_name('hit').touch()\n"
FLOW = (
    b"id: x\nnamespace: shop\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: a}]\n"
)
FOLDER = "tenants/main/namespaces/shop"


async def test_118_no_code_of_a_repository_is_imported(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "acme.git")
    names = ("plugins/x.py", "app/__init__.py", "conftest.py", "sitecustomize.py", "setup.py")
    hostile = dict.fromkeys(names, PLUGIN)
    scratch.commit(
        {
            f"{FOLDER}/flows/x.yaml": FLOW,
            **hostile,
            **{f"{FOLDER}/{name}": PLUGIN for name in names},
            **{f"{FOLDER}/files/{name}": PLUGIN for name in names},
        }
    )
    before = (set(sys.path), set(sys.modules))
    git: Any = {"repo": str(scratch.path), "allow_file_protocol": True}
    application: Any = create_app(Settings(data_dir=tmp_path / "data", git=git))
    async with application.router.lifespan_context(application):
        assert [each.flow_id for each in application.state.node.flows.active()] == ["x"]
    assert set(sys.path) == before[0]
    files = [getattr(sys.modules[name], "__file__", "") for name in set(sys.modules) - before[1]]
    assert not [each for each in files if str(each).startswith(str(tmp_path))]
    assert not await asyncio.to_thread(lambda: list(tmp_path.rglob("hit")))


CLOSED = (
    "/docs", "/openapi.json", "/metrics", "/api/v1/main/flows/search", "/debug",
    "/api/v1/nowhere", "/static/app.js.map", "/.env", "/api/v1/plugins",
)  # fmt: skip


async def test_120_nothing_is_told_to_nobody(tmp_path: Path) -> None:
    application: Any = create_app(Settings(data_dir=tmp_path))
    async with application.router.lifespan_context(application):
        transport = httpx2.ASGITransport(app=application, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://h.test") as http:
            for path in CLOSED:
                answer = await http.get(path)
                assert answer.status_code == 401, path
                assert set(answer.json()) <= {
                    "type", "title", "status", "detail", "message", "instance", "request_id",
                    "code", "errors",
                }, path  # fmt: skip
            for path in ("/livez", "/readyz", "/health", "/startupz", "/version"):
                answer = await http.get(path)
                assert answer.status_code == 200, path
                assert str(tmp_path) not in answer.text


def test_121_compose_reaches_nobody_and_knows_no_password() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name
    service = compose["services"]["headwater"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    text = (ROOT / "compose.yaml").read_text()
    assert text.count("${POSTGRES_PASSWORD:?is needed}") == 2
    assert "privileged" not in text
    assert "docker.sock" not in text


def test_121_the_image_has_a_user_of_its_own() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER 1000:1000" in lines
    assert not [line for line in lines if line.startswith("ADD ")]


@pytest.mark.parametrize(
    "name", ["X-User", "X-Forwarded-User", "X-Remote-User", "X-Actor", "Remote-User"]
)
async def test_116_no_header_says_who_calls(tmp_path: Path, name: str) -> None:
    application: Any = create_app(Settings(data_dir=tmp_path))
    async with application.router.lifespan_context(application):
        transport = httpx2.ASGITransport(app=application, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://h.test") as http:
            answer = await http.get("/api/v1/me", headers={name: "admin"})
            assert answer.status_code == 401
