"""What commands send to a service, and what they make of answers; without a service."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.cli.addresses import path_of
from app.cli.admin_names import user
from app.cli.client import Client, Query
from app.cli.doctor_service import look
from app.cli.options import Options
from app.cli.outcome import CommandError
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
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """A function that runs a command here, with these variables."""

    def called(*arguments: str, **variables: str) -> Told:
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


class LoginPage(BaseHTTPRequestHandler):
    """What a proxy answers to all who have not logged in at it."""

    def answer(self) -> None:
        """Send a page, or the way to one."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if "audit" in self.path:
            self.refuse()
            return
        self.send_response(302 if "flows" in self.path else 200)
        self.send_header("content-type", "text/html" if "kv" in self.path else "text/plain")
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"page")

    def refuse(self) -> None:
        """Answer as Headwater does to a call without a token."""
        body = '{"detail": "log in, or send a token: Authorization: Bearer hw_…"}'.encode()
        self.send_response(401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - names of the standard library

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), LoginPage) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "command",
    [
        ["whoami"],
        ["flow", "list"],
        ["flow", "get", "a", "b", "--source"],
        ["flow", "run", "a", "b"],
        ["kv", "set", "a", "key", "1"],
        ["kv", "delete", "a", "key"],
        ["exec", "list"],
        ["git", "sync"],
    ],
)
def test_an_answer_of_something_else(call: Call, page: str, command: list[str]) -> None:
    done = call(*command, "--server", page)
    assert (done.code, done.out) == (1, "")
    assert f"{page} does not answer as Headwater does" in done.err


def test_the_way_to_log_in(call: Call, page: str) -> None:
    done = call("audit", "--server", page)
    assert done.code == 4
    assert "`headwater login`" in done.err


def test_doctor_knows_something_else(page: str) -> None:
    found = [(each.level, each.check, each.message) for each in look(page)]
    assert found == [("broken", "service", f"{page} does not answer as Headwater does")]


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (["kv", "delete", "a", ".."], "main/namespaces/a/kv/.."),
        (["kv", "get", "a", ""], "main/namespaces/a/kv/''"),
        (["flow", "get", "a", "."], "main/flows/a/."),
        (["flow", "run", "a/"], "main/executions/a/''"),
        (["ns", "status", ".."], "main/namespaces/../status"),
        (["git", "sync", "--source", ""], "sources/''/sync"),
        (["git", "remove", "..", "-y"], "sources/.."),
        (["git", "approve", ""], "sync-runs/''/approve"),
        (["git", "deliveries", "replay", ".."], "hooks/deliveries/../replay"),
        (["admin", "token", "revoke", ".."], "me/api-tokens/.."),
        (["admin", "binding", "delete", "", "--instance"], "instance/bindings/''"),
    ],
)
def test_a_name_that_leads_elsewhere(call: Call, command: list[str], place: str) -> None:
    done = call(*command, "--server", NOBODY)
    assert (done.code, done.out) == (2, "")
    assert f"names nothing, in {place}: give a name or an id" in done.err


@pytest.mark.parametrize("command", ["view", "kill", "delete", "restart", "watch"])
def test_an_execution_of_no_id(call: Call, command: str) -> None:
    done = call("exec", command, "", "--server", NOBODY)
    assert (done.code, done.out) == (2, "")
    assert "'' names no execution: give its id, or how it begins" in done.err


def test_names_are_one_part_of_an_address() -> None:
    assert path_of("sources", "../me?x#y") == "/api/v1/sources/..%2Fme%3Fx%23y"


class OneUser(Client):
    """A service with one user, who has no e-mail address."""

    def get(self, path: str, query: Query | None = None) -> Any:
        """Return the user, whatever is asked."""
        del path, query
        return {"results": [{"id": "1", "username": "ann", "email": None}]}


def test_a_user_of_no_name() -> None:
    with OneUser(Options(address=NOBODY)) as client:
        assert user(client, "ann")["id"] == "1"
        with pytest.raises(CommandError, match="'' names no user: give its id or"):
            user(client, "")
