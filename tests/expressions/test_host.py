"""Questions to the outside: secrets, key-value pairs, files; asked once, refused where needed."""

import asyncio
from typing import Any

import pytest

from app.errors import ExpressionError, NotFound
from app.expressions import (
    UNKNOWN,
    Budget,
    Environment,
    Pending,
    compile_template,
    render_async,
    rendering,
)
from tests.expressions.evaluate import FakeHost, fails, text, value

CONTEXT = {
    "flow": {"id": "My Flow", "namespace": "shop.orders"},
    "execution": {"id": "e1"},
    "trigger": {"namespace": "shop", "flowId": "parent", "executionId": "e0"},
    "vars": {"url": "https://x/{{ secret('TOKEN') }}", "indirect": "{{ outputs.evil }}"},
    "outputs": {"evil": "{{ secret('TOKEN') }}"},
    "inputs": {"evil": "{{ secret('TOKEN') }}"},
}
OWN = "kestra:///shop/orders/my-flow/executions/e1/tasks/t/r/f.txt"
PARENT = "kestra:///shop/parent/executions/e0/tasks/t/r/f.txt"
HOST = FakeHost(
    known={
        ("secret", "TOKEN"): "s3cr3t",
        ("kv", "k"): 5,
        ("kv", "k", "other"): 6,
        ("kv", "gone"): None,
        ("read", OWN): "own",
        ("read", PARENT): "parents",
        ("read", "scripts/a.sql"): "select",
        ("fileSize", OWN): 0,
        ("fileExists", "a.txt"): True,
        ("errorLogs",): [{"message": "boom"}],
        ("jq", ".a", '{"a":1}'): [1],
        ("jq", ".a", "[]"): [],
    }
)
ENV = Environment(host=HOST)

ANSWERED = [
    ("secret('TOKEN')", "s3cr3t"),
    ("secret(key='TOKEN') | upper", "S3CR3T"),
    ("kv('k') + 1", 6),
    ("kv('k', 'other')", 6),
    ("kv('gone', errorOnMissing=false) ?? 'd'", "d"),
    ("kv('gone').field ?? 'd'", "d"),
    ("kv('gone') | default('d')", "d"),
    (f"read('{OWN}')", "own"),
    (f"read('{PARENT}')", "parents"),
    ("read('scripts/a.sql')", "select"),
    (f"fileSize('{OWN}')", 0),
    (f"isFileEmpty('{OWN}')", True),
    ("fileExists('a.txt')", True),
    ("fileURI('a/b.txt')", "kestra:///shop/orders/_files/a/b.txt"),
    ("fileURI('/x', 'team.a')", "kestra:///team/a/_files/x"),
    ("errorLogs()[0].message", "boom"),
    ("{'a': 1} | jq('.a') | first", 1),
    ("'[]' | jq('.a')", []),
    ("render(vars.url)", "https://x/s3cr3t"),
    ("renderOnce(vars.url)", "https://x/s3cr3t"),
]


@pytest.mark.parametrize(("expression", "expected"), ANSWERED)
def test_answered(expression: str, expected: object) -> None:
    assert value(f"{{{{ {expression} }}}}", CONTEXT, ENV) == expected


REFUSED = [
    ("kv('gone')", "does not exist in the namespace 'shop.orders'"),
    ("read('kestra:///shop/orders/my-flow/executions/e9/f')", "Unable to read the file"),
    ("read('kestra:///other/_files/x')", "Unable to read the file"),
    (f"read('{OWN}/../../../e9/f')", "Unable to read the file"),
    ("read('../x')", "cannot go up"),
    ("read(null)", "expects a path"),
    ("secret()", "expects an argument 'key'"),
    ("render(outputs.evil)", "is data"),
    ("renderOnce(inputs.evil)", "is data"),
    ("render(vars.indirect)", "is data"),
    ("render({'a': outputs.evil})", "is data"),
    ("render(outputs.evil ~ '')", "is data"),
    ("encrypt('k')", "expects an argument 'plaintext'"),
]


