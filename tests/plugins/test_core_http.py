"""`core.http.Request` against real servers: every property, and every way to fail."""

import base64
import tracemalloc
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import pytest

from app.config.sections import HttpSettings
from app.plugins.api import TaskFailed
from app.plugins.core import Request
from app.plugins.http import AddressPolicy, Limits, http_client
from app.plugins.http.reqwest import ReqwestClient
from tests.plugins.contexts import Context
from tests.plugins.servers import Seen, Server

OK = '{"done":true}'


@pytest.fixture
async def context(client: ReqwestClient) -> Context:
    return Context(client)


def task(uri: str, **properties: Any) -> Request:
    kind = "io.kestra.plugin.core.http.Request"
    return Request.model_validate({"id": "call", "type": kind, "uri": uri, **properties})


async def seen(context: Context, server: Server, path: str = "/ok", **properties: Any) -> Seen:
    """Make the call and return what the server saw last."""
    await task(server.url(path), **properties).run(context)
    return server.seen[-1]


async def failed(context: Context, uri: str, **properties: Any) -> TaskFailed:
    with pytest.raises(TaskFailed) as caught:
        await task(uri, **properties).run(context)
    return caught.value


# -- the answer ------------------------------------------------------------------------------------


async def test_outputs_and_metric(context: Context, server: Server) -> None:
    outputs = await task(server.url(" /ok?q=1 ".strip())).run(context)
    assert outputs["uri"] == server.url("/ok?q=1")
    assert outputs["code"] == 200
    assert outputs["body"] == OK
    assert outputs["headers"]["content-type"] == ["application/json"]
    assert outputs["headers"]["x-twice"] == ["a", "b"]
    assert context.metrics == [
        ("response.length", len(OK), "counter", {"method": "GET", "code": "200"})
    ]


async def test_text_is_decoded_by_its_charset(context: Context, server: Server) -> None:
    assert (await task(server.url("/latin")).run(context))["body"] == "grün"


async def test_head_and_no_content(context: Context, server: Server) -> None:
    assert (await task(server.url(), method="HEAD").run(context))["body"] == ""
    assert (await task(server.url("/ok?status=204")).run(context))["code"] == 204


async def test_a_large_body_goes_to_a_file_in_bounded_memory(
    context: Context, server: Server
) -> None:
    size = 0

    class Counting(Context):
        async def put_file(self, name: str, chunks: AsyncIterator[bytes]) -> str:
            nonlocal size
            async for chunk in chunks:
                size += len(chunk)
            return "kestra:///counted"

    tracemalloc.start()
    outputs = await task(server.url("/big?size=60000000")).run(Counting(context.http))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 60_000_000
    assert outputs["bodyUri"] == "kestra:///counted"
    assert "body" not in outputs
    assert peak < 40_000_000


async def test_the_file_of_a_large_body_holds_it(context: Context, server: Server) -> None:
    outputs = await task(server.url("/big?size=12000000")).run(context)
    assert await context.storage.size(outputs["bodyUri"]) == 12_000_000
    assert context.metrics[0][1] == 12_000_000


async def test_how_much_is_kept_inline_is_a_setting(server: Server) -> None:
    client = http_client(HttpSettings(allow_loopback=True, max_inline_bytes=12))
    context = Context(client)
    assert "bodyUri" in await task(server.url()).run(context)
    assert (await task(server.url("/zipped")).run(context))["body"] == "hello world"
    await client.close()


async def test_max_content_length(context: Context, server: Server) -> None:
    options = {"maxContentLength": 1000}
    found = await failed(context, server.url("/big?size=2000"), options=options)
    assert "longer than maxContentLength, 1000 bytes" in found.message
    assert found.outputs["code"] == 200
    assert found.definite
    options = {"maxContentLength": 11_000_000}
    found = await failed(context, server.url("/big?size=60000000"), options=options)
    assert found.definite
    await task(server.url("/big?size=1000"), options={"maxContentLength": 1000}).run(context)


# -- what is sent ----------------------------------------------------------------------------------


async def test_the_identity_goes_with_every_call(context: Context, server: Server) -> None:
    request = await seen(context, server)
    assert request.header("idempotency-key") == "e1.r1.2"
    assert request.header("x-flow-execution") == "e1"
    request = await seen(context, server, headers={"idempotency-key": "mine"})
    assert request.all("idempotency-key") == ["mine"]


