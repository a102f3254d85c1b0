"""Templates: compiled once, rendered to text or to a value many times."""

import functools
from collections.abc import Mapping
from typing import Any, Final

from app.errors import ExpressionError, MissingVariable
from app.expressions.attributes import ABSENT
from app.expressions.compiler import compile_expression, path_of
from app.expressions.environment import Environment
from app.expressions.evaluation import Evaluate, Evaluation, Run, Unit
from app.expressions.host import Pending
from app.expressions.missing import raise_located
from app.expressions.nodes import Body, Node, Print, Text
from app.expressions.passes import render_until_stable
from app.expressions.statements import compile_template_body
from app.expressions.tags import parse

Expression = Node
"""The syntax tree of one expression."""

# Compiled templates take some hundred bytes a character: few long ones are kept, many short ones.
_SHORT_CHARS, _SHORT_KEPT = 512, 4_096
_LONG_CHARS, _LONG_KEPT = 32_768, 32
_OPENINGS: Final = ("{{", "{%", "{#")
_PLAIN_INT = 2**63
_STEPS_PER_CHAR = 4
_RENDERED = "in the rendered text: "

Path = tuple[str, ...]


class Template:
    """A compiled template. Make it with `compile_template`; it never changes.

    `static`: it has no tag and renders to itself. `expression`: its syntax tree when it is one
    single `{{ … }}`, else None.
    """

    __slots__ = ("_at", "_plain", "_runs", "_value", "expression", "source", "static", "unit")

    def __init__(self, source: str) -> None:
        """Compile a template.

        Raises:
            ExpressionError: with line and column, when it cannot be read.
        """
        self.source = source
        self.static = not has_tags(source)
        self.expression: Expression | None = None
        self.unit = Unit(source)
        self._runs: list[Run] = []
        self._value: Evaluate | None = None
        self._plain: list[str | Path] | None = None
        self._at = 0
        if not self.static:
            try:
                self._compile(parse(source))
            except ExpressionError:
                raise
            except Exception as error:
                raise unexpected(error, line=1, column=1) from error

    def render(self, context: Mapping[str, Any], environment: Environment) -> str:
        """Return the template's text; null prints nothing (reference §5.9).

        Raises:
            MissingVariable: when a variable or attribute is not there.
            ExpressionError: for every other error, a used-up budget too.
            Pending: when the host must be asked first; see `render_async`.
        """
        if self.static:
            return self.source
        if self._plain is not None and not environment.recursive:
            text = _joined(self._plain, context, environment.budget.output_chars)
            if text is not None:
                return text
        try:
            evaluation = Evaluation(context, environment, self.unit)
            if environment.recursive:
                return render_until_stable(self.source, evaluation, render_in)
            return self.run(evaluation)
        except ExpressionError as error:
            raise_located(error, self.source, 0)
        except Pending:
            raise
        except Exception as error:
            raise unexpected(error, line=1, column=1) from error

    def value(self, context: Mapping[str, Any], environment: Environment) -> Any:
        """Return the native value of a single `{{ … }}`, otherwise the text (`renderTyped`).

        Raises:
            MissingVariable: when a variable or attribute is not there.
            ExpressionError: for every other error, a used-up budget too.
            Pending: when the host must be asked first; see `render_async`.
        """
        expression = self._value
        if expression is None or environment.recursive:
            return self.render(context, environment)
        if self._plain is not None:
            found = _walked(self._plain[0], context)
            if found is not ABSENT:
                return found
        try:
            return expression(Evaluation(context, environment, self.unit))
        except ExpressionError as error:
            raise_located(error, self.source, self._at)
        except Pending:
            raise
        except Exception as error:
            raise unexpected(error, line=1, column=1) from error

    def run(self, evaluation: Evaluation) -> str:
        """Return the text, in an evaluation that was started for this template."""
        if self.static:
            return self.source
        out: list[str] = []
        for run in self._runs:
            run(evaluation, out.append)
        return evaluation.meter.joined(out)

    def _compile(self, body: Body) -> None:
        self.unit, self._runs = compile_template_body(body, self.source)
        self._plain = _plain(body, self.unit)
        if len(body) == 1 and isinstance(body[0], Print):
            self._at = body[0].at
            self.expression = body[0].expression
            self._value = compile_expression(self.expression, self.unit)


def has_tags(text: str) -> bool:
    """Tell whether anything in a text would be evaluated."""
    return any(opening in text for opening in _OPENINGS)


def compile_template(text: str) -> Template:
    """Return the compiled template of a text; texts seen before come from a cache.

    Raises:
        ExpressionError: with line and column, when the template cannot be read.
    """
    if "{" not in text or len(text) > _LONG_CHARS:
        return Template(text)
    return _short(text) if len(text) <= _SHORT_CHARS else _long(text)


_short = functools.lru_cache(maxsize=_SHORT_KEPT)(Template)
_long = functools.lru_cache(maxsize=_LONG_KEPT)(Template)


def render_in(text: str, evaluation: Evaluation, with_secrets: bool) -> str:
    """Return a text rendered once with the variables and the budget of a running evaluation."""
    if not has_tags(text):
        return text
    evaluation.meter.spend(_STEPS_PER_CHAR * len(text))  # reading a template costs time too
    trusted = evaluation.trusted and with_secrets
    try:
        template = compile_template(text)
        variables, environment = evaluation.variables(), evaluation.environment
        inner = Evaluation(variables, environment, template.unit, evaluation.meter, trusted=trusted)
        return template.run(inner)
    except ExpressionError as error:
        # Its place is one in `text`; the error gets the place of the call instead.
        note = "" if error.message.startswith(_RENDERED) else _RENDERED
        kind = MissingVariable if isinstance(error, MissingVariable) else ExpressionError
        raise kind(f"{note}{error.message}") from error


def unexpected(error: Exception, *, line: int = 0, column: int = 0) -> ExpressionError:
    """Return the error of ours for one that nobody foresaw: nothing else leaves the package."""
    message = f"cannot evaluate the expression: {error}"
    if isinstance(error, RecursionError):
        message = "the expression or a value in it is nested too deeply"
    elif isinstance(error, MemoryError):
        message = "the expression needs too much memory"
    return ExpressionError(message, line=line, column=column)


def _plain(body: Body, unit: Unit) -> list[str | Path] | None:
    """Return the parts of a template of text and plain paths only, else None."""
    parts: list[str | Path] = []
    for statement in body:
        if isinstance(statement, Text):
            parts.append(statement.text)
            continue
        keys = path_of(statement.expression, unit) if isinstance(statement, Print) else None
        if keys is None:
            return None
        parts.append(keys)
    return parts


def _walked(path: str | Path, context: Mapping[str, Any]) -> Any:
    """Return what a path leads to if every step is a plain map, else `ABSENT`."""
    value: Any = context
    for key in path:
        if type(value) is dict and key in value:
            value = value[key]
        else:
            return ABSENT
    return value


def _joined(parts: list[str | Path], context: Mapping[str, Any], limit: int) -> str | None:
    """Return the text of plain parts: the fast way; None when anything is out of the ordinary."""
    out: list[str] = []
    size = 0
    for part in parts:
        if type(part) is str:
            text = part
        else:
            value = _walked(part, context)
            if type(value) is str:
                text = value
            elif type(value) is int and -_PLAIN_INT < value < _PLAIN_INT:
                text = str(value)
            else:
                return None
        size += len(text)
        out.append(text)
    return "".join(out) if size <= limit else None