@pytest.mark.parametrize(("expression", "message"), REFUSED)
def test_refused(expression: str, message: str) -> None:
    assert message in str(fails(f"{{{{ {expression} }}}}", CONTEXT, ENV))


def test_data_is_never_rendered_by_itself() -> None:
    assert text("{{ outputs.evil }}", CONTEXT, ENV) == "{{ secret('TOKEN') }}"


def test_a_loop_variable_named_vars_is_no_text_of_the_flow() -> None:
    template = "{% for vars in [{'a': outputs.evil}] %}{{ render(vars.a) }}{% endfor %}"
    assert "is data" in str(fails(template, CONTEXT, ENV))


def test_macros_do_not_bring_trust_back() -> None:
    outer = {"outputs": {"e": "{% macro m() %}{{ secret('TOKEN') }}{% endmacro %}{{ m() }}"}}
    assert "is data" in str(fails("{{ render(outputs.e) }}", outer, ENV))


def test_recursive_servers_give_secrets_to_the_first_pass_only() -> None:
    env = Environment(host=HOST, recursive=True)
    assert text("{{ secret('TOKEN') }}", CONTEXT, env) == "s3cr3t"
    assert "is data" in str(fails("{{ outputs.evil }}", CONTEXT, env))


def test_functions_can_be_refused() -> None:
    env = ENV.without("secret")
    assert "may not be used here" in str(fails("{{ secret('TOKEN') }}", CONTEXT, env))
    assert "may not be used here" in str(fails("{{ render(vars.url) }}", CONTEXT, env))
    assert text("{{ kv('k') }}", CONTEXT, env) == "5"


def test_without_host_the_outside_is_not_available() -> None:
    assert "not available" in str(fails("{{ secret('X') }}"))
    assert "not available" in str(fails("{{ [1] | jq('.') }}"))


def test_pending_leaves_every_template() -> None:
    env = Environment(host=FakeHost())
    for template in (
        "{{ secret('A') }}",
        "{{ secret('A') ?? 'd' }}",
        "{{ secret('A') | default('d') }}",
    ):
        with pytest.raises(Pending) as caught:
            compile_template(template).render({}, env)
        assert caught.value.name == "secret"
        assert caught.value.arguments == ("A", None, None)


async def test_answers_are_fetched_once_each() -> None:
    host = FakeHost(later={("secret", "A"): "a", ("secret", "B"): "b", ("kv", "k"): [1]})
    env = Environment(host=host)
    template = {
        "x": "{{ secret('A') }}{{ secret('B') }}",
        "y": ["{{ secret('A') }}", "{{ kv('k') }}"],
    }
    assert await render_async(template, {}, env) == {"x": "ab", "y": ["a", "[1]"]}
    assert [asked[:2] for asked in host.asked] == [("secret", "A"), ("secret", "B"), ("kv", "k")]


async def test_native_values_are_fetched_too() -> None:
    env = Environment(host=FakeHost(later={("kv", "k"): {"a": 1}}))
    assert await render_async("{{ kv('k') }}", {}, env, typed=True) == {"a": 1}
    assert await render_async(compile_template("{{ kv('k') }}"), {}, env) == '{"a":1}'
    assert await render_async("plain", {}, env) == "plain"
    assert await render_async(5, {}, env) == 5


async def test_equal_http_requests_are_one_question() -> None:
    host = FakeHost(later={("http", "https://a/x"): {"n": 1}})
    env = Environment(host=host)
    template = "{{ http('https://a/x').n }}{{ http(uri='https://a/x', method='get').n }}"
    assert await render_async(template, {}, env) == "11"
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    "failure",
    [NotFound("no such secret"), ExpressionError("no such secret"), OSError("no such secret")],
)
async def test_failures_of_the_host_are_expression_errors(failure: Exception) -> None:
    env = Environment(host=FakeHost(later={("secret", "A"): failure}))
    with pytest.raises(ExpressionError, match="no such secret"):
        await render_async("{{ secret('A') }}", {}, env)


