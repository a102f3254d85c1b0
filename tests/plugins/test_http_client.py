"""The contract of the `HttpClient` port, on a real client and real servers."""

import asyncio
import contextlib
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from app.plugins.http import AddressPolicy, HttpFailure, Limits, Resolver
from app.plugins.http.reqwest import ReqwestClient
from app.ports import HttpCall
from tests.plugins.servers import Server, serving, until


def get(url: str, **properties: object) -> HttpCall:
    return HttpCall("GET", url, **properties)


def post(url: str, body: bytes | AsyncIterator[bytes] = b"x", **properties: object) -> HttpCall:
    return HttpCall("POST", url, body=body, **properties)


async def fetch(client: ReqwestClient, call: HttpCall, limit: int = 1_000_000) -> tuple[int, bytes]:
    async with client.send(call) as answer:
        return answer.status, await answer.read(limit)


async def failure(client: ReqwestClient, call: HttpCall) -> HttpFailure:
    with pytest.raises(HttpFailure) as caught:
        await fetch(client, call)
    return caught.value


async def test_sends_what_it_is_told_and_keeps_the_connection(
    client: ReqwestClient, server: Server
) -> None:
    headers = [("X-One", "1"), ("X-Two", "a"), ("X-Two", "b"), ("User-Agent", "me")]
    for _ in range(3):
        assert await fetch(client, post(server.url("/ok?q=ü"), b"abc", headers=headers)) == (
            200,
            b'{"done":true}',
        )
    seen = server.seen[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/ok?q=%C3%BC", b"abc")
    assert seen.all("x-two") == ["a", "b"]
    assert seen.all("user-agent") == ["me"]
    assert seen.all("content-length") == ["3"]
    assert seen.all("accept-encoding") == []
    assert server.connections == 1


async def test_headers_of_the_answer_keep_their_order(
    client: ReqwestClient, server: Server
) -> None:
    async with client.send(get(server.url())) as answer:
        assert [value for name, value in answer.headers if name == "x-twice"] == ["a", "b"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "PUT", "PURGE"])
async def test_methods(client: ReqwestClient, server: Server, method: str) -> None:
    status, body = await fetch(client, HttpCall(method, server.url()))
    assert status == 200
    assert (body == b"") == (method == "HEAD")
    assert await fetch(client, get(server.url("/ok?status=204"))) == (204, b"")
    assert server.connections == 1


async def test_an_empty_post_says_that_it_is_empty(client: ReqwestClient, server: Server) -> None:
    await fetch(client, HttpCall("POST", server.url()))
    assert server.seen[0].header("content-length") == "0"


async def test_streams_both_ways(client: ReqwestClient, server: Server) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for letter in (b"a", b"b", b"c"):
            yield letter * 100_000

    async with client.send(post(server.url("/big?size=700000"), chunks())) as answer:
        start = await answer.read(1000)
        rest = [piece async for piece in answer.stream()]
    assert len(start) == 1000
    assert sum(map(len, rest)) == 699_000
    assert server.seen[0].body == b"a" * 100_000 + b"b" * 100_000 + b"c" * 100_000


