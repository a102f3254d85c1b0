"""Sources added and removed by REST and by the command line, at a Git server on loopback."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.git.scratch import Scratch
from tests.git.server import GitServer, serving
from tests.serving import headwater, service
from tests.sync.rig import flow, path

SOURCES = "/api/v1/sources"


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    served = tmp_path_factory.mktemp("git") / "served"
    for name in ("lender", "team"):
        scratch = Scratch(served / f"{name}.git")
        scratch.commit({path("f", name): flow("f", name), path("x", "both"): flow("x", name)})
    with serving(served) as app:
        yield app


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, git: GitServer) -> Iterator[str]:
    variables = {
        "HEADWATER_SOURCES__LENDER__REPO": git.url("lender.git"),
        "HEADWATER_SOURCES__LENDER__USERNAME": "ann",
        "HEADWATER_SOURCES__LENDER__TOKEN": "s3cret-token",
    }
    with service(tmp_path_factory.mktemp("api") / "data", **variables) as (address, _):
        yield address


@pytest.fixture(scope="module")
def http(server: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server, timeout=60) as client:
        yield client


def body(git: GitServer, **more: Any) -> dict[str, Any]:
    return {"repo": git.url("team.git"), "credentials": "lender", **more}


def test_a_source_lives_by_rest(http: httpx2.Client, git: GitServer) -> None:
    made = http.post(f"{SOURCES}?reason=new", json=body(git, id="team", namespaces=["main/team"]))
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"{SOURCES}/team"
    assert made.json()["origin"] == "api"
    assert "s3cret" not in made.text
    run = http.post(f"{SOURCES}/team/sync").json()
    assert run["outcome"] in ("NOOP", "SYNCED")
    assert http.get("/api/v1/main/flows/team/f").json()["id"] == "f"
    codes = [each["code"] for each in http.get(f"{SOURCES}/team/findings").json()]
    assert codes == ["NOT_OWNED"]
    again = http.post(SOURCES, json=body(git, id="team"))
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")

    changed = http.patch(f"{SOURCES}/team", json={"atomic": "flow", "pollSeconds": 30})
    assert (changed.status_code, changed.json()["atomic"]) == (200, "flow")
    assert changed.json()["spec"]["poll_seconds"] == 30

    assert http.post(f"{SOURCES}/team/suspend?reason=calm").json()["suspendedAt"]
    assert "suspendedAt" not in http.post(f"{SOURCES}/team/resume").json()

    asked = http.delete(f"{SOURCES}/team")
    assert (asked.status_code, asked.json()["code"]) == (409, "CONFIRMATION_NEEDED")
    assert http.delete(f"{SOURCES}/team?confirm=true").json() == {"id": "team", "flows": 1}
    assert http.get(f"{SOURCES}/team").status_code == 404
    assert http.get("/api/v1/main/flows/team/f").status_code in (404, 410)


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"id": "x"}, 422),
        ({"id": "x", "repo": "https://example.org/x.git", "token": "t"}, 422),
        ({"id": "x", "repo": "https://example.org/x.git", "forgeUrl": "https://evil"}, 422),
        ({"id": "../x", "repo": "https://example.org/x.git"}, 422),
        ({"id": "x", "repo": "file:///etc"}, 400),
        ({"id": "x", "repo": "https://example.org/x.git", "credentials": "lender"}, 400),
        ({"id": "x", "repo": "https://10.0.0.1/x.git"}, 400),
        ({"id": "x", "repo": "https://example.org/x.git", "tenants": {"a": "B!"}}, 422),
        ({"id": "x", "repo": "https://example.org/x.git", "tenants": {"a": "t", "b": "t"}}, 422),
        ({"id": "x", "repo": "https://example.org/x.git", "namespaces": [""]}, 422),
        ({"id": "x", "repo": "https://example.org/x.git", "root": "../up"}, 422),
    ],
)
def test_what_is_refused(http: httpx2.Client, wish: dict[str, Any], status: int) -> None:
    answer = http.post(SOURCES, json=wish)
    assert answer.status_code == status, answer.text
    assert http.get(f"{SOURCES}/x").status_code == 404


def test_the_configuration_is_not_changed_by_rest(http: httpx2.Client) -> None:
    for answer in (
        http.patch(f"{SOURCES}/lender", json={"ref": "x"}),
        http.delete(f"{SOURCES}/main?confirm=true"),
    ):
        assert answer.status_code == 409
        assert "described in the configuration" in answer.json()["detail"]
    assert http.patch(f"{SOURCES}/nobody", json={}).status_code == 404
    assert http.post(f"{SOURCES}/nobody/suspend").status_code == 404


def test_a_source_lives_by_the_command_line(server: str, git: GitServer) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = headwater("git", *words, server=server)
        assert done.returncode == code, done.stderr
        return done.stdout

    url = git.url("team.git")
    made = run(
        "add", "cli", url, "--credentials", "lender", "--owns", "acme/team",
        "--map-tenant", "main=acme", "--ref", "branch:main", "-o", "json",
    )  # fmt: skip
    assert json.loads(made)["spec"]["tenants"] == {"main": "acme"}
    run("sync", "--source", "cli")
    assert {"main", "lender", "cli"} <= set(run("sources", "-o", "name").split())
    assert url in run("sources")
    assert "NOOP" in run("sync", "--source", "cli", "--dry-run")
    run("suspend", "cli", "--reason", "calm")
    assert "suspended" in run("sources")
    run("resume", "cli")
    run("remove", "cli", code=2)
    run("remove", "cli", "--yes")
    run("remove", "cli", "--yes", code=3)
    run("add", "cli", "not an address", code=2)