async def test_questions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "MAX_QUESTIONS", 20)
    env = Environment(host=Counting())
    with pytest.raises(ExpressionError, match="questions"):
        await render_async("{% for n in 0..30 %}{{ kv('' ~ n) }}{% endfor %}", {}, env)


class Counting:
    """Answers every question with what was asked, after a turn of the loop."""

    def __init__(self) -> None:
        self.asked = 0

    def answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        return UNKNOWN

    def may_read(self, uri: str) -> bool:
        return "/shop/" in uri

    async def fetch(self, name: str, arguments: tuple[Any, ...]) -> Any:
        self.asked += 1
        await asyncio.sleep(0)
        return arguments[0]


async def test_many_questions_of_one_template_evaluate_it_once() -> None:
    host = Counting()
    env = Environment(host=host, budget=Budget(steps=20_000))
    template = (
        "{% set found = [] %}{% for n in 1..2000 %}{% set v = kv('k' ~ n) %}"
        "{% set found = [v] %}{% if n == 9 %}{{ found | last }}{% endif %}{% endfor %}"
    )
    assert await render_async(template, {}, env) == "k9"
    assert host.asked == 2_000


class Slow(Counting):
    """Answers after a while."""

    async def fetch(self, name: str, arguments: tuple[Any, ...]) -> Any:
        await asyncio.sleep(0.03)
        return await super().fetch(name, arguments)


async def test_waiting_does_not_use_up_the_time_of_the_evaluation() -> None:
    env = Environment(host=Slow(), budget=Budget(seconds=0.05))
    template = (
        "{{ range(1, 2000) | length }}{{ kv('a') }}{{ kv('b') }}{{ range(1, 2000) | length }}"
    )
    assert await render_async(template, {}, env) == "2000ab2000"


async def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "MAX_WAITING", 0.05)
    with pytest.raises(ExpressionError, match="take longer"):
        await render_async(
            "{% for n in 0..30 %}{{ kv('' ~ n) }}{% endfor %}", {}, Environment(host=Slow())
        )


async def test_a_cancelled_rendering_leaves_nothing_behind() -> None:
    unwound: list[str] = []

    class Around:
        def __enter__(self) -> None:
            unwound.append("in")

        def __exit__(self, *_: object) -> None:
            unwound.append("out")

    env = Environment(host=Slow())
    waiting = asyncio.ensure_future(render_async("{{ kv('a') }}", {}, env, around=Around()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert unwound == ["in", "out"]


async def test_the_host_may_allow_files_of_other_executions() -> None:
    env = Environment(host=Counting())
    file = "kestra:///shop/orders/other/executions/e7/f"
    assert await render_async(f"{{{{ read('{file}') }}}}", CONTEXT, env) == file
    for refused in ("kestra:///other/executions/e7/f", f"{file}/../../shop/x"):
        with pytest.raises(ExpressionError, match="Unable to read the file"):
            await render_async(f"{{{{ read('{refused}') }}}}", CONTEXT, env)


async def test_renderings_wait_side_by_side() -> None:
    env = Environment(host=Slow())
    texts = [f"{{{{ kv('{n}') }}}}{{{{ kv('{n}x') }}}}" for n in range(50)]
    found = await asyncio.gather(*(render_async(text, {}, env) for text in texts))
    assert found == [f"{n}{n}x" for n in range(50)]


async def test_an_error_of_the_host_has_the_place_of_the_call() -> None:
    env = Environment(host=FakeHost(later={("kv", "a"): NotFound("no such key")}))
    with pytest.raises(ExpressionError) as caught:
        await render_async("first\n  {{ kv('a') }}", {}, env)
    assert (caught.value.line, caught.value.message) == (2, "no such key")
