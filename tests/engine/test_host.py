"""What expressions of an execution get from outside: pairs, files, jq, services, ciphers, logs."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from app.config import ExpressionSettings
from app.engine.ciphers import decrypt, encrypt
from app.engine.host import FlowHost, environment_for
from app.errors import BadRequest, ExpressionError
from app.executions import State
from app.expressions import Environment, render_async
from app.ports import HttpCall, KeyValue
from app.runners.jq import JqChildren
from tests.engine.harness import Engine, flow

KEY = base64.b64encode(b"k" * 32).decode()


@pytest.fixture
async def jq() -> AsyncIterator[JqChildren]:
    children = JqChildren()
    yield children
    await children.close()


class Answer:
    def __init__(self, status: int, body: bytes, content_type: str) -> None:
        self.status = status
        self.headers = [("content-type", content_type)]
        self.body = body

    async def read(self, limit: int) -> bytes:
        return self.body[:limit]


class Web:
    """An `HttpClient` that answers by path and keeps what it was sent."""

    inline_bytes = 1_000

    def __init__(self) -> None:
        self.calls: list[HttpCall] = []

    @asynccontextmanager
    async def send(self, call: HttpCall) -> AsyncIterator[Answer]:
        self.calls.append(call)
        match call.url.rpartition("/")[2].partition("?")[0]:
            case "json":
                yield Answer(200, b'{"a":[1,2]}', "application/json; charset=utf-8")
            case "problem":
                yield Answer(404, b"not here", "application/problem+json")
            case "liar":
                yield Answer(200, b"<html>", "application/json")
            case "huge":
                yield Answer(200, b"x" * (11 * 1024 * 1024), "text/plain")
            case _:
                yield Answer(200, b"plain \xff", "text/plain")


def engine_of(source: str, **parts: Any) -> Engine:
    engine = Engine(flow(source))
    chosen = replace(engine.parts, **parts)
    engine.executor._driver._environment = environment_for(ExpressionSettings(), chosen)
    return engine


def place(engine: Engine) -> str:
    return next(iter(engine.flows.flows))[0]


async def returned(engine: Engine) -> Any:
    """Run a flow of one Return task; give its value."""
    async with engine:
        execution = await engine.run(namespace=place(engine))
    run = execution.task_runs["/a"]
    assert run.state is State.SUCCESS, run.error
    return (run.outputs or {})["value"]


async def failed(engine: Engine) -> str:
    async with engine:
        execution = await engine.run(namespace=place(engine))
    run = execution.task_runs["/a"]
    assert run.state is State.FAILED
    return run.error or ""


def returning(expression: str, namespace: str = "tests.deep") -> str:
    text = expression.replace("'", "''")
    return f"""
        id: f
        namespace: {namespace}
        tasks:
          - {{id: a, type: core.debug.Return, format: '{{{{ {text} }}}}'}}
    """


def pair(key: str, value: Any) -> KeyValue:
    return KeyValue(key, "JSON", value, None, 0, 0, None)


async def evaluated(expression: str, **parts: Any) -> Any:
    """Evaluate for a flow, outside of an execution."""
    engine = engine_of(returning("1"), **parts)
    host = FlowHost(replace(engine.parts, **parts), "main", "tests.deep", set())
    return await render_async(f"{{{{ {expression} }}}}", {}, Environment(host=host), typed=True)


async def test_pairs_are_those_of_the_namespace_or_above() -> None:
    for expression, expected in [
        ("kv('own')", "[1,2]"),
        ("kv('above').b", "c"),
        ("kv('own', 'other') | upper", "OTHER"),
        ("kv('none', errorOnMissing=false) ?? 'd'", "d"),
    ]:
        engine = engine_of(returning(expression))
        store = engine.key_values
        await store.put("main", "tests.deep", pair("own", [1, 2]))
        await store.put("main", "tests", pair("above", {"b": "c"}))
        await store.put("main", "tests", pair("own", "hidden"))
        await store.put("main", "other", pair("own", "other"))
        await store.put("elsewhere", "tests", pair("none", "of another tenant"))
        assert await returned(engine) == expected


async def test_a_missing_pair_is_an_error() -> None:
    assert "The key 'none' does not exist" in await failed(engine_of(returning("kv('none')")))


async def test_jq_in_a_task(jq: JqChildren) -> None:
    loop = "1..300 | jq('[.[] | {n: .}]') | first | length"
    assert await returned(engine_of(returning(loop), jq=jq)) == "300"
    bad = await failed(engine_of(returning("'{}' | jq('.a[')"), jq=jq))
    assert "syntax error" in bad


async def test_many_programs_in_one_text(jq: JqChildren) -> None:
    source = """
        id: f
        tasks:
          - id: a
            type: core.debug.Return
            format: >-
              {% for n in 1..400 %}{% set one = {'v': n} | jq('.v') | first %}{{ one }},{% endfor %}
    """
    text = await returned(engine_of(source, jq=jq))
    assert text == "".join(f"{n}," for n in range(1, 401))


CALLS = [
    ("http('http://x/json').a[1]", 2),
    ("http('http://x/text')", "plain \ufffd"),
    ("http('http://x/liar')", "<html>"),
    ("http('http://x/problem', options={'allowFailed': true})", "not here"),
]


@pytest.mark.parametrize(("expression", "value"), CALLS)
async def test_http(expression: str, value: Any) -> None:
    assert await evaluated(expression, http=Web()) == value


async def test_http_sends_what_it_is_told() -> None:
    web = Web()
    await evaluated(
        "http(uri='http://x/json', method='post', query={'q': 'a b'}, body={'n': 1}, "
        "headers={'X-A': 'b'}, accept='text/csv', "
        "options={'auth': {'type': 'BEARER', 'token': 't'}})",
        http=web,
    )
    (call,) = web.calls
    assert (call.method, call.url, call.body) == ("POST", "http://x/json?q=a+b", b'{"n":1}')
    headers = dict(call.headers)
    assert headers["X-A"] == "b"
    assert headers["Accept"] == "text/csv"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer t"
    assert call.total_timeout == 10


async def test_http_sends_forms() -> None:
    web = Web()
    form = "contentType='application/x-www-form-urlencoded'"
    await evaluated(f"http('http://x/y', 'POST', body={{'a': '1 2'}}, {form})", http=web)
    assert web.calls[0].body == b"a=1+2"


REFUSED_CALLS = [
    ("http('http://x/problem')", "answered 404: not here"),
    ("http('http://x/huge')", "more than"),
    ("http('http://x/', 'G T')", "no HTTP method"),
    ("http('http://x/', options={'nothing': 1})", "cannot use its argument"),
    ("http('http://x/', headers='a')", "cannot use its argument `headers`"),
    ("http('http://x/', 'POST', contentType='multipart/form-data', body={'f': 'kestra:///a'})",
     "cannot send the file"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "message"), REFUSED_CALLS)
async def test_http_refused(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        await evaluated(expression, http=Web())


async def test_files_of_the_namespace() -> None:
    for expression, expected in [
        ("read('a/b.txt')", "own"),
        ("read('/a/b.txt')", "own"),
        ("read(fileURI('a/b.txt'))", "own"),
        ("read('a/b.txt', 'other')", "others'"),
        ("fileSize('a/b.txt')", "3"),
        ("fileExists('a/b.txt')", "true"),
        ("fileExists('a')", "false"),
        ("isFileEmpty('empty')", "true"),
    ]:
        engine = engine_of(returning(expression))
        files = {"a/b.txt": b"own", "empty": b""}
        await engine.parts.files.write("main", "tests.deep", files, reason="test")
        await engine.parts.files.write("main", "other", {"a/b.txt": b"others'"}, reason="test")
        assert await returned(engine) == expected


async def test_a_missing_file_is_an_error() -> None:
    assert "no.txt" in await failed(engine_of(returning("read('no.txt')")))


async def test_files_of_executions() -> None:
    home = "kestra:///tests/deep/f/executions/"
    other = f"{home}abcdefghijklmnopqrstuv/tasks/t/r/x"
    foreign = other.replace("/deep/", "/strange/")
    read = f"read('{home}' ~ execution.id ~ '/tasks/t/r/x') ~ fileSize('{other}')"
    engine = engine_of(returning(read))
    engine.storage.files[other] = b"1234"
    async with engine:
        execution_id = await engine.create(namespace="tests.deep")
        engine.storage.files[f"{home}{execution_id}/tasks/t/r/x"] = b"mine"
        execution = await engine.end(execution_id)
    assert (execution.task_runs["/a"].outputs or {})["value"] == "mine4"
    refused = engine_of(returning(f"read('{foreign}')"))
    refused.storage.files[foreign] = b"secret"
    assert "Unable to read the file" in await failed(refused)


async def test_error_logs_hold_what_was_just_written() -> None:
    engine = engine_of("""
        id: f
        tasks:
          - {id: l, type: core.log.Log, message: ["boom", "bang"], level: ERROR}
          - id: a
            type: core.debug.Return
            format: >-
              {% for l in errorLogs() %}{{ l.taskId }} {{ l.message }} {{ l.level }};{% endfor %}
    """)
    assert await returned(engine) == "l boom ERROR;l bang ERROR;"


async def test_holidays_and_ports() -> None:
    assert await evaluated("isPublicHoliday('2024-07-14', 'FR')") is True
    assert await evaluated("isPublicHoliday('2024-07-15', 'FR')") is False
    with pytest.raises(ExpressionError, match="calendar"):
        await evaluated("isPublicHoliday('2024-07-15', 'XX')")
    assert 1024 <= await evaluated("randomPort()") < 65_536


async def test_a_flow_alone_has_no_files() -> None:
    for expression in ("read('a')", "errorLogs()", "subflow('a', 'b')"):
        with pytest.raises(ExpressionError, match="not available"):
            await evaluated(expression)


def test_ciphers() -> None:
    for text in ("", "plain", "ünï\n" * 1000):
        assert decrypt(KEY, encrypt(KEY, text)) == text
    assert encrypt(KEY, "a") != encrypt(KEY, "a")
    assert len(base64.b64decode(encrypt(KEY, "abc"))) == 12 + 3 + 16


CIPHERS_REFUSED = [
    ("c2hvcnQ=", "x", "16 and 24 are accepted"),
    ("no base64!", "x", "key is not Base64"),
    (KEY, "no base64!", "cannot be decrypted"),
    (KEY, base64.b64encode(b"short").decode(), "cannot be decrypted"),
    (KEY, base64.b64encode(b"x" * 40).decode(), "cannot be decrypted"),
    (base64.b64encode(b"z" * 32).decode(), encrypt(KEY, "a"), "another key"),
]


@pytest.mark.parametrize(("key", "text", "message"), CIPHERS_REFUSED, ids=range(6))
def test_ciphers_refused(key: str, text: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        decrypt(key, text)


async def test_ciphers_in_expressions() -> None:
    assert await evaluated(f"decrypt('{KEY}', encrypt('{KEY}', 'a b'))") == "a b"


async def test_entries_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_DB", base64.b64encode(b'{"user":"u1","port":5}').decode())
    assert await evaluated("secret('db', subkey='user')") == "u1"
    assert await evaluated("secret('DB', subkey='port')") == "5"
    with pytest.raises(ExpressionError, match="sub-key 'none'"):
        await evaluated("secret('db', subkey='none')")


async def test_a_label_never_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", base64.b64encode(b"s3cr3t-value").decode())
    engine = engine_of("""
        id: f
        variables: {hidden: "{{ secret('TOKEN') }}"}
        tasks:
          - id: a
            type: io.kestra.plugin.core.execution.Labels
            labels: {shown: "x {{ render(vars.hidden) }}"}
    """)
    async with engine:
        execution = await engine.run()
    assert dict(execution.labels)["shown"].startswith("x ***")