async def test_headers(context: Context, server: Server) -> None:
    headers = {
        "X-Text": "a",
        "X-Number": 1,
        "X-List": ["a", "b"],
        "X-Null": None,
        "Content-Length": "99",
        "Transfer-Encoding": "chunked",
    }
    request = await seen(context, server, method="post", body="abc", headers=headers)
    assert request.method == "POST"
    assert request.all("x-text") == ["a"]
    assert request.all("x-number") == ["1"]
    assert request.all("x-list") == ["a", "b"]
    assert request.all("x-null") == []
    assert request.body == b"abc"


async def test_body_and_content_type(context: Context, server: Server) -> None:
    request = await seen(context, server, method="POST", body='{"a":"ü"}')
    assert request.body == '{"a":"ü"}'.encode()
    assert request.header("content-type") == "application/json"
    request = await seen(context, server, method="PUT", body="a: 1", contentType="text/yaml")
    assert request.all("content-type") == ["text/yaml"]
    headers = {"content-type": "text/xml"}
    request = await seen(context, server, method="PUT", body="<a/>", headers=headers)
    assert request.all("content-type") == ["text/xml"]
    options = {"defaultCharset": "ISO-8859-1"}
    request = await seen(context, server, method="POST", body="ü", options=options)
    assert request.body == b"\xfc"
    found = await failed(context, server.url(), body="€", options=options)
    assert "cannot be encoded as ISO-8859-1" in found.message


async def test_url_encoded_form(context: Context, server: Server) -> None:
    form = {"a": "1 & 2", "b": ["x", "y"], "c": True}
    request = await seen(context, server, method="POST", formData=form)
    assert request.header("content-type") == "application/x-www-form-urlencoded"
    assert parse_qsl(request.body.decode()) == [
        ("a", "1 & 2"), ("b", "x"), ("b", "y"), ("c", "true"),
    ]  # fmt: skip


@pytest.mark.parametrize("where", ["contentType", "headers"])
async def test_multipart_form(context: Context, server: Server, where: str) -> None:
    kind = "multipart/form-data"
    more = {"contentType": kind} if where == "contentType" else {"headers": {"Content-Type": kind}}
    request = await seen(context, server, method="POST", formData={"orderId": "myorder"}, **more)
    (sent,) = request.all("content-type")
    boundary = sent.partition("boundary=")[2]
    assert (
        request.body
        == (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="orderId"\r\n\r\n'
            "myorder\r\n"
            f"--{boundary}--\r\n"
        ).encode()
    )


async def test_files_of_the_execution_only(context: Context, server: Server) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"of a file"

    uri = await context.put_file("in.txt", content())
    form = {"file": uri, "named": {"name": "n.bin", "content": uri}}
    kind = "multipart/form-data"
    request = await seen(context, server, method="POST", contentType=kind, formData=form)
    assert request.body.count(b"of a file") == 2
    assert b'filename="in.txt"' in request.body
    assert b'filename="n.bin"' in request.body
    foreign = {"file": "kestra:///company/team/flow/executions/other/x"}
    found = await failed(context, server.url(), method="POST", contentType=kind, formData=foreign)
    assert "belongs to another execution" in found.message
    assert len(server.seen) == 1


async def test_params(context: Context, server: Server) -> None:
    params = {"a": "ü&", "b": ["1", "2"], "c": None}
    request = await seen(context, server, "/ok?x=0#part", params=params)
    assert request.target == "/ok?x=0&a=%C3%BC%26&b=1&b=2"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"basicAuthUser": "me", "basicAuthPassword": "pw"}, "Basic bWU6cHc="),
        ({"auth": {"type": "BASIC", "username": "me", "password": "pw"}}, "Basic bWU6cHc="),
        ({"auth": {"type": "BEARER", "token": "abc"}}, "Bearer abc"),
        ({}, None),
    ],
)
async def test_credentials(
    context: Context, server: Server, options: dict[str, Any], expected: str | None
) -> None:
    request = await seen(context, server, options=options)
    assert request.header("authorization") == expected
    own = {"Authorization": "mine"}
    request = await seen(context, server, options=options, headers=own)
    assert request.all("authorization") == ["mine"]


