"""Rendering of whole values, and rendering that may have to ask the host."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final

from greenlet import greenlet

from app.errors import ExpressionError, HeadwaterError
from app.expressions.budget import Budget, Meter
from app.expressions.environment import Environment
from app.expressions.json_text import write_json
from app.expressions.passes import deeply
from app.expressions.template import Template, compile_template, unexpected

MAX_QUESTIONS: Final = 10_000
"""How many questions one rendering may ask its host."""
MAX_WAITING: Final = 60.0
"""How many seconds one rendering may wait for its host in all."""

Question = tuple[str, tuple[Any, ...]]


def render_deep(value: Any, context: Mapping[str, Any], environment: Environment) -> Any:
    """Return a value with every text in it rendered to text, keys too (reference §5.8).

    Numbers, booleans and null stay as they are; of keys that render to the same the first stays.

    Raises:
        ExpressionError: as `Template.render`.
        Pending: when the host must be asked first; see `render_async`.
    """

    def render(text: str) -> str:
        if "{" not in text:
            return text
        return compile_template(text).render(context, environment)

    return deeply(value, render, Meter(environment.budget))


async def render_async(
    value: Any,
    context: Mapping[str, Any],
    environment: Environment,
    *,
    typed: bool = False,
    around: AbstractContextManager[Any] | None = None,
) -> Any:
    """Return a template, text, map or list rendered, asking the host as often as needed.

    The evaluation runs on a stack of its own, which is left when an answer is needed and taken up
    again with it: nothing is evaluated twice, and equal questions are asked once.

    Args:
        value: What to render.
        context: The variables.
        environment: The rest.
        typed: A single `{{ … }}` gives its native value.
        around: Entered whenever the evaluation goes on, left whenever it waits or ends.

    Raises:
        ExpressionError: as `Template.render`; when the host fails; after `MAX_QUESTIONS` or when it
            has waited for `MAX_WAITING` seconds.
    """
    around = around or nullcontext()
    evaluation = _Evaluation(value, context, environment, typed=typed)
    try:
        with around:
            result = evaluation.resume()
        async with asyncio.timeout(MAX_WAITING):
            while not evaluation.ended:
                result = await _answered(evaluation, result, environment, around)
    except TimeoutError:
        message = f"the answers from outside take longer than {MAX_WAITING:g} seconds"
        raise ExpressionError(message) from None
    finally:
        evaluation.abandon()
    return result


class _Evaluation:
    """An evaluation on a stack of its own; it gives its questions to whoever resumes it."""

    def __init__(
        self, value: Any, context: Mapping[str, Any], environment: Environment, *, typed: bool
    ) -> None:
        self._value = value
        self._context = context
        self._environment = replace(environment, wait=self._wait)
        self._typed = typed
        self._answers: dict[object, Any] = {}
        self._stack = greenlet(self._run)

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to resume."""
        return bool(self._stack.dead)

    def resume(self, *answer: Any) -> Any:
        """Start, or go on with an answer; return the next question, or the result if it ended."""
        return self._stack.switch(*answer)

    def fail(self, error: ExpressionError) -> Any:
        """Go on with an error instead of an answer."""
        return self._stack.throw(error)

    def abandon(self) -> None:
        """Unwind the stack if it has not ended."""
        if not self._stack.dead:
            self._stack.throw()

    def _run(self) -> Any:
        value, typed = self._value, self._typed
        if isinstance(value, str) and typed:
            value = compile_template(value)
        if not isinstance(value, Template):
            return render_deep(value, self._context, self._environment)
        if typed:
            return value.value(self._context, self._environment)
        return value.render(self._context, self._environment)

    def _wait(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Leave the stack with a question; come back with the answer. Known ones are at hand."""
        key = _key(name, arguments)
        if key in self._answers:
            return self._answers[key]
        if len(self._answers) >= MAX_QUESTIONS:
            message = f"more than {MAX_QUESTIONS} questions to the outside in one value"
            raise ExpressionError(message)
        answer = self._answers[key] = self._stack.parent.switch((name, arguments))
        return answer


def _key(name: str, arguments: tuple[Any, ...]) -> object:
    if all(argument is None or isinstance(argument, str) for argument in arguments):
        return name, arguments
    return f"{name}{write_json(arguments, Meter(Budget()))}"


async def _answered(
    evaluation: _Evaluation,
    question: Question,
    environment: Environment,
    around: AbstractContextManager[Any],
) -> Any:
    """Fetch an answer and go on with it; return the next question, or the result."""
    try:
        answer = await _fetched(environment, question)
    except ExpressionError as error:
        with around:
            return evaluation.fail(error)
    with around:
        return evaluation.resume(answer)


async def _fetched(environment: Environment, question: Question) -> Any:
    name, arguments = question
    if environment.host is None:
        message = f"{name} is not available here"
        raise ExpressionError(message)
    try:
        return await environment.host.fetch(name, arguments)
    except ExpressionError:
        raise
    except HeadwaterError as error:
        raise ExpressionError(error.message) from error
    except Exception as error:
        raise unexpected(error) from error
