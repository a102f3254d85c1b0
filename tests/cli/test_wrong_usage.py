"""Values that cannot be: named, with the way out, before anything is asked or started."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli.tree import run

Usage = Callable[..., str]


@pytest.fixture
def usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Usage:
    """A function that runs a command, which ends as wrong usage, and returns what it says."""
    monkeypatch.setenv("HEADWATER_SERVER", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def called(*arguments: str) -> str:
        code = run(arguments)
        told = capsys.readouterr()
        assert (code, told.out) == (2, ""), told.err
        return told.err

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