async def test_an_error_of_the_body_we_send_comes_out_as_it_is(
    client: ReqwestClient, server: Server
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise LookupError("no such file")

    with pytest.raises(LookupError, match="no such file"):
        await fetch(client, post(server.url(), broken()))
    assert server.seen == []


# -- no answer -------------------------------------------------------------------------------------


async def test_refused_connection_is_a_definite_failure(client: ReqwestClient) -> None:
    found = await failure(client, post("http://127.0.0.1:1/x"))
    assert found.reason == "connection to 127.0.0.1:1 refused"
    assert (found.host, found.sent, found.definite) == ("127.0.0.1:1", False, True)


async def test_unknown_name_is_a_definite_failure(client: ReqwestClient) -> None:
    found = await failure(client, post("http://no-such-host.invalid/x"))
    assert "no-such-host.invalid cannot be resolved" in found.reason
    assert not found.sent


async def test_unanswered_connection_is_a_definite_failure(client: ReqwestClient) -> None:
    with socket.socket() as full:  # a queue of one connection, and nobody accepts
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(address)
            call = post(f"http://127.0.0.1:{address[1]}/x", connect_timeout=0.2)
            found = await failure(client, call)
    assert "not made within 0.2 s" in found.reason
    assert not found.sent


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("how", ["reset", "closed", "garbage"])
async def test_broken_connection_is_unknown_and_never_sent_twice(
    client: ReqwestClient, server: Server, method: str, how: str
) -> None:
    await fetch(client, HttpCall(method, server.url("/ok")))  # a connection is open already
    found = await failure(client, HttpCall(method, server.url(f"/{how}"), body=b"x"))
    assert found.sent
    assert not found.definite
    assert f"127.0.0.1:{server.port}" in found.reason
    assert len(server.seen) == 2


@pytest.mark.parametrize("how", ["short", "cut", "halfzip"])
async def test_body_that_breaks_off_is_unknown(
    client: ReqwestClient, server: Server, how: str
) -> None:
    found = await failure(client, get(server.url(f"/{how}")))
    assert found.sent
    assert not found.definite


async def test_silence_ends_after_the_read_timeout(client: ReqwestClient, server: Server) -> None:
    began = time.monotonic()
    found = await failure(client, post(server.url("/hang"), read_timeout=0.2))
    assert time.monotonic() - began < 5
    assert "did not give an answer in time" in found.reason
    assert found.sent
    assert not found.definite


async def test_one_byte_at_a_time_ends_after_the_total_timeout(
    client: ReqwestClient, server: Server
) -> None:
    began = time.monotonic()
    found = await failure(client, get(server.url("/slow"), read_timeout=1, total_timeout=0.5))
    assert time.monotonic() - began < 5
    assert "its whole answer in time" in found.reason
    assert found.sent


async def test_cancelling_frees_the_place_and_the_connection(server: Server) -> None:
    client = ReqwestClient(AddressPolicy(allow_loopback=True), per_host=1)
    call = asyncio.ensure_future(fetch(client, get(server.url("/hang"))))
    await until(lambda: len(server.seen) == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await fetch(client, get(server.url())) == (200, b'{"done":true}')
    await client.close()


@pytest.mark.parametrize(
    "header", [("X-A", "a\r\nX-B: b"), ("X A", "a"), ("", "a"), ("X-A", "a\0b")]
)
async def test_headers_that_are_none_are_refused(
    client: ReqwestClient, server: Server, header: tuple[str, str]
) -> None:
    found = await failure(client, get(server.url(), headers=[header]))
    assert not found.sent
    assert server.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://127.0.0.1/",
        "unix:/run/docker.sock",
        "http://a@b@127.0.0.1/",
        "http://127.0.0.1/\r\nX-Evil: 1",
        "http:\\\\127.0.0.1/",
        "//127.0.0.1/",
        "127.0.0.1/x",
        "http://",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "",
        " ",
    ],
)
async def test_urls_that_are_none_are_refused(client: ReqwestClient, url: str) -> None:
    found = await failure(client, get(url))
    assert "cannot be called" in found.reason
    assert found.definite


async def test_a_password_in_the_url_becomes_a_header(
    client: ReqwestClient, server: Server
) -> None:
    await fetch(client, get(f"http://me:p%40ss@127.0.0.1:{server.port}/ok"))
    assert server.seen[0].header("authorization") == "Basic bWU6cEBzcw=="
    found = await failure(client, get("http://me:secret@x@127.0.0.1/"))
    assert "secret" not in found.reason


# -- large and packed bodies -----------------------------------------------------------------------


async def test_an_endless_body_is_read_no_further_than_asked(
    client: ReqwestClient, server: Server
) -> None:
    async with client.send(get(server.url("/endless"))) as answer:
        assert len(await answer.read(100_000)) == 100_000
    await until(lambda: server.open == 0)
    assert server.sent_bytes < 64 * 1024 * 1024


async def test_a_body_above_the_limit_fails(server: Server) -> None:
    limits = Limits(body_bytes=1_000_000)
    client = ReqwestClient(AddressPolicy(allow_loopback=True), limits=limits)
    for path in ("/endless", "/bomb"):
        with pytest.raises(HttpFailure, match="more than 1000000 bytes") as caught:
            await fetch(client, get(server.url(path)), limit=10_000_000)
        assert caught.value.definite
    await client.close()


async def test_a_bomb_is_unpacked_no_further_than_asked(
    client: ReqwestClient, server: Server
) -> None:
    async with client.send(get(server.url("/bomb"))) as answer:
        tracemalloc.start()
        assert await answer.read(1_000_000) == b"\0" * 1_000_000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8_000_000


async def test_several_gzip_members_are_one_body(client: ReqwestClient, server: Server) -> None:
    assert await fetch(client, get(server.url("/zipped"))) == (200, b"hello world")


# -- redirects -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (302, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (302, "HEAD", "HEAD"),
    ],
)
async def test_redirects_keep_or_change_the_method(
    client: ReqwestClient, server: Server, status: int, method: str, becomes: str
) -> None:
    body = None if method == "HEAD" else b"x"
    headers = [("Content-Type", "text/plain"), ("X-Keep", "1"), ("Authorization", "secret")]
    call = HttpCall(method, server.url(f"/redirect?{status}&ok"), body=body, headers=headers)
    assert (await fetch(client, call))[0] == 200
    second = server.seen[1]
    assert second.method == becomes
    assert second.body == (b"x" if becomes == method and body else b"")
    assert bool(second.header("content-type")) == (becomes == method)
    assert second.header("x-keep") == "1"
    assert second.header("authorization") == "secret"


