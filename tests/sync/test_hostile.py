"""Remotes that are down, slow, cut short or lie: what is active stays, the next sync is good."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.sync.model import SyncRun
from tests.git.scratch import Scratch
from tests.git.server import GitServer, serving
from tests.git.ssh import ssh_serving, sshd
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path

Harm = Callable[[GitServer], None]


@pytest.fixture
def server(tmp_path: Path, scratch: Scratch) -> Iterator[GitServer]:
    scratch.git("config", "http.receivepack", "true")
    scratch.commit({path("a"): flow("a")})
    with serving(tmp_path / "served") as app:
        yield app


@pytest.fixture
async def remote(start: Start, server: GitServer) -> Rig:
    """A service whose repository is at the server; it waits three seconds for a listing."""
    return await start(
        repo=server.url("acme.git"),
        username="ann",
        token="s3cret-token",
        fetch_timeout_seconds=30.0,
    )


async def synced(rig: Rig) -> SyncRun:
    run = await rig.sync.sync()
    assert run is not None
    return run


def silent(server: GitServer) -> None:
    server.silent = True


def cut(server: GitServer) -> None:
    server.cut_after = 200


def status(code: int) -> Harm:
    def harm(server: GitServer) -> None:
        server.status = code

    return harm


def elsewhere(server: GitServer) -> None:
    server.status, server.location = 302, "http://169.254.169.254/latest/meta-data"


@pytest.mark.parametrize(
    ("harm", "reason", "is_stalled"),
    [
        (silent, "RemoteUnreachable", False),
        (cut, "", False),
        (status(500), "RemoteUnreachable", False),
        (status(503), "RemoteUnreachable", False),
        (status(401), "AuthFailed", True),
        (status(403), "AuthFailed", True),
        (elsewhere, "", False),
    ],
    ids=["silent", "cut", "500", "503", "401", "403", "redirect"],
)
async def test_what_is_active_stays_until_the_remote_is_well(
    remote: Rig, server: GitServer, scratch: Scratch, harm: Harm, reason: str, is_stalled: bool
) -> None:
    before = await remote.active()
    scratch.commit({path("a"): flow("a", "2"), "big": b"\0" * 5000})
    harm(server)
    run = await synced(remote)
    assert run.outcome == "FAILED"
    assert reason in run.reason
    assert "s3cret" not in run.reason
    assert await remote.active() == before
    stalled = remote.sync.main.source.condition("Stalled")
    if is_stalled:
        assert stalled is not None
        assert stalled.status
    server.silent = False
    server.status = server.location = server.cut_after = None
    assert (await synced(remote)).outcome == "SYNCED"
    assert (await remote.active())["main/shop/a"] == flow("a", "2")


async def test_locks_that_a_dead_process_left_are_no_obstacle(
    remote: Rig, scratch: Scratch
) -> None:
    [mirror] = (remote.folder / "git").glob("*.git")
    scratch.commit({path("a"): flow("a", "2")})
    for name in ("packed-refs.lock", "HEAD.lock", "shallow.lock", "refs/remotes/origin/main.lock"):
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).touch()
    assert (await synced(remote)).outcome == "SYNCED"
    assert not list(mirror.rglob("*.lock"))


async def test_a_deploy_key_reads_and_another_key_pushes(
    start: Start, scratch: Scratch, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    program = sshd()
    if program is None:
        pytest.skip("no sshd: apt-get install openssh-server")
    scratch.commit({path("a"): flow("a")})
    with ssh_serving(program, tmp_path / "ssh", scratch.path, free_port()) as ssh:
        rig = await start(
            repo=ssh.url,
            ssh_key_file=ssh.key.private_key,
            push_ssh_key_file=ssh.push_key.private_key,
            known_hosts_file=ssh.key.known_hosts,
        )
        assert sorted(await rig.active()) == ["main/shop/a"]
        await rig.sync.put_flow("main", "shop", "b", flow("b").decode(), actor=ANN)
        assert sorted(await rig.active()) == ["main/shop/a", "main/shop/b"]
        ssh.key.known_hosts.write_text("")
        run = await synced(rig)
        assert (run.outcome, "AuthFailed" in run.reason) == ("FAILED", True)
