"""`headwater admin …`: from a service without a user to one with groups, roles and tokens."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.serving import COMMAND, environment, service

PASSWORD = "correct horse battery"
Run = Callable[..., str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A service; its address, and a token of its first user, who was made offline."""
    data = tmp_path_factory.mktemp("admin") / "data"
    data.mkdir()
    made = command("user", "create", "root", "--offline", "--data", str(data), "--password-stdin",
                   "--instance-admin", stdin=PASSWORD)  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "root is made; it administers the instance" in made.stderr
    with service(data, HEADWATER_ACCESS__LOGIN="required") as (address, _):
        auth = ("root", PASSWORD)
        assert not (data / "setup-token").exists(), "there is a user already"
        busy = command("user", "create", "x", "--offline", "--data", str(data), "--password-stdin",
                       stdin=PASSWORD)  # fmt: skip
        assert busy.returncode != 0
        wish = {"name": "tests"}
        answer = httpx2.post(f"{address}/api/v1/me/api-tokens", json=wish, auth=auth)
        yield address, answer.json()["fullToken"]


def command(*arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "admin", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(XDG_CONFIG_HOME="/nonexistent", **more),
    )


@pytest.fixture
def run(running: tuple[str, str]) -> Run:
    """A function that runs a command as the first user and returns what it prints."""
    address, token = running

    def run(*arguments: str, code: int = 0, stdin: str = "", by: str = token) -> str:
        done = command(*arguments, stdin=stdin, HEADWATER_SERVER=address, HEADWATER_TOKEN=by)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 and done.stdout else done.stderr

    return run


def test_users(run: Run) -> None:
    run("user", "create", "ann@example.test", "--first-name", "Ann", "--password-stdin",
        stdin=PASSWORD)  # fmt: skip
    assert "Ann" in run("user", "show", "ANN@example.test")
    assert run("user", "list", "ann", "-o", "name") == "ann@example.test\n"
    run("user", "create", "sso@example.test", "--no-password")
    run("user", "disable", "ann@example.test")
    assert "disabled" in run("user", "show", "ann@example.test")
    run("user", "enable", "ann@example.test")
    run("user", "password", "ann@example.test", "--password-stdin", stdin="another pass 7")
    run("user", "promote", "ann@example.test")
    assert "instance admin" in run("user", "show", "ann@example.test")
    run("user", "demote", "ann@example.test")
    run("user", "delete", "ann@example.test")
    assert "no user" in run("user", "show", "ann@example.test", code=3)
    run("user", "create", "x@example.test", code=2)
    run("user", "demote", "root", code=5)


def test_groups_roles_and_bindings(run: Run) -> None:
    run("user", "create", "bo@example.test", "--password-stdin", stdin=PASSWORD)
    run("group", "create", "writers", "--description", "They write")
    assert "They write" in run("group", "list")
    run("group", "add", "writers", "bo@example.test", "--owner")
    assert "owner" in run("group", "members", "writers")
    run("role", "create", "starter", "-p", "execution:create", "-p", "flow:read")
    assert run("role", "show", "starter", "-o", "name") == "execution:create\nflow:read\n"
    assert "viewer" in run("role", "list")
    run("binding", "create", "starter", "--group", "writers", "-n", "company.team")
    run("binding", "create", "viewer", "--user", "bo@example.test", "--expires-in", "P30D")
    listed = run("binding", "list")
    assert "group writers" in listed
    assert "company.team" in listed
    (binding,) = run("binding", "list", "-n", "company.team", "-o", "name").split()
    run("binding", "delete", binding)
    run("group", "remove", "writers", "bo@example.test")
    run("group", "delete", "writers")
    run("role", "delete", "starter")
    assert "no group" in run("group", "members", "writers", code=3)
    run("binding", "create", "viewer", code=2)
    run("group", "create", "everybody", "--instance")
    run("binding", "create", "viewer", "--group", "everybody", "--instance-group")
    run("binding", "create", "auditor", "--group", "everybody", "--instance")
    assert "auditor" in run("binding", "list", "--instance")
    run("group", "delete", "everybody", "--instance")


def test_service_accounts_and_tokens(run: Run) -> None:
    run("service-account", "create", "ci", "--description", "Builds")
    assert "Builds" in run("service-account", "list")
    run("binding", "create", "editor", "--service-account", "ci", "-n", "company.team")
    token = run("token", "create", "deploy", "--service-account", "ci", "--max-age", "P7D").strip()
    assert token.startswith("hw_")
    assert token not in run("token", "list", "--service-account", "ci")
    run("user", "list", by=token, code=4)
    (listed,) = run("token", "list", "--service-account", "ci", "-o", "name").split()
    run("token", "revoke", listed, "--service-account", "ci")
    assert "revoked" in run("token", "list", by=token, code=4)
    mine = run("token", "create", "narrow", "--role", "viewer", "-n", "company.team").strip()
    run("service-account", "create", "sly", by=mine, code=4)
    run("token", "create", "wide", "--role", "admin", by=mine, code=4)
    run("token", "create", "odd", "-n", "company.team", code=2)
    run("service-account", "delete", "ci")


def test_a_way_in_for_emergencies(tmp_path: Path) -> None:
    arguments = ("user", "create", "root", "--offline", "--password-stdin", "--data")
    missing = command(*arguments, str(tmp_path / "none"), stdin=PASSWORD)
    assert missing.returncode == 3
    weak = command(*arguments, str(tmp_path), stdin="short")
    assert weak.returncode == 2
    first = command(*arguments, str(tmp_path), stdin=PASSWORD)
    assert first.returncode == 0, first.stderr
    assert "administers" not in first.stderr
    again = command(*arguments, str(tmp_path), "--instance-admin", stdin="another pass 7")
    assert "has another password" in again.stderr
    assert "administers" in again.stderr
    assert PASSWORD not in first.stdout + first.stderr + again.stdout + again.stderr
