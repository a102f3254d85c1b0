"""Commands that talk to a service, and the service's own commands."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app.cli.printing import clean, seconds
from tests.git.scratch import plain_environment
from tests.serving import COMMAND, environment, headwater, service

FLOW = """
id: {id}
namespace: shop
inputs:
  - {{id: name, type: STRING, defaults: world}}
tasks:
  - {{id: say, type: io.kestra.plugin.core.debug.Return, format: "{text} {{{{ inputs.name }}}}"}}
  - {{id: log, type: io.kestra.plugin.core.log.Log, message: "{text}"}}
"""
PAUSE = """
id: {id}
namespace: shop
tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {{id: approved, type: BOOLEAN}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with service(tmp_path_factory.mktemp("cli") / "data") as (address, _):
        yield address


def put(server: str, source: str) -> str:
    """Create or update a flow; return the commit."""
    flow_id = source.split("id: ", 1)[1].split(maxsplit=1)[0]
    answer = httpx2.post(f"{server}/api/v1/main/flows", content=source)
    if answer.status_code == 422:
        answer = httpx2.put(f"{server}/api/v1/main/flows/shop/{flow_id}", content=source)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["commit"])


def until(server: str, execution: str, state: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = httpx2.get(f"{server}/api/v1/main/executions/{execution}").json()
        if found["state"]["current"] == state:
            return
        time.sleep(0.02)
    raise AssertionError(found["state"])


def test_list_get_and_run(server: str) -> None:
    commit = put(server, FLOW.format(id="first", text="Hello"))
    listed = headwater("flow", "list", "-n", "shop", "--q", "first", server=server)
    heading, line = listed.stdout.splitlines()
    assert heading.split() == [
        "NAMESPACE", "ID", "REVISION", "PIN", "COMMIT", "AUTHOR", "UPDATED", "SUBJECT",
    ]  # fmt: skip
    assert line.split()[:4] == ["shop", "first", "1", commit[:8]]
    names = headwater("flow", "list", "--q", "first", "-o", "name", server=server)
    assert names.stdout == "shop.first\n"
    shown = headwater("flow", "get", "shop", "first", server=server)
    assert f"commit:    {commit}" in shown.stdout
    source = headwater("flow", "get", "shop.first", "--source", server=server)
    assert source.stdout == FLOW.format(id="first", text="Hello")
    ran = headwater("flow", "run", "shop", "first", "-i", "name=Ann", "-o", "json", server=server)
    assert ran.returncode == 0, ran.stderr
    execution = json.loads(ran.stdout)
    assert execution["taskRunList"][0]["outputs"]["value"] == "Hello Ann"
    assert f"revision 1 ({commit[:8]} by Headwater API: Create flow shop.first)" in ran.stderr
    assert "SUCCESS  say" in ran.stderr
    as_yaml = headwater("flow", "get", "shop/first", "-o", "yaml", server=server)
    assert "namespace: shop\n" in as_yaml.stdout


def test_inputs_that_there_are_not(server: str) -> None:
    put(server, FLOW.format(id="inputs", text="Hello"))
    wrong = ("-i", "nmae=Ann", "-i", "name=Bob")
    ran = headwater("flow", "run", "shop.inputs", *wrong, "-o", "name", server=server)
    again = headwater("exec", "replay", ran.stdout.strip(), *wrong, server=server)
    for each in (ran, again):
        assert each.returncode == 0, each.stderr
        assert "warning: input nmae is ignored: the flow has name\n" in each.stderr
        assert "input name" not in each.stderr
    nowhere = headwater("exec", "replay", ran.stdout.strip(), "--task", "", server=server)
    assert nowhere.returncode == 3
    assert "has no run of ''; it ran say, log" in nowhere.stderr


def test_history_diff_and_rollback(server: str) -> None:
    first = put(server, FLOW.format(id="changes", text="Hello"))
    second = put(server, FLOW.format(id="changes", text="Bye"))
    history = headwater("flow", "history", "shop", "changes", server=server).stdout.splitlines()
    assert [line.split("Headwater")[0].split() for line in history[1:]] == [
        ["*", "2", second[:8]],
        ["1", first[:8]],
    ]
    diff = headwater("flow", "diff", "shop.changes", server=server)
    assert '-  - {id: log, type: io.kestra.plugin.core.log.Log, message: "Hello"}' in diff.stdout
    back = headwater("flow", "rollback", "shop", "changes", "--to", first, server=server)
    assert back.returncode == 0, back.stderr
    assert f"revision 1 ({first[:8]})" in back.stdout
    ran = headwater("flow", "run", "shop", "changes", "-o", "json", server=server)
    assert json.loads(ran.stdout)["taskRunList"][0]["outputs"]["value"] == "Hello world"
    assert headwater("flow", "unpin", "shop.changes", server=server).returncode == 0
    assert headwater("flow", "unpin", "shop.changes", server=server).returncode == 3
    pinned = headwater(
        "flow", "pin", "shop.changes", "--revision", "1", "--until", "manual", server=server
    )
    assert "until:  manual" in pinned.stdout
    listed = headwater("flow", "list", "--q", "changes", server=server)
    assert "pinned" in listed.stdout
    again = headwater("flow", "rollback", "shop.changes", server=server)
    assert (again.returncode, again.stdout) == (5, "")


def test_executions(server: str) -> None:
    put(server, PAUSE.format(id="paused"))
    started = headwater("flow", "run", "shop", "paused", "--no-wait", "-o", "name", server=server)
    wanted = started.stdout.strip()
    until(server, wanted, "PAUSED")
    listed = headwater("exec", "list", "--state", "PAUSED", "-o", "name", server=server)
    assert wanted in listed.stdout.split()
    viewed = headwater("exec", "view", wanted[:-2], server=server)
    assert "state:      PAUSED" in viewed.stdout
    assert viewed.stdout.splitlines()[-1].split()[:2] == ["ask", "PAUSED"]
    refused = headwater("exec", "resume", wanted, server=server)
    assert refused.returncode == 2
    assert "Invalid input for `approved`" in refused.stderr
    watching = subprocess.Popen(
        [*COMMAND, "exec", "watch", wanted],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(HEADWATER_SERVER=server),
    )  # fmt: skip
    resumed = headwater("exec", "resume", wanted, "-i", "approved=true", server=server)
    assert resumed.returncode == 0, resumed.stderr
    out, errors = watching.communicate(timeout=20)
    assert watching.returncode == 0
    assert "state:      SUCCESS" in out
    assert "SUCCESS  ask" in errors
    assert headwater("exec", "kill", wanted, server=server).returncode == 5
    other = headwater("flow", "run", "shop", "paused", "--no-wait", "-o", "name", server=server)
    until(server, other.stdout.strip(), "PAUSED")
    assert headwater("exec", "kill", other.stdout.strip(), server=server).returncode == 0
    assert headwater("exec", "watch", other.stdout.strip(), server=server).returncode == 1


def test_logs(server: str) -> None:
    put(server, FLOW.format(id="logging", text="a line"))
    ran = headwater("flow", "run", "shop", "logging", "-o", "name", server=server)
    wanted = ran.stdout.strip()
    for arguments in (["--level", "INFO"], ["--task", "log"], ["--task", "log", "-f"]):
        lines = headwater("exec", "logs", wanted, *arguments, server=server).stdout.splitlines()
        assert [line.split(" ", 1)[1] for line in lines] == ["INFO  log: a line"]


def test_git(server: str) -> None:
    commit = put(server, FLOW.format(id="git", text="Hello"))
    status = headwater("git", "status", server=server)
    assert status.returncode == 0, status.stdout
    assert f"applied:     {commit}" in status.stdout
    synced = headwater("git", "sync", server=server)
    assert (synced.returncode, synced.stdout.splitlines()[0]) == (0, "outcome:  NOOP")
    commits = headwater("git", "commits", "--flow", "shop/git", "-o", "name", server=server)
    assert commits.stdout.strip() == commit


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["flow", "get", "shop", "nothing"], 3),
        (["flow", "run", "shop.nothing"], 3),
        (["flow", "get", "nodots"], 2),
        (["exec", "view", "0notThere"], 3),
        (["exec", "list", "--state", "BAD"], 2),
        (["git", "status", "--source", "other"], 3),
    ],
)
def test_exit_codes(server: str, arguments: list[str], code: int) -> None:
    ended = headwater(*arguments, server=server)
    assert (ended.returncode, ended.stdout) == (code, ""), ended.stderr
    assert ended.stderr.startswith("headwater: ")


