"""A real OpenID Connect provider and a browser without a screen, for tests."""

import contextlib
import html
import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

from scripts.oidc_provider import ProviderError, folder

SCRIPT = Path(__file__).with_suffix(".mjs")
CLIENT_ID, CLIENT_SECRET = "head:water", "a secret/with+signs%"
_START_SECONDS = 30.0
_FIELD = re.compile(r'name="([^"]+)"[^>]*value="([^"]*)"')
_ACTION = re.compile(r'<form[^>]*action="([^"]+)"')


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def modules() -> Path:
    """The folder of the provider; without npm the test is skipped, except in CI."""
    try:
        return folder()
    except ProviderError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@contextlib.contextmanager
def provider(port: int, service: str, **more: str) -> Iterator[str]:
    """Run the provider for a service; yield its issuer."""
    process = subprocess.Popen(
        ["node", str(SCRIPT), str(modules()), str(port), service],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if not os.environ.get("OIDC_DEBUG") else sys.stderr,
        text=True,
        env={**os.environ, **more},
    )
    try:
        assert process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            assert selector.select(_START_SECONDS), "the provider did not start"
            assert "listening" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


class Browser:
    """Follows redirects and fills in the provider's forms, as a person would."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.http = httpx2.Client(timeout=30, follow_redirects=False)
        self.seen: list[str] = []

    def close(self) -> None:
        self.http.close()

    def get(self, url: str) -> httpx2.Response:
        self.seen.append(url)
        return self.http.get(url)

    def begin(self, target: str = "/flows") -> httpx2.Response:
        """Ask the service for a login by the provider."""
        return self.http.get(f"{self.service}/api/v1/login/oidc/company", params={"next": target})

    def at_provider(self, address: str, person: str) -> str:
        """Log in at the provider; return where it sends the browser to."""
        answer = self.get(address)
        for _ in range(10):
            if answer.is_redirect:
                address = urljoin(str(answer.url), answer.headers["location"])
                if address.startswith(self.service):
                    return address
                answer = self.get(address)
            else:
                answer = self._fill(answer, person)
        raise AssertionError(f"no way back: {self.seen}")

    def _fill(self, answer: httpx2.Response, person: str) -> httpx2.Response:
        page = answer.text
        action = _ACTION.search(page)
        assert action, f"{answer.status_code} {page[:2000]}"
        fields = dict(_FIELD.findall(page))
        if 'name="login"' in page:
            fields |= {"login": person, "password": "any"}
        address = urljoin(str(answer.url), html.unescape(action[1]))
        self.seen.append(address)
        return self.http.post(address, data=fields)

    def log_in(self, person: str, target: str = "/flows") -> httpx2.Response:
        """Do all of it; return the service's answer to the way back."""
        begun = self.begin(target)
        assert begun.status_code == 303, begun.text
        return self.get(self.at_provider(begun.headers["location"], person))

    def api(self, path: str, status: int = 200) -> Any:
        answer = self.http.get(f"{self.service}/api/v1/{path}")
        assert answer.status_code == status, answer.text
        return answer.json()

    def cookies(self) -> dict[str, str]:
        return {each.name: each.value or "" for each in self.http.cookies.jar}


def query_of(address: str) -> dict[str, str]:
    return dict(httpx2.QueryParams(urlsplit(address).query))


def until(condition: Any, seconds: float = 30.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.02)
