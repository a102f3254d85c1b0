"""Rendering of whole values, and rendering that may have to ask the host."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from app.errors import ExpressionError, HeadwaterError
from app.expressions.budget import Meter
from app.expressions.environment import Environment, question
from app.expressions.host import Pending
from app.expressions.passes import deeply
from app.expressions.template import Template, compile_template, unexpected

MAX_ROUNDS: Final = 100
"""How many questions one rendering may ask its host."""


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
    value: Any, context: Mapping[str, Any], environment: Environment, *, typed: bool = False
) -> Any:
    """Return a template, text, map or list rendered, asking the host as often as needed.

    `typed`: a single `{{ … }}` gives its native value. The template is evaluated again after every
    answer; equal questions are asked once.

    Raises:
        ExpressionError: as `Template.render`; when the host fails; after `MAX_ROUNDS` questions.
    """
    answers = dict(environment.answers)
    remembering = replace(environment, answers=answers)
    for _ in range(MAX_ROUNDS):
        try:
            return _rendered(value, context, remembering, typed=typed)
        except Pending as pending:
            asked = pending
        key = question(asked.name, asked.arguments)
        answers[key] = await _fetched(environment, asked)
    message = f"more than {MAX_ROUNDS} questions to the outside in one value; split it up"
    raise ExpressionError(message)


def _rendered(
    value: Any, context: Mapping[str, Any], environment: Environment, *, typed: bool
) -> Any:
    if isinstance(value, str) and typed:
        value = compile_template(value)
    if not isinstance(value, Template):
        return render_deep(value, context, environment)
    return value.value(context, environment) if typed else value.render(context, environment)


async def _fetched(environment: Environment, asked: Pending) -> Any:
    if environment.host is None:
        message = f"{asked.name} is not available here"
        raise ExpressionError(message)
    try:
        return await environment.host.fetch(asked.name, asked.arguments)
    except ExpressionError:
        raise
    except HeadwaterError as error:
        raise ExpressionError(error.message) from error
    except Exception as error:
        raise unexpected(error) from error