async def test_proxies(context: Context, server: Server) -> None:
    for options in (
        {"proxy": {"type": "HTTP", "address": "127.0.0.1", "port": server.port, "username": "a@b"}},
        {"proxyAddress": "127.0.0.1", "proxyPort": server.port, "proxyUsername": "a@b"},
    ):
        await task("http://nowhere.invalid/ok", options=options).run(context)
        credentials = base64.b64encode(b"a@b:").decode()
        assert server.seen[-1].header("proxy-authorization") == f"Basic {credentials}"
        assert server.seen[-1].target == "http://nowhere.invalid/ok"
    direct = {"proxy": {"type": "DIRECT", "address": "127.0.0.1", "port": 1}}
    await task(server.url(), options=direct).run(context)
    socks = {"proxyType": "SOCKS", "proxyAddress": "127.0.0.1", "proxyPort": 1}
    found = await failed(context, server.url(), options=socks)
    assert "SOCKS proxies are not supported" in found.message


async def test_redirects(context: Context, server: Server) -> None:
    path = "/redirect?302&/ok"
    assert (await task(server.url(path)).run(context))["code"] == 200
    options = {"followRedirects": False}
    assert (await task(server.url(path), options=options).run(context))["code"] == 302


# -- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 417, 500, 503])
async def test_a_status_above_399_fails_for_certain(
    context: Context, server: Server, status: int
) -> None:
    uri = server.url(f"/ok?status={status}")
    found = await failed(context, uri, method="POST")
    phrase = HTTPStatus(status).phrase
    assert found.message == f"POST {uri} answered {status} {phrase}: {OK}"
    assert found.definite
    assert found.outputs["code"] == status
    assert found.outputs["body"] == OK
    for accepting in (
        {"allowFailed": True},
        {"options": {"allowFailed": True}},
        {"options": {"allowedResponseCodes": [status]}},
    ):
        assert (await task(uri, **accepting).run(context))["code"] == status
    await failed(context, uri, options={"allowedResponseCodes": [499]})


async def test_an_unreachable_host_is_named_with_the_reason(context: Context) -> None:
    found = await failed(context, "http://127.0.0.1:1/x")
    assert found.message == "http://127.0.0.1:1/x: connection to 127.0.0.1:1 refused"
    assert found.definite


@pytest.mark.parametrize("how", ["reset", "closed", "garbage", "short", "cut"])
async def test_broken_answers_leave_the_outcome_unknown(
    context: Context, server: Server, how: str
) -> None:
    found = await failed(context, server.url(f"/{how}"), method="POST", body="x")
    assert not found.definite
    assert f"127.0.0.1:{server.port}" in found.message


async def test_a_refusing_status_is_definite_even_if_its_body_breaks_off(
    context: Context, server: Server
) -> None:
    found = await failed(context, server.url("/broken500"))
    assert found.definite
    assert found.outputs["code"] == 500


@pytest.mark.parametrize(
    "options",
    [
        {"readTimeout": "PT0.2S"},
        {"readIdleTimeout": "PT0.2S"},
        {"timeout": {"readIdleTimeout": "PT0.2S"}},
    ],
)
async def test_silence_leaves_the_outcome_unknown(
    context: Context, server: Server, options: dict[str, Any]
) -> None:
    found = await failed(context, server.url("/hang"), options=options)
    assert "0.2 s without a byte" in found.message
    assert not found.definite


async def test_slowness_ends_with_the_total_limit(server: Server) -> None:
    client = ReqwestClient(AddressPolicy(allow_loopback=True), limits=Limits(total=0.3))
    options = {"timeout": {"readIdleTimeout": "PT0.1S", "connectTimeout": "PT0.1S"}}
    found = await failed(Context(client), server.url("/slow"), options=options)
    assert "0.3 s in all" in found.message
    assert not found.definite
    await client.close()


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"method": "GE T"}, "'GE T' is no HTTP method"),
        ({"method": "GET\r\nX: y"}, "is no HTTP method"),
        ({"headers": {"X\r\nY": "z"}}, "cannot be sent"),
        ({"headers": {"X": "a\r\nY: z"}}, "cannot be sent"),
        ({"encryptBody": True}, "no encryption key"),
        ({"uri": "file:///etc/passwd"}, "only http and https"),
        ({"uri": "http://169.254.169.254/latest/meta-data"}, "must not be called"),
    ],
)
async def test_what_cannot_be_sent(
    context: Context, server: Server, properties: dict[str, Any], message: str
) -> None:
    found = await failed(context, **{"uri": server.url(), **properties})
    assert message in found.message
    assert found.definite
    assert server.seen == []
