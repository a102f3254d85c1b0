"""The demo's repository of flows, and the hook that tells the service of a push."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from scripts.flows_repository import FlowsRepository, RepositoryError, git, head, open_repository
from scripts.services import DEFAULT_PORTS, Server

FLOW = "tenants/main/namespaces/ecommerce/flows/order-processing.yaml"
OTHER_PORTS = {name: port + 1 for name, port in DEFAULT_PORTS.items()}


@dataclass
class Receiver:
    """Stands for the service's webhook: keeps what it was sent."""

    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        self.requests.append((request.url.path, dict(request.headers), body))
        await Response(status_code=202)(scope, receive, send)


@contextlib.asynccontextmanager
async def listening(receiver: Receiver, port: int) -> AsyncIterator[None]:
    config = uvicorn.Config(receiver, port=port, lifespan="off", log_config=None)
    server = Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await server.ready.wait()
        yield
        server.should_exit = True


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlowsRepository:
    monkeypatch.setenv("HOME", str(tmp_path))  # a machine where nobody told Git a name
    return open_repository(tmp_path, DEFAULT_PORTS, DEFAULT_PORTS)


def commit(repository: FlowsRepository, text: str = "\n# changed\n") -> None:
    flow = repository.clone / FLOW
    flow.write_text(flow.read_text() + text)
    git(repository.clone, "commit", "--all", "-m", "Change the order flow")


def test_the_first_run_makes_it_and_the_next_one_uses_it_again(
    tmp_path: Path, repository: FlowsRepository
) -> None:
    sha, author, subject = head(repository.remote)
    assert (author, subject) == ("Headwater Demo", "Add the order flow and a greeting")
    assert "http://127.0.0.1:8091" in (repository.clone / FLOW).read_text()
    assert (repository.clone / ".github/workflows/check.yml").is_file()
    assert open_repository(tmp_path, OTHER_PORTS, DEFAULT_PORTS) == repository
    assert head(repository.remote)[0] == sha


def test_the_template_is_made_for_the_ports_at_hand(tmp_path: Path) -> None:
    repository = open_repository(tmp_path, OTHER_PORTS, DEFAULT_PORTS)
    text = (repository.clone / FLOW).read_text()
    for name in ("inventory", "payment", "order", "shipping", "delivery"):
        assert f"{name}: http://127.0.0.1:{OTHER_PORTS[name]}\n" in text


def test_ports_that_move_are_a_commit(repository: FlowsRepository) -> None:
    repository.move_ports(DEFAULT_PORTS, OTHER_PORTS)
    assert head(repository.remote)[2] == "Move the demo services to free ports"
    text = git(repository.remote, "show", f"main:{FLOW}")
    assert "inventory: http://127.0.0.1:8092\n" in text
    assert "delivery: http://127.0.0.1:8096\n" in text


def test_ports_do_not_move_over_changes_that_are_not_committed(
    repository: FlowsRepository,
) -> None:
    (repository.clone / FLOW).write_text("id: mine\n")
    with pytest.raises(RepositoryError, match="not committed"):
        repository.move_ports(DEFAULT_PORTS, OTHER_PORTS)
    assert (repository.clone / FLOW).read_text() == "id: mine\n"


def test_a_folder_in_the_way_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    with pytest.raises(RepositoryError, match="in the way"):
        open_repository(tmp_path, DEFAULT_PORTS, DEFAULT_PORTS)
    assert list(tmp_path.iterdir()) == [tmp_path / "flows"]


async def test_a_push_is_told_as_github_tells_it(repository: FlowsRepository, free_port) -> None:
    port, receiver = free_port(), Receiver()
    repository.tell(f"http://127.0.0.1:{port}")
    commit(repository)
    async with listening(receiver, port):
        said = await asyncio.to_thread(git, repository.clone, "push", "--porcelain")
    assert "Done" in said
    [(path, headers, body)] = receiver.requests
    sha = head(repository.remote)[0]
    payload = json.loads(body)
    expected = hmac.new(repository.secret().encode(), body, hashlib.sha256).hexdigest()
    assert path == "/api/v1/hooks/git/demo"
    assert headers["x-hub-signature-256"] == f"sha256={expected}"
    assert headers["x-github-event"] == "push"
    assert headers["x-github-delivery"]
    assert (payload["ref"], payload["after"]) == ("refs/heads/main", sha)
    assert payload["head_commit"]["id"] == sha


def test_a_push_succeeds_when_nobody_listens(repository: FlowsRepository, free_port) -> None:
    repository.tell(f"http://127.0.0.1:{free_port()}")
    commit(repository)
    git(repository.clone, "push")
    assert head(repository.remote)[2] == "Change the order flow"


def test_the_secret_stays_and_is_private(repository: FlowsRepository) -> None:
    repository.tell("http://127.0.0.1:1")
    secret = repository.secret()
    repository.tell("http://127.0.0.1:2")
    assert repository.secret() == secret
    assert (repository.remote / "webhook.json").stat().st_mode & 0o077 == 0
