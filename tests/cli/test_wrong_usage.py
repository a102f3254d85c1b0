"""Values that cannot be: named, with the way out, before anything is asked or started."""

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli.tree import run
from tests.serving import COMMAND, environment

Usage = Callable[..., str]
FLOW = """
id: flow
namespace: demo
inputs:
  - {id: n, type: INT, required: false}
  - {id: f, type: FILE, required: false}
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: Hello}
"""


@pytest.fixture
def usage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Usage:
    """A function that runs a command, which ends as wrong usage, and returns what it says."""
    monkeypatch.setenv("HEADWATER_SERVER", "http://127.0.0.1:9")

    def called(*arguments: str) -> str:
        code = run(arguments)
        told = capsys.readouterr()
        assert (code, told.out) == (2, ""), told.err
        return " ".join(told.err.replace("│", " ").split())  # in lines of any width

    return called


@pytest.mark.parametrize("value", ["-5", "0", "1001", "2.7", "1e3", "", "x", "9" * 5_000])
@pytest.mark.parametrize(
    "command",
    [
        ["flow", "list"],
        ["execution", "list"],
        ["audit"],
        ["git", "commits"],
        ["git", "changesets"],
        ["git", "deliveries"],
    ],
)
def test_counts(usage: Usage, command: list[str], value: str) -> None:
    told = usage(*command, "--limit", value)
    assert f"--limit: '{value}'"[:30] in told
    assert "is no whole number from 1 to 1000" in told


@pytest.mark.parametrize(
    ("command", "range_"),
    [
        (["login", "--days", "-5"], "1 to 365"),
        (["dev", "--port", "-5"], "0 to 65535"),
        (["server", "--port", "65536"], "0 to 65535"),
        (["flow", "limit", "a", "b", "--to", "0"], "1 to 2147483647"),
        (["flow", "get", "a", "b", "--revision", "0"], "1 to 2147483647"),
        (["flow", "pin", "a", "b", "--revision", "-5"], "1 to 2147483647"),
        (["flow", "blame", "a", "b", "--revision", "-5"], "1 to 2147483647"),
        (["flow", "graph", "a", "b", "--revision", "-5"], "1 to 2147483647"),
        (["flow", "restore", "a", "b", "--revision", "-5"], "1 to 2147483647"),
        (["flow", "redact", "a", "b", "-y", "--revision", "-5"], "1 to 2147483647"),
        (["git", "pulls", "0"], "1 to 2147483647"),
    ],
)
def test_numbers_out_of_range(usage: Usage, command: list[str], range_: str) -> None:
    assert f"'{command[-1]}' is no whole number from {range_}" in usage(*command)


@pytest.mark.parametrize("option", ["--tenant", "-t", "--server", "--context", "--token"])
def test_what_is_given_empty(usage: Usage, option: str) -> None:
    told = usage("flow", "list", option, "")
    assert f"{option}: it is empty; leave it out for what it is by default" in told


def test_variables_that_are_empty(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("TENANT", "CONTEXT", "TOKEN"):
        monkeypatch.setenv(f"HEADWATER_{name}", "")
    assert run(["flow", "list", "--server", "http://127.0.0.1:9"]) == 1
    assert "is it running?" in capsys.readouterr().err


@pytest.mark.parametrize("tenant", ["..", "a/b", "Ä", "A", "flows", "x" * 64])
@pytest.mark.parametrize(
    "command",
    [
        ["flow", "list"],
        ["login", "-u", "ann", "--password-stdin"],
        ["context", "add", "here", "http://127.0.0.1:9"],
        ["check", "--layout", "kestra"],
        ["secret", "check"],
        ["secret", "list"],
    ],
)
def test_tenants(usage: Usage, command: list[str], tenant: str) -> None:
    assert f"{tenant!r} is no tenant name" in usage(*command, "-t", tenant)


def test_secrets_below_a_root_that_is_nowhere(usage: Usage, tmp_path: Path) -> None:
    (tmp_path / "tenants").mkdir()
    told = usage("secret", "check", "--repo", str(tmp_path), "--root", "nope")
    assert "--root: there is no folder nope in the repository" in told


@pytest.mark.parametrize("key", ["", "..", "a b", "a/b", "ü", "k" * 256])
def test_keys(usage: Usage, key: str) -> None:
    assert f"{key!r:.100} is no key: it begins with a letter" in usage("kv", "set", "a", key, "1")


@pytest.mark.parametrize("ttl", ["", "ü", "PT1S\r\nx: y"])
def test_durations_of_keys(usage: Usage, ttl: str) -> None:
    assert f"--ttl {ttl!r} is no duration" in usage("kv", "set", "a", "key", "1", "--ttl", ttl)


@pytest.mark.parametrize("command", [["flow", "run", "a", "b"], ["run", "FLOW"]])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("f=@~nobody-of-this-name/x", "cannot read ~nobody-of-this-name/x: Could not determine"),
        ("f=@", "cannot read @: Is a directory"),
        ("f=@/nope", "cannot read /nope: No such file or directory"),
    ],
)
def test_files_of_inputs(
    usage: Usage, tmp_path: Path, command: list[str], given: str, told: str
) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text(FLOW)
    words = [str(flow) if each == "FLOW" else each for each in command]
    assert f"input f: {told}" in usage(*words, "-i", given)


def test_a_value_of_an_input_here(usage: Usage, tmp_path: Path) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text(FLOW)
    assert "Expected `INT` but received `x`" in usage("run", str(flow), "-i", "n=x")


@pytest.mark.parametrize("command", ["check", "test"])
def test_paths_that_are_too_long(usage: Usage, command: str) -> None:
    path = "a" * 300
    assert f"headwater: {path}: File name too long" in usage(command, path)


@pytest.mark.parametrize("command", ["openapi", "version"])
def test_output_to_a_full_disk(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, command],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env=environment(PYTHONUNBUFFERED=""),
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (1, "headwater: No space left on device\n")


@pytest.mark.parametrize("command", ["login --password-stdin -u ann", "secret set X --file a"])
def test_input_that_is_closed(tmp_path: Path, command: str) -> None:
    ended = shell(f"headwater {command} <&-", tmp_path)
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 2


def test_errors_are_no_data_when_their_stream_is_closed(tmp_path: Path) -> None:
    ended = shell("headwater flow list -t ü 2>&-", tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    ended = shell("headwater openapi | head -c 1; echo ${PIPESTATUS[0]}", tmp_path)
    assert (ended.stdout, ended.stderr) == ("{0\n", "")


@pytest.mark.parametrize("command", ["openapi", "version"])
def test_a_reader_that_is_gone(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as gone:  # noqa: PTH123 - no path has it
        ended = subprocess.run(
            [*COMMAND, command],
            stdout=gone, stderr=subprocess.PIPE, text=True, check=False,
            env=environment(PYTHONUNBUFFERED=""),
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_logging_out_of_nothing(usage: Usage) -> None:
    assert "you are not logged in: no context is in use" in usage("logout")


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `headwater` is this one."""
    line = line.replace("headwater", shlex.join(COMMAND), 1)
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True, text=True, check=False, cwd=folder, env=environment(),
    )  # fmt: skip