async def test_redirects_are_not_followed_unless_asked(
    client: ReqwestClient, server: Server
) -> None:
    call = get(server.url("/redirect?302&/ok"), follow_redirects=False)
    assert (await fetch(client, call))[0] == 302
    assert len(server.seen) == 1


async def test_credentials_stay_at_home(client: ReqwestClient, server: Server) -> None:
    async with serving() as other:
        headers = [("Authorization", "a"), ("cookie", "b"), ("Idempotency-Key", "k")]
        await fetch(client, get(server.url(f"/redirect?307&{other.url()}"), headers=headers))
        assert other.seen[0].header("authorization") is None
        assert other.seen[0].header("cookie") is None
        assert other.seen[0].header("idempotency-key") == "k"


async def test_redirect_loops_end(client: ReqwestClient, server: Server) -> None:
    found = await failure(client, get(server.url("/loop")))
    assert "after 10 redirects" in found.reason
    assert found.definite
    assert len(server.seen) == 11


async def test_a_streamed_body_is_not_sent_again(client: ReqwestClient, server: Server) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    found = await failure(client, post(server.url("/redirect?307&/ok"), chunks()))
    assert "cannot be sent again" in found.reason
    assert found.definite


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest", "file:///etc/passwd", "http://[fe80::1]/"]
)
async def test_a_redirect_into_the_forbidden_is_refused(
    client: ReqwestClient, server: Server, location: str
) -> None:
    found = await failure(client, get(server.url(f"/redirect?302&{location}")))
    assert "must not be called" in found.reason or "cannot be called" in found.reason
    assert found.sent
    assert found.definite


async def test_a_failure_after_a_redirect_is_unknown(client: ReqwestClient, server: Server) -> None:
    found = await failure(client, post(server.url("/redirect?303&http://127.0.0.1:1/")))
    assert found.sent
    assert not found.definite


# -- hosts -----------------------------------------------------------------------------------------


async def test_names_are_resolved_once_and_the_checked_address_is_called(server: Server) -> None:
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    resolver = Resolver(AddressPolicy(allow_loopback=True), lookup)
    client = ReqwestClient(resolver=resolver)
    url = f"http://inventory.test:{server.port}/ok"
    for _ in range(2):
        assert (await fetch(client, get(url)))[0] == 200
    assert asked == ["inventory.test"]
    assert server.seen[0].header("host") == f"inventory.test:{server.port}"
    assert server.connections == 1
    await client.close()


async def test_the_next_address_is_tried_when_one_refuses(server: Server) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the server listens on the second only

    client = ReqwestClient(resolver=Resolver(AddressPolicy(allow_loopback=True), lookup))
    assert (await fetch(client, get(f"http://a.test:{server.port}/ok")))[0] == 200
    await client.close()


async def test_loopback_is_refused_by_default(server: Server) -> None:
    client = ReqwestClient()
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"):
        found = await failure(client, get(f"http://{host}:{server.port}/ok"))
        assert "must not be called: it is this machine itself" in found.reason
        assert found.definite
    assert server.connections == 0
    await client.close()


async def test_a_host_gets_a_limited_number_of_calls_at_once(server: Server) -> None:
    client = ReqwestClient(AddressPolicy(allow_loopback=True), per_host=4)
    calls = [asyncio.ensure_future(fetch(client, get(server.url("/hang")))) for _ in range(12)]
    await until(lambda: server.answering == 4)
    with pytest.raises(HttpFailure, match="the limit of one host") as caught:
        await fetch(client, get(server.url(), total_timeout=0.05))
    assert not caught.value.sent
    server.go.set()
    assert {status for status, _ in await asyncio.gather(*calls)} == {200}
    assert server.most_answering == 4
    await client.close()


# -- proxies and certificates ----------------------------------------------------------------------


async def test_proxies(
    client: ReqwestClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"http://me:pw@127.0.0.1:{server.port}"
    await fetch(client, get("http://service.invalid/ok", proxy=proxy))
    assert server.seen[0].target == "http://service.invalid/ok"
    assert server.seen[0].header("proxy-authorization") == "Basic bWU6cHc="
    found = await failure(client, get("http://169.254.169.254/ok", proxy=proxy))
    assert "must not be called" in found.reason


async def test_the_environment_has_no_say(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    client = ReqwestClient(AddressPolicy(allow_loopback=True))
    assert (await fetch(client, get(server.url())))[0] == 200
    await client.close()