def test_no_service(free_port: object) -> None:
    ended = headwater("flow", "list", "--server", f"http://127.0.0.1:{free_port()}")  # type: ignore[operator]
    assert ended.returncode == 1
    assert "is it running?" in ended.stderr


# -- the service itself --------------------------------------------------------------------------


def test_a_port_in_use(server: str, tmp_path: Path) -> None:
    port = server.rpartition(":")[2]
    ended = headwater("dev", "--port", port, "--data", str(tmp_path))
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


def test_a_folder_in_use(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with service(data):
        # The address for other commands is none of this one's settings.
        ended = headwater("dev", "--port", "0", "--data", str(data), server="http://127.0.0.1:1")
    assert ended.returncode == 1
    assert "cannot start" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_as_the_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    ended = headwater("dev", "--port", "0", "--data", str(file))
    assert ended.returncode == 1
    assert f"cannot start: the data directory {file} cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_settings_that_are_wrong(tmp_path: Path) -> None:
    wrong = {"HEADWATER_ENGINE__RETRIES": "many"}
    ended = headwater("server", "--data", str(tmp_path), **wrong)
    assert ended.returncode == 2
    assert "HEADWATER_ENGINE__RETRIES" in ended.stderr


def test_a_signal_lets_work_end(tmp_path: Path) -> None:
    """SIGTERM: who waits is answered, what runs may end, and the exit code is 0 (D10)."""
    data = tmp_path / "data"
    sleeping = (
        "id: sleeping\nnamespace: shop\ntasks:\n"
        "  - {id: sleep, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}\n"
    )
    with service(data) as (address, process):
        put(address, sleeping)
        url = f"{address}/api/v1/main/executions"
        wanted = httpx2.post(f"{url}/shop/sleeping").json()["id"]
        until(address, wanted, "RUNNING")
        with httpx2.stream("GET", f"{url}/{wanted}/follow", timeout=20) as feed:
            process.send_signal(signal.SIGTERM)
            for _ in feed.iter_raw():
                pass  # the feed is ended by the service
        assert process.wait(20) == 0
    with service(data) as (address, process):
        until(address, wanted, "SUCCESS")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_repository_of_ones_own(tmp_path: Path) -> None:
    remote, clone = tmp_path / "flows.git", tmp_path / "clone"

    def git(*arguments: str, folder: Path = tmp_path) -> None:
        subprocess.run(
            ["git", *arguments],
            cwd=folder, env=plain_environment(), check=True, capture_output=True,
        )  # fmt: skip

    git("init", "--bare", "-b", "main", str(remote))
    git("clone", str(remote), str(clone))
    flow = clone / "tenants/main/namespaces/shop/flows/pushed.yaml"
    flow.parent.mkdir(parents=True)
    flow.write_text(FLOW.format(id="pushed", text="Hello"))
    git("checkout", "-B", "main", folder=clone)
    git("add", ".", folder=clone)
    git("commit", "-m", "Add a flow", folder=clone)
    git("push", "origin", "main", folder=clone)
    with service(tmp_path / "data", ["--repo", str(remote)]) as (address, _):
        ran = headwater("flow", "run", "shop.pushed", "-o", "json", server=address)
        assert ran.returncode == 0, ran.stderr
        execution = json.loads(ran.stdout)
        assert (execution["author"], execution["subject"]) == ("Ann", "Add a flow")
        flow.write_text(FLOW.format(id="pushed", text="Bye"))
        git("commit", "-am", "Say bye", folder=clone)
        git("push", "origin", "main", folder=clone)
        synced = headwater("git", "sync", server=address)
        assert synced.stdout.splitlines()[0] == "outcome:  SYNCED"
        ran = headwater("flow", "run", "shop.pushed", "-o", "json", server=address)
        assert json.loads(ran.stdout)["subject"] == "Say bye"


def test_printing() -> None:
    assert seconds("PT1H2M3.504117S") == "1h 2m 3.504s"
    assert seconds("PT0S") == "0.000s"
    assert clean("\x1b[31mred\x07 \u202e") == "\\x1b[31mred\\x07 \\x202e"
    with socket.socket() as free:  # the tests' own promise: sockets to loopback only
        free.bind(("127.0.0.1", 0))
