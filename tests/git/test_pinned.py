"""Git connects to the addresses that were checked, whatever a name means to the name service."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.errors import GitError, RemoteUnreachable
from app.git import location
from app.git.environment import hardened
from app.git.location import Location
from tests.git.conftest import MakeMirror, ann
from tests.git.scratch import Scratch
from tests.git.server import GitServer
from tests.git.ssh import ssh_serving, sshd

NAME = "git.headwater.test"
"""No name service knows it: a reserved domain."""


def test_http_goes_to_the_checked_address(
    make_mirror: MakeMirror, scratch: Scratch, server: GitServer
) -> None:
    sha = scratch.commit({"a": b"1"})
    where = Location("http", f"http://{NAME}:{server.port}/acme.git", NAME)
    mirror = make_mirror(where, credentials=ann, addresses=lambda _: ("127.0.0.1",))
    mirror.fetch()
    assert mirror.tip("main") == sha


def test_http_goes_nowhere_else(
    make_mirror: MakeMirror, scratch: Scratch, server: GitServer
) -> None:
    scratch.commit({"a": b"1"})
    where = Location("http", f"http://localhost:{server.port}/acme.git", "localhost")
    with pytest.raises(RemoteUnreachable):
        make_mirror(where, credentials=ann, addresses=lambda _: ("127.0.0.2",))
    assert server.requests == []


def test_ssh_goes_to_the_checked_address_and_knows_the_host_by_its_name(
    make_mirror: MakeMirror, scratch: Scratch, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    program = sshd()
    if program is None:
        pytest.skip("no sshd: apt-get install openssh-server")
    sha = scratch.commit({"a": b"1"})
    with ssh_serving(program, tmp_path / "ssh", scratch.path, free_port()) as server:
        known = server.key.known_hosts
        known.write_text(known.read_text().replace("127.0.0.1", NAME))
        url = server.url.replace("127.0.0.1", NAME)
        mirror = make_mirror(
            location.remote(url), ssh_key=server.key, addresses=lambda _: ("127.0.0.1",)
        )
        mirror.fetch()
        assert mirror.tip("main") == sha


def test_a_refusal_stops_git(make_mirror: MakeMirror, server: GitServer) -> None:
    def refuse(_: Location) -> tuple[str, ...]:
        raise GitError("not there")

    with pytest.raises(GitError, match="not there"):
        make_mirror(location.remote(server.url("acme.git"), allow_http=True), addresses=refuse)
    assert server.requests == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://git.test/x", "git.test:443:10.0.0.1,[fd00::1]"),
        ("https://git.test:8443/x", "git.test:8443:10.0.0.1,[fd00::1]"),
    ],
)
def test_the_setting_of_curl(tmp_path: Path, url: str, expected: str) -> None:
    env = hardened(tmp_path, location=location.remote(url), addresses=("10.0.0.1", "fd00::1"))
    assert expected in env.values()


@pytest.mark.parametrize(
    ("url", "alias"),
    [
        ("git@git.test:a/b", "HostKeyAlias=git.test"),
        ("ssh://git@git.test:22/a", "HostKeyAlias=git.test"),
        ("ssh://git@git.test:2222/a", "HostKeyAlias=[git.test]:2222"),
    ],
)
def test_the_options_of_ssh(tmp_path: Path, url: str, alias: str) -> None:
    where = location.remote(url)
    command = hardened(tmp_path, location=where, addresses=("10.0.0.1",))["GIT_SSH_COMMAND"]
    assert alias in command
    assert "HostName=10.0.0.1" in command
    assert "HostName" not in hardened(tmp_path, location=where)["GIT_SSH_COMMAND"]
    assert where.port == (urlsplit(url).port or 22 if "://" in url else 22)
