"""What commands send to a service, and what they make of answers; without a service."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from app.cli.contexts import chosen
from app.cli.tree import run

NOBODY = "http://127.0.0.1:9"
SECRET = "hw_5ecret"


class Told(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Call = Callable[..., Told]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """A function that runs a command here, with these variables."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def called(*arguments: str, **variables: str) -> Told:
        chosen.cache_clear()
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            code = run(arguments)
        return Told(code, *capsys.readouterr())

    return called


@pytest.mark.parametrize("end", ["\r\nx", "é", "\x1b", " x"])
def test_a_token_that_cannot_be_one(call: Call, end: str) -> None:
    done = call("whoami", "--server", NOBODY, HEADWATER_TOKEN=SECRET + end)
    assert (done.code, done.out) == (2, "")
    assert "the token of HEADWATER_TOKEN (or --token) holds characters" in done.err
    assert "5ecret" not in done.err


def test_a_token_with_space_around_it(call: Call) -> None:
    done = call("whoami", "--server", NOBODY, HEADWATER_TOKEN=f"{SECRET}\r\n")
    assert done.code == 1
    assert "is it running?" in done.err
    assert "5ecret" not in done.err


def test_a_token_of_a_context(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "config/headwater/contexts.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f'current: a\ncontexts: {{a: {{server: "{NOBODY}", token: "{SECRET} x"}}}}')
    file.chmod(0o600)
    done = call("whoami")
    assert done.code == 2
    assert f"the token in {file} holds characters" in done.err
    assert "5ecret" not in done.err


@pytest.mark.parametrize("address", ["nonsense", "ftp://x", "http://", "http://[x", "host:8080"])
def test_an_address_that_is_none(call: Call, address: str) -> None:
    for command in (["whoami"], ["doctor"]):
        done = call(*command, "--server", address)
        assert (done.code, done.out) == (2, "")
        assert f"{address!r} is no address of a service" in done.err
