"""The small task types: Log, Return, OutputValues, Fail."""

from typing import Any

import pytest

from app.plugins.api import Runnable, TaskFailed
from app.plugins.core import OutputValues
from app.plugins.core.debug import Return
from app.plugins.core.execution import Fail
from app.plugins.core.log import Log
from app.plugins.http.reqwest import ReqwestClient
from tests.plugins.contexts import Context


def make(kind: type[Runnable], **properties: Any) -> Runnable:
    return kind.model_validate({"id": "t", "type": kind.type_name, **properties})


@pytest.fixture
def context() -> Context:
    return Context(ReqwestClient())


async def test_log(context: Context) -> None:
    assert await make(Log, message="one").run(context) is None
    await make(Log, message=["two", "three"], level="WARN").run(context)
    for level in ("TRACE", "DEBUG", "ERROR"):
        await make(Log, message=level, level=level).run(context)
    assert context.log.lines == [
        ("INFO", "one"), ("WARN", "two"), ("WARN", "three"),
        ("TRACE", "TRACE"), ("DEBUG", "DEBUG"), ("ERROR", "ERROR"),
    ]  # fmt: skip


async def test_return(context: Context) -> None:
    assert await make(Return, format="hello").run(context) == {"value": "hello"}
    assert await make(Return).run(context) == {"value": ""}
    assert context.log.lines == [("DEBUG", "hello"), ("DEBUG", "")]
    assert [(name, kind) for name, _, kind, _ in context.metrics] == [
        ("length", "counter"), ("duration", "timer"),
    ] * 2  # fmt: skip
    assert context.metrics[0][1] == 5


async def test_output_values(context: Context) -> None:
    values = {"a": "x", "b": {"c": ["d", 1, True]}}
    assert await make(OutputValues, values=values).run(context) == {"values": values}
    assert await make(OutputValues).run(context) == {"values": {}}


async def test_fail_without_condition(context: Context) -> None:
    with pytest.raises(TaskFailed, match=r"^Task failure$") as caught:
        await make(Fail).run(context)
    assert caught.value.definite
    with pytest.raises(TaskFailed, match=r"^no stock$"):
        await make(Fail, errorMessage="no stock").run(context)


@pytest.mark.parametrize("text", ["true", "1", " ", "False", "0.0", "null"])
async def test_fail_on_a_true_condition(context: Context, text: str) -> None:
    with pytest.raises(TaskFailed, match=r"^Fail on a condition$"):
        await make(Fail, condition=text, errorMessage="no stock").run(context)
    assert context.log.lines == [("ERROR", "no stock")]


@pytest.mark.parametrize("text", ["", "false", "0", "-0"])
async def test_no_fail_on_a_false_condition(context: Context, text: str) -> None:
    assert await make(Fail, condition=text).run(context) is None
    assert context.log.lines == []
