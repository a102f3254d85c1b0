"""`core.http.Download`, `core.http.SseRequest` and encrypted bodies, against real servers."""

import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from app.flows.encryption import Cipher
from app.plugins.api import Runnable, TaskFailed
from app.plugins.core.http import Request
from app.plugins.core.http_download import Download, safe_file_name
from app.plugins.core.http_sse import SseRequest, events
from app.plugins.core.json_path import steps_of, values_at
from app.plugins.http.reqwest import ReqwestClient
from tests.plugins.contexts import Context
from tests.plugins.servers import Server


@pytest.fixture
async def context(client: ReqwestClient) -> Context:
    return Context(client)


async def run(context: Context, kind: type[Runnable], uri: str, **more: Any) -> dict[str, Any]:
    made = kind.model_validate({"id": "t", "type": kind.type_name, "uri": uri, **more})
    return dict(await made.run(context) or {})


# -- Download --------------------------------------------------------------------------------------


async def test_a_download_is_a_file(context: Context, server: Server) -> None:
    made = await run(context, Download, server.url("/files/big?=3000000"))
    assert made["code"] == 200
    assert made["length"] == await context.file_size(made["uri"]) == 3_000_000
    assert made["headers"]["content-length"] == ["3000000"]
    assert context.metrics[-1][:2] == ("response.length", 3_000_000)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="filename.jpg"', "filename.jpg"),
        ('attachment; filename="/secure-path/filename.jpg"', "filename.jpg"),
        ('attachment; filename="..\\..\\x y.csv"', "x_y.csv"),
        ("attachment; filename*=UTF-8''gr%C3%BCn.txt", "grün.txt"),
        ("inline", "named"),
        ("attachment; filename=", "named"),
        ("attachment; filename*=x'y", "named"),
    ],
)
async def test_names(context: Context, server: Server, disposition: str, name: str) -> None:
    made = await run(context, Download, server.url(f"/named?{quote(disposition)}"))
    assert made["uri"].rpartition("/")[2] == name
    assert await context.text(made["uri"]) == "content"


async def test_the_task_names_the_file(context: Context, server: Server) -> None:
    made = await run(context, Download, server.url(), saveAs="a/b.json")
    assert made["uri"].endswith("/b.json")
    assert safe_file_name("x" * 300 + ".csv").endswith("x.csv")
    assert safe_file_name("...") == safe_file_name("") == "download"


async def test_no_content(context: Context, server: Server) -> None:
    for path in ("/empty", "/ok?status=204"):
        with pytest.raises(TaskFailed, match="no content"):
            await run(context, Download, server.url(path))
        made = await run(context, Download, server.url(path), failOnEmptyResponse=False)
        assert made["length"] == 0
        assert await context.text(made["uri"]) == ""


async def test_a_refusing_status(context: Context, server: Server) -> None:
    with pytest.raises(TaskFailed, match="500 Internal Server Error") as caught:
        await run(context, Download, server.url("/ok?status=500"))
    assert caught.value.outputs is not None
    assert caught.value.outputs["code"] == 500
    made = await run(context, Download, server.url("/ok?status=417"), allowFailed=True)
    assert made["code"] == 417


async def test_a_download_that_breaks_off_leaves_no_file(context: Context, server: Server) -> None:
    with pytest.raises(TaskFailed):
        await run(context, Download, server.url("/short"))
    with pytest.raises(TaskFailed, match="maxContentLength"):
        await run(context, Download, server.url("/big?=1000"), options={"maxContentLength": 10})
    assert await context.delete_files() == []


# -- SseRequest ------------------------------------------------------------------------------------


async def test_events_are_collected(context: Context, server: Server) -> None:
    made = await run(context, SseRequest, server.url("/events"), concatJsonPath="$.c[0].t")
    assert made["result"] == "Grüße"
    assert made["size"] == 4
    assert made["events"] == [
        {"id": "7", "event": "part", "data": '{"c":[{"t":"Gr"}]}'},
        {"id": "7", "data": '{"c":[{"t":"üße"}]}'},
        {"id": "7", "data": "[DONE]"},
        {"id": "7", "data": "one\ntwo"},
    ]
    lines = (await context.text(made["uri"])).splitlines()
    assert [orjson.loads(line) for line in lines] == made["events"]
    assert server.seen[-1].header("accept") == "text/event-stream"


async def test_what_is_missing_in_an_event(context: Context, server: Server) -> None:
    with pytest.raises(TaskFailed, match="event 4"):
        await run(
            context,
            SseRequest,
            server.url("/events"),
            concatJsonPath="c[*].t",
            failedOnMissing=True,
        )
    for wrong in ("$.a[", "$..a", "a b"):
        with pytest.raises(TaskFailed, match="no path"):
            await run(context, SseRequest, server.url("/events"), concatJsonPath=wrong)


async def test_a_stream_that_never_came(context: Context, server: Server) -> None:
    with pytest.raises(TaskFailed, match="answered 503"):
        await run(context, SseRequest, server.url("/ok?status=503"))


async def test_an_endless_line_is_refused() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"data: " + b"x" * 1_000_000

    with pytest.raises(TaskFailed, match="more than"):
        async for _ in events(endless()):
            pass


def test_paths() -> None:
    document = {"a": [{"b c": 1}, {"b c": 2}], "x-y": None}
    assert list(values_at(document, steps_of("$.a[*]['b c']"))) == [1, 2]
    assert list(values_at(document, steps_of("a[-1]"))) == [{"b c": 2}]
    assert list(values_at(document, steps_of("$"))) == [document]
    assert list(values_at(document, steps_of("$.x-y"))) == [None]
    assert list(values_at(document, steps_of("$.a.b"))) == []


# -- encrypted bodies ------------------------------------------------------------------------------


async def test_an_encrypted_body(context: Context, server: Server) -> None:
    with pytest.raises(TaskFailed, match="no encryption key"):
        await run(context, Request, server.url(), encryptBody=True)
    assert server.seen == []
    context.cipher = Cipher(os.urandom(32))
    made = await run(context, Request, server.url(), encryptBody=True)
    assert "body" not in made
    assert context.cipher.decrypt(made["encryptedBody"]["value"]) == '{"done":true}'
    with pytest.raises(TaskFailed) as caught:
        await run(context, Request, server.url("/ok?status=500"), encryptBody=True)
    assert "done" not in caught.value.message
