"""jq in child processes: results, refusals, and programs that want too much."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from app.errors import BadRequest, Unavailable
from app.runners.jq import JqChildren


@pytest.fixture
async def jq(request: pytest.FixtureRequest) -> AsyncIterator[JqChildren]:
    """Children that wait as long as a busy machine may need, or the seconds of the parameter."""
    seconds = getattr(request, "param", 20.0)
    children = JqChildren(seconds=seconds, memory_bytes=192 * 1024 * 1024, result_bytes=200_000)
    yield children
    await children.close()


RESULTS = [
    (".", "1", [1]),
    (".a, .b", '{"a":1}', [1, None]),
    (".[]", "[1, 2.5, null, true]", [1, 2.5, None, True]),
    ("empty", "{}", []),
    (".[] | select(. > 1)", "[1, 2, 3]", [2, 3]),
    ("[.[] | {name, n: (.tags | length)}]", '[{"name":"x","tags":[1]}]', [[{"name": "x", "n": 1}]]),
    ('"é\\n\\(.a)"', '{"a":"ü"}', ["é\nü"]),
    (".", "1 2", [1, 2]),
    (".", "", []),
    ("# only\n.a # a comment", '{"a":1}', [1]),
    ("{env, input_filename}", '{"env":1}', [{"env": 1, "input_filename": None}]),
    ("nan, infinite", "1", [None, 1.7976931348623157e308]),
    ("halt", "1", []),
    ("input_filename?", "1", []),
]


@pytest.mark.parametrize(("program", "document", "results"), RESULTS)
async def test_results(jq: JqChildren, program: str, document: str, results: object) -> None:
    assert await jq.run(program, document) == results


REFUSED = [
    (".a[", "{}", "line 1, column 3"),
    ("\n$x", "{}", "line 2"),
    ("nothing_here", "{}", "not defined"),
    (".a", "text", "parse error"),
    (".a", '{"a":', "parse error"),
    (".a", "[1]", "Cannot index"),
    ('error("boom")', "1", "boom"),
    ('1, error("boom")', "1", "boom"),
    ('import "a" as a; .', "1", "modules"),
    ('include "a"; .', "1", "modules"),
    ('  # c\n import "a" as a; .', "1", "modules"),
    ('module {}; import "a" as a; .', "1", "jq:"),
    ("input_filename", "1", "not available"),
    ('"/etc/passwd" | modulemeta', "1", "not available"),
    (".", "[" * 20_000, "depth"),
    (".", "[" * 5_000 + "]" * 5_000, "too deeply"),
    ("[limit(30000; repeat(12345678))]", "1", "more than 200000 bytes"),
    ('"\ud800"', "1", "surrogate"),
]


@pytest.mark.parametrize(("program", "document", "message"), REFUSED)
async def test_refused(jq: JqChildren, program: str, document: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        await jq.run(program, document)
    assert await jq.run(".", "1") == [1]


ENVIRONMENT = ["env", "$ENV", "env | keys", "$ENV.PATH", "env.PATH", "get_search_list"]


@pytest.mark.parametrize("program", ENVIRONMENT)
async def test_nothing_of_the_server_is_seen(jq: JqChildren, program: str) -> None:
    assert os.environ["PATH"]
    (found,) = await jq.run(program, "1")
    assert not found


WANT_TOO_MUCH = [
    "[range(1e9)]",
    "def f: f; f",
    '"x" * 1e9',
    "def r: [r]; r",
    "last(range(1e12))",
    "reduce range(1000000) as $i (.; [.])",
    "[repeat(1)]",
    "[.[] = 1 | recurse([.])]",
    'reduce range(99) as $i ("xxxxxxxx"; . + .)',
    "until(false; . + 1)",
]


@pytest.mark.parametrize("jq", [1.0], indirect=True)
@pytest.mark.parametrize("program", WANT_TOO_MUCH)
async def test_programs_that_want_too_much_end(jq: JqChildren, program: str) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(BadRequest, match=r"too much memory|longer than|jq:|too deeply"):
            await jq.run(program, "[1]")
        assert await jq.run(".[0]", "[1]") == [1]


@pytest.mark.parametrize("jq", [1.0], indirect=True)
async def test_those_behind_a_killed_program_are_answered(jq: JqChildren) -> None:
    asked = [jq.run("def f: f; f", "1") for _ in range(2)]
    asked += [jq.run(f". + {number}", "1") for number in range(20)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers[:2]] == [BadRequest, BadRequest]
    assert answers[2:] == [[1 + number] for number in range(20)]


async def test_a_caller_that_goes_away_disturbs_nobody(jq: JqChildren) -> None:
    gone = asyncio.ensure_future(jq.run("last(range(300000))", "1"))
    await asyncio.sleep(0)
    others = [jq.run(".", str(number)) for number in range(9)]
    gone.cancel()
    assert await asyncio.gather(*others) == [[number] for number in range(9)]


async def test_many_at_once_use_few_children(jq: JqChildren) -> None:
    answers = await asyncio.gather(*(jq.run(".a", f'{{"a":{n}}}') for n in range(200)))
    assert answers == [[n] for n in range(200)]
    assert len(jq._children) <= 2


async def test_large_documents(jq: JqChildren) -> None:
    text = "x" * 150_000
    assert await jq.run(".", f'"{text}"') == [text]


async def test_closed_children_start_no_more() -> None:
    jq = JqChildren()
    await jq.close()
    with pytest.raises(Unavailable):
        await jq.run(".", "1")
    await jq.close()
