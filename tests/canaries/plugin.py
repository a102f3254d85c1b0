"""Hunts for the secrets of every test: `scripts/test --canaries`, or `-p tests.canaries.plugin`.

Whatever a test gives a service as a secret is noted: what flows ask for, settings that are secrets,
passwords, keys. Where it ends up is looked through: what the service answered and logged, and at
the end of the session every file that the tests left behind, databases and storage included.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.engine.secrecy import Secrets
from app.flows.encryption import Cipher
from tests.canaries.sightings import Canaries, Sighting, base64_of

_TOKEN = re.compile(rb"hw_[A-Za-z0-9]{8}_[A-Za-z0-9]{32}")
_KEYS = ("encryption.key", "audit.key", "setup-token", "contexts.yaml", "keys.txt", "editor.py")
"""Files whose purpose it is to hold a secret; their rights are tested elsewhere."""
_MOST_ANSWERS = 5_000_000
_UNUSUAL = re.compile(r"(?=.*\d)(?=.*[A-Za-z]).{10,}", re.DOTALL)
"""What can be told from words of a test: long, of letters and figures."""


class Hunt:
    """What is looked for, and what was found."""

    def __init__(self) -> None:
        self.all = Canaries()
        self.test = Canaries()
        self.name = ""
        self.answers: list[bytes] = []
        self._size = 0
        self.found: list[Sighting] = []
        self.forms = 0
        """How many forms of secrets were looked for, by all processes that ran tests."""

    def note(self, value: str, kind: str) -> None:
        """Take a secret of the running test."""
        if _UNUSUAL.match(value) and not value.startswith(("http", "kestra:", "/")):
            for each in (self.all, self.test):
                each.add(f"{kind} of {self.name}", value)

    def begin(self, name: str) -> None:
        self.name, self.test, self.answers, self._size = name, Canaries(), [], 0

    def answer(self, body: bytes) -> None:
        """Take a part of an answer."""
        if self._size < _MOST_ANSWERS:
            self._size += len(body)
            self.answers.append(body)

    def end(self, told: str) -> None:
        """Look through what the test made the service say; `told` is what was logged."""
        self.found += self.test.seen(told, f"the log of {self.name}")
        self.found += self.test.seen(b"".join(self.answers), f"answers in {self.name}")


HUNT = Hunt()


def pytest_configure() -> None:
    """Listen where secrets come in and where answers go out."""
    _listen(Secrets, "add", lambda _, text: HUNT.note(text, "secret"))
    _listen(SecretStr, "__init__", lambda _, text: HUNT.note(str(text), "setting"))
    _listen(Cipher, "__init__", lambda _, key: HUNT.note(base64_of(key.hex()), "key"))
    _listen_to_passwords()
    _listen_to_answers()


def _listen(owner: Any, method: str, hear: Callable[..., None]) -> None:
    before = getattr(owner, method)

    def heard(self: Any, value: Any, *more: Any, **named: Any) -> Any:
        hear(self, value)
        return before(self, value, *more, **named)

    setattr(owner, method, heard)


def _listen_to_passwords() -> None:
    from pwdlib import PasswordHash

    for method in ("hash", "verify"):
        _listen(PasswordHash, method, lambda _, text: HUNT.note(str(text), "password"))


def _listen_to_answers() -> None:
    from starlette.applications import Starlette

    before = Starlette.__call__

    async def called(self: Any, scope: Any, receive: Any, send: Any) -> None:
        async def heard(message: Any) -> None:
            if message["type"] == "http.response.body":
                HUNT.answer(message.get("body", b""))
            await send(message)

        await before(self, scope, receive, heard)

    Starlette.__call__ = called  # type: ignore[method-assign]  # it is put on for this run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Begin a hunt with each test."""
    HUNT.begin(item.nodeid)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    """End it with what was captured."""
    report = yield
    if call.when == "teardown" and item.get_closest_marker("shows_secrets") is None:
        HUNT.end("".join(text for name, text in report.sections if "log" in name or "out" in name))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look through all files that are left; a process among several tells the first one."""
    if len(HUNT.all):
        _look_through_files(session)
    HUNT.forms += len(HUNT.all)
    if HUNT.found:
        session.exitstatus = 1
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["canaries"] = (HUNT.forms, [tuple(each) for each in HUNT.found])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what another process has found."""
    forms, found = getattr(node, "workeroutput", {}).get("canaries", (0, ()))
    HUNT.forms += forms
    HUNT.found += [Sighting(*each) for each in found]


def _look_through_files(session: pytest.Session) -> None:
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is None:
        return
    folder: Path = factory.getbasetemp()
    HUNT.found += HUNT.all.seen_below(folder, _KEYS)
    for file in folder.rglob("*"):
        if file.is_file() and file.suffix in {".db", ".log", ".jsonl"} and not file.is_symlink():
            HUNT.found += [
                Sighting("an API token", str(file), repr(each[:11]))
                for each in set(_TOKEN.findall(file.read_bytes()))
            ]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell what was seen where it must not be."""
    terminalreporter.section("canaries")
    for each in HUNT.found:
        terminalreporter.line(str(each)[:400])
    terminalreporter.line(f"{HUNT.forms} forms of secrets, {len(HUNT.found)} sightings")
