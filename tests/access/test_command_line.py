"""`headwater login` and contexts: a token is made, kept for one service, used, and revoked."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.serving import COMMAND, environment, service

PASSWORD = "correct horse 7"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    data = tmp_path_factory.mktemp("login") / "data"
    with service(data, HEADWATER_ACCESS__LOGIN="required") as (address, _):
        yield address, data


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function that runs a command with a configuration folder of its own."""

    def run(*arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment(XDG_CONFIG_HOME=str(tmp_path), **more),
        )

    return run


def contexts(folder: Path) -> dict[str, Any]:
    file = folder / "headwater" / "contexts.yaml"
    assert file.stat().st_mode & 0o777 == 0o600
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


def test_from_the_first_user_to_the_last_token(
    server: tuple[str, Path], run: Run, tmp_path: Path
) -> None:
    address, data = server
    refused = run("flow", "list", "--server", address)
    assert refused.returncode == 4
    assert "log in" in refused.stderr
    reserved = run("kv", "list", "demo", "-t", "users", "--server", address)
    assert reserved.returncode == 2
    assert "'users' is no tenant name" in reserved.stderr
    setup = (data / "setup-token").read_text().strip()
    arguments = ("login", "-u", "root@example.test", "--password-stdin", "--server", address)
    wrong = run(*arguments, "--setup", stdin=PASSWORD, HEADWATER_SETUP_TOKEN="hws_no")
    assert wrong.returncode == 4
    unsaid = run(*arguments, "--setup", stdin=PASSWORD)
    assert unsaid.returncode == 2
    assert "HEADWATER_SETUP_TOKEN" in unsaid.stderr
    first = run(*arguments, "--setup", stdin=PASSWORD, HEADWATER_SETUP_TOKEN=setup)
    assert first.returncode == 0, first.stderr
    assert PASSWORD not in first.stdout + first.stderr
    kept = contexts(tmp_path)
    (context,) = kept["contexts"].values()
    assert context["server"] == address
    assert context["token"].startswith("hw_")
    assert context["token"] not in first.stdout + first.stderr

    assert "root@example.test" in run("whoami").stdout
    assert run("flow", "list").returncode == 0
    assert run("flow", "list", HEADWATER_TOKEN="hw_no").returncode == 4
    listed = run("context", "list", "-o", "json").stdout
    assert '"loggedIn": true' in listed
    assert context["token"] not in listed

    again = run(
        "login", "--token-stdin", "--name", "ci", "--server", address, stdin=context["token"]
    )
    assert again.returncode == 0, again.stderr
    assert run("logout").returncode == 0
    assert run("whoami").returncode == 4
    old = run("whoami", "--context", kept["current"])
    assert old.returncode == 4  # it was the same token
    assert run(*arguments, stdin="wrong wrong").returncode == 4


def test_a_token_goes_to_its_own_service_only(
    server: tuple[str, Path], run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "headwater"
    folder.mkdir()
    file = folder / "contexts.yaml"
    text = "current: a\ncontexts:\n  a: {server: 'http://127.0.0.1:9', token: hw_aaaaaaaa_b}\n"
    file.write_text(text)
    file.chmod(0o600)
    refused = run("whoami", "--server", server[0])
    assert "log in" in refused.stderr  # not: this token is wrong
    file.chmod(0o644)
    readable = run("whoami")
    assert readable.returncode == 2
    assert "chmod 600" in readable.stderr


def test_contexts(run: Run, tmp_path: Path) -> None:
    assert run("context", "add", "one", "http://127.0.0.1:1", "-t", "shop").returncode == 0
    assert run("context", "add", "two", "http://127.0.0.1:2/").returncode == 0
    assert run("context", "add", "bad", "ftp://x").returncode == 2
    assert contexts(tmp_path)["current"] == "one"
    assert run("context", "use", "two").returncode == 0
    assert "http://127.0.0.1:2" in run("whoami").stderr
    assert "http://127.0.0.1:1" in run("whoami", "--context", "one").stderr
    assert run("context", "use", "three").returncode == 3
    assert run("context", "remove", "two").returncode == 0
    assert list(contexts(tmp_path)["contexts"]) == ["one"]
    assert run("logout", "--context", "one").returncode == 2
