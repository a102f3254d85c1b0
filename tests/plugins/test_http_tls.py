"""Certificates are checked, against the host that was asked for."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.plugins.http import AddressPolicy, HttpFailure, Resolver
from app.plugins.http.reqwest import ReqwestClient
from app.ports import HttpCall
from tests.plugins.servers import Server, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for `service.test` that signs itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    made = subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=service.test", "-addext", "subjectAltName=DNS:service.test",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", "-", "-out", "-",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(made.stdout)
    return path


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with serving(context) as server:
        yield server


async def _loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def local_client() -> ReqwestClient:
    return ReqwestClient(resolver=Resolver(AddressPolicy(allow_loopback=True), _loopback))


async def status(client: ReqwestClient, call: HttpCall) -> int:
    async with client.send(call) as answer:
        return answer.status


async def test_an_unknown_certificate_is_refused_before_anything_is_sent(secure: Server) -> None:
    client = local_client()
    with pytest.raises(HttpFailure, match="certificate") as caught:
        await status(client, HttpCall("POST", f"https://service.test:{secure.port}/ok"))
    assert not caught.value.sent
    assert caught.value.definite
    assert secure.seen == []
    await client.close()


async def test_any_certificate_if_asked(secure: Server) -> None:
    client = local_client()
    url = f"https://service.test:{secure.port}/ok"
    assert await status(client, HttpCall("GET", url, verify=False)) == 200
    # The pool of the one is not the pool of the other.
    with pytest.raises(HttpFailure):
        await status(client, HttpCall("GET", url))
    await client.close()


async def test_known_certificates_are_trusted_for_their_name_only(
    secure: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = local_client()
    assert await status(client, HttpCall("GET", f"https://service.test:{secure.port}/ok")) == 200
    with pytest.raises(HttpFailure, match="certificate") as caught:
        await status(client, HttpCall("GET", f"https://other.test:{secure.port}/ok"))
    assert not caught.value.sent
    await client.close()


async def test_plain_http_on_the_secure_port_and_the_reverse(
    secure: Server, server: Server
) -> None:
    client = local_client()
    with pytest.raises(HttpFailure):
        await status(client, HttpCall("GET", f"http://service.test:{secure.port}/ok"))
    call = HttpCall("GET", f"https://service.test:{server.port}/ok", read_timeout=1)
    with pytest.raises(HttpFailure) as caught:
        await status(client, call)
    assert caught.value.host == f"service.test:{server.port}"
    await client.close()
