"""Real servers: credentials, failures of the network, hostile answers, ssh."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.errors import AuthFailed, GitError, RefNotFound, RemoteUnreachable, TooLarge
from app.git import location
from app.git.draft import Draft, Person
from app.git.location import Access, Credentials, SshKey
from app.git.mirror import Mirror
from app.git.process import Limits
from app.git.writer import Writer
from tests.git.conftest import MakeMirror, ann
from tests.git.scratch import Scratch
from tests.git.server import GitServer, User
from tests.git.ssh import SshServer, make_key, ssh_serving, sshd


def test_fetch_with_a_password(remote_mirror: Mirror, scratch: Scratch, server: GitServer) -> None:
    sha = scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    assert remote_mirror.tip("main") == sha
    assert remote_mirror.remote.default_branch() == "main"
    assert all("s3cret" not in request for request in server.requests)


def test_bearer_token(make_mirror: MakeMirror, scratch: Scratch, server: GitServer) -> None:
    scratch.commit({"a": b"1"})
    where = location.remote(server.url("acme.git"), allow_http=True)
    mirror = make_mirror(where, credentials=lambda: Credentials("bearer-token", None))
    assert len(mirror.fetch()) == 1


def test_credentials_are_asked_each_time(
    make_mirror: MakeMirror, scratch: Scratch, server: GitServer
) -> None:
    scratch.commit({"a": b"1"})
    tokens = iter(["s3cret-token", "s3cret-token", "next-token"])
    where = location.remote(server.url("acme.git"), allow_http=True)
    mirror = make_mirror(where, credentials=lambda: Credentials(next(tokens), "ann"))
    mirror.fetch()
    server.users["ann"] = User("next-token")
    assert mirror.fetch() == []


def test_credentials_touch_no_disk(remote_mirror: Mirror, scratch: Scratch, tmp_path: Path) -> None:
    scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    secrets = [text.encode() for text in ann().secrets()]
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret in data for secret in secrets), path


@pytest.mark.parametrize("password", ["wrong", "wr\"o'ng $(x)"])
def test_wrong_password(
    make_mirror: MakeMirror, scratch: Scratch, server: GitServer, password: str
) -> None:
    scratch.commit({"a": b"1"})
    where = location.remote(server.url("acme.git"), allow_http=True)
    with pytest.raises(AuthFailed, match=r"127\.0\.0\.1") as caught:
        make_mirror(where, credentials=lambda: Credentials(password, "ann"))
    assert password not in str(caught.value)


def test_no_password(make_mirror: MakeMirror, server: GitServer) -> None:
    with pytest.raises(AuthFailed):
        make_mirror(location.remote(server.url("acme.git"), allow_http=True))


def test_repository_that_is_not_there(make_mirror: MakeMirror, server: GitServer) -> None:
    where = location.remote(server.url("other.git"), allow_http=True)
    with pytest.raises(RefNotFound, match=r"127\.0\.0\.1"):
        make_mirror(where, credentials=ann)


def test_unreachable(make_mirror: MakeMirror, free_port: object) -> None:
    assert callable(free_port)
    url = f"http://127.0.0.1:{free_port()}/x.git"
    with pytest.raises(RemoteUnreachable, match=r"127\.0\.0\.1"):
        make_mirror(location.remote(url, allow_http=True))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, RemoteUnreachable),
        (503, RemoteUnreachable),
        (429, RemoteUnreachable),
        (401, AuthFailed),
        (403, AuthFailed),
        (404, RefNotFound),
    ],
)
def test_statuses(
    remote_mirror: Mirror, server: GitServer, status: int, error: type[GitError]
) -> None:
    server.status = status
    with pytest.raises(error) as caught:
        remote_mirror.fetch()
    assert "s3cret" not in caught.value.message
    server.status = None
    assert remote_mirror.fetch() == []


def test_redirects_are_not_followed(remote_mirror: Mirror, server: GitServer) -> None:
    server.status, server.location = 302, "http://127.0.0.1:1/stolen/info/refs"
    with pytest.raises(RemoteUnreachable):
        remote_mirror.ls_remote()


def test_silent_server_times_out(
    make_mirror: MakeMirror, scratch: Scratch, server: GitServer
) -> None:
    where = location.remote(server.url("acme.git"), allow_http=True)
    make_mirror(where, credentials=ann)
    mirror = make_mirror(where, credentials=ann, limits=Limits(network_seconds=5))
    server.silent = True
    with pytest.raises(RemoteUnreachable, match=r"0\.5 s"):
        mirror.ls_remote()


def test_pack_cut_short_leaves_the_mirror_as_it_was(
    remote_mirror: Mirror, scratch: Scratch, server: GitServer
) -> None:
    old = scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    noise = bytes(range(256)) * 2000
    new = scratch.commit({f"f{n}": noise[n:] + bytes([n]) for n in range(50)})
    server.cut_after = 200
    with pytest.raises(RemoteUnreachable):
        remote_mirror.fetch()
    assert remote_mirror.tip("main") == old
    remote_mirror.verify()
    server.cut_after = None
    remote_mirror.fetch()
    assert remote_mirror.tip("main") == new


def test_endless_pack_is_stopped(
    make_mirror: MakeMirror, scratch: Scratch, server: GitServer
) -> None:
    scratch.commit({"a": b"1"})
    where = location.remote(server.url("acme.git"), allow_http=True)
    limits = Limits(network_seconds=40, file_bytes=2 * 1024**2)
    mirror = make_mirror(where, credentials=ann, limits=limits)
    server.endless = True
    with pytest.raises(TooLarge):
        mirror.fetch()
    assert mirror.branches() == {}
    size = sum(path.stat().st_size for path in mirror.folder.rglob("*") if path.is_file())
    server.endless = False
    mirror.fetch()
    assert size < 8 * 1024**2
    assert not list(mirror.folder.glob("objects/pack/tmp*"))


def test_our_environment_stays_ours(
    mirror: Mirror, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.commit({"a": b"1"})
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch /nonexistent")
    monkeypatch.setenv("HEADWATER_SECRET", "hidden")
    mirror.fetch()
    assert mirror.branches()
    assert "HEADWATER_SECRET" not in mirror.disk.launcher.environment


def test_local_commands_reach_no_transport(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1"})
    outcome = mirror.disk.launcher.run(["fetch", str(scratch.path)])
    assert outcome.code
    assert "not allowed" in outcome.err


# -- ssh ------------------------------------------------------------------------------------------


@pytest.fixture
def ssh(tmp_path: Path, scratch: Scratch, free_port: Callable[[], int]) -> Iterator[SshServer]:
    program = sshd()
    if program is None:
        pytest.skip("no sshd: apt-get install openssh-server")
    with ssh_serving(program, tmp_path / "ssh", scratch.path, free_port()) as server:
        yield server


def test_ssh_with_a_deploy_key(make_mirror: MakeMirror, scratch: Scratch, ssh: SshServer) -> None:
    sha = scratch.commit({"a": b"1"})
    mirror = make_mirror(location.remote(ssh.url), ssh_key=ssh.key)
    mirror.fetch()
    assert mirror.tip("main") == sha


def test_ssh_unknown_host_is_refused(make_mirror: MakeMirror, ssh: SshServer) -> None:
    ssh.key.known_hosts.write_text("")
    with pytest.raises(AuthFailed, match="known_hosts"):
        make_mirror(location.remote(ssh.url), ssh_key=ssh.key)


def test_ssh_changed_host_key_is_refused(make_mirror: MakeMirror, ssh: SshServer) -> None:
    other = make_key(ssh.folder / "other")
    port = ssh.url.split(":")[2].split("/")[0]
    ssh.key.known_hosts.write_text(f"[127.0.0.1]:{port} {other}")
    with pytest.raises(AuthFailed):
        make_mirror(location.remote(ssh.url), ssh_key=ssh.key)


def test_ssh_pushes_with_a_key_of_its_own(
    make_mirror: MakeMirror, scratch: Scratch, ssh: SshServer
) -> None:
    base = scratch.commit({"a": b"1"})
    where = location.remote(ssh.url)
    draft = Draft({"b": b"2"}, "Add b", Person("Ann", "ann@example.org"))
    reader = make_mirror(where, "reader", ssh_key=ssh.key)
    reader.fetch()
    with pytest.raises(GitError):  # a deploy key that only reads
        Writer(reader, draft.author).commit("main", draft, parent=base)
    mirror = make_mirror(where, "both", ssh_key=ssh.key, push=Access(ssh_key=ssh.push_key))
    mirror.fetch()
    sha = Writer(mirror, draft.author).commit("main", draft, parent=base)
    assert scratch.tip() == sha


def test_ssh_without_a_key_is_refused(make_mirror: MakeMirror, ssh: SshServer) -> None:
    nothing = ssh.folder / "none"
    key = SshKey(nothing, ssh.key.known_hosts)
    with pytest.raises(AuthFailed):
        make_mirror(location.remote(ssh.url), ssh_key=key)


def test_ssh_nobody_listens(
    make_mirror: MakeMirror, ssh: SshServer, free_port: Callable[[], int]
) -> None:
    where = location.remote(f"ssh://root@127.0.0.1:{free_port()}/x.git")
    with pytest.raises(RemoteUnreachable):
        make_mirror(where, ssh_key=ssh.key)
