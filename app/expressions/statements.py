"""Compiler of statements: each becomes a closure that writes text."""

from collections.abc import Callable
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions import operators
from app.expressions.calls import SEES_SCOPES
from app.expressions.compiler import compile_expression
from app.expressions.evaluation import Evaluate, Evaluation, MacroCode, Run, Unit, Write
from app.expressions.json_text import to_text
from app.expressions.loops import loop
from app.expressions.missing import raise_located
from app.expressions.nodes import (
    HOLE,
    Block,
    Body,
    Call,
    FilterBlock,
    For,
    If,
    Macro,
    Name,
    Print,
    Set,
    Text,
    inside,
)

_PLAIN_INT = 2**63


def compile_template_body(body: Body, source: str) -> tuple[Unit, list[Run]]:
    """Return the shared parts and the statements of a template."""
    unit = Unit(source)
    if not all(isinstance(statement, (Text, Print)) for statement in body):
        _survey(body, unit)
    return unit, compile_body(body, unit)


def compile_body(body: Body, unit: Unit) -> list[Run]:
    """Return the closures of some statements; a text right after a print is part of it."""
    runs: list[Run] = []
    for index, statement in enumerate(body):
        before = body[index - 1] if index else None
        after = body[index + 1] if index + 1 < len(body) else None
        if isinstance(statement, Print):
            runs.append(_print(statement, unit, after.text if isinstance(after, Text) else ""))
        elif not (isinstance(statement, Text) and isinstance(before, Print)):
            runs.append(_COMPILERS[type(statement)](statement, unit))
    return runs


def _survey(node: Any, unit: Unit) -> None:
    """Note which names the template assigns, and whether anything looks at `loop`."""
    pending = [node]
    while pending:
        one = pending.pop()
        pending.extend(inside(one))
        match one:
            case Set():
                unit.assigned.add(one.name)
            case For():
                unit.assigned.add(one.variable)
            case Macro(parameters=parameters):
                unit.assigned.update(name for name, _ in parameters)
            case Name(name="loop"):
                unit.uses_loop = True
            case Call(name=name) if name in SEES_SCOPES:
                unit.uses_loop = True
            case FilterBlock():
                unit.assigned.add(HOLE)
    if unit.uses_loop:
        unit.assigned.add("loop")


def _sequence(runs: list[Run]) -> Run:
    if len(runs) == 1:
        return runs[0]

    def run_all(evaluation: Evaluation, write: Write) -> None:
        for run in runs:
            run(evaluation, write)

    return run_all


def _text(node: Text, _unit: Unit) -> Run:
    text = node.text
    length = len(text)

    def run(evaluation: Evaluation, write: Write) -> None:
        evaluation.meter.chars_left -= length  # looked at by loops, and at the end
        write(text)

    return run


def _print(node: Print, unit: Unit, tail: str) -> Run:
    expression = compile_expression(node.expression, unit)
    source, at = unit.source, node.at

    def run(evaluation: Evaluation, write: Write) -> None:
        try:
            value = expression(evaluation)
            kind = type(value)
            if kind is str:
                text = value
            elif kind is int and -_PLAIN_INT < value < _PLAIN_INT:
                text = str(value)
            else:
                text = to_text(value, evaluation.meter)
        except ExpressionError as error:
            raise_located(error, source, at)
        if tail:
            text += tail
        evaluation.meter.chars_left -= len(text)  # looked at by loops, and at the end
        write(text)

    return run


def _if(node: If, unit: Unit) -> Run:
    branches = [
        (compile_expression(condition, unit), _sequence(compile_body(body, unit)))
        for condition, body in node.branches
    ]
    otherwise = _sequence(compile_body(node.otherwise, unit))
    source, at = unit.source, node.at
    if len(branches) == 1:
        return _either(*branches[0], otherwise, source, at)

    def run(evaluation: Evaluation, write: Write) -> None:
        chosen = otherwise
        try:
            for condition, body in branches:
                value = condition(evaluation)
                if value is True or (value is not False and operators.as_boolean(value)):
                    chosen = body
                    break
        except ExpressionError as error:
            raise_located(error, source, at)
        chosen(evaluation, write)

    return run


def _either(condition: Evaluate, body: Run, otherwise: Run, source: str, at: int) -> Run:
    """Return the closure of `if` with at most an `else`."""

    def run(evaluation: Evaluation, write: Write) -> None:
        try:
            value = condition(evaluation)
            holds = value is True or (value is not False and operators.as_boolean(value))
        except ExpressionError as error:
            raise_located(error, source, at)
        if holds:
            body(evaluation, write)
        else:
            otherwise(evaluation, write)

    return run


def _for(node: For, unit: Unit) -> Run:
    items = compile_expression(node.items, unit)
    body = _sequence(compile_body(node.body, unit))
    return loop(node, unit, items, body, _sequence(compile_body(node.otherwise, unit)))


def _set(node: Set, unit: Unit) -> Run:
    expression = compile_expression(node.value, unit)
    name = node.name
    source, at = unit.source, node.at

    def run(evaluation: Evaluation, _write: Write) -> None:
        try:
            evaluation.assign(name, expression(evaluation))
        except ExpressionError as error:
            raise_located(error, source, at)

    return run


def _macro(node: Macro, unit: Unit) -> Run:
    parameters = tuple(
        (name, None if default is None else compile_expression(default, unit))
        for name, default in node.parameters
    )
    body = _sequence(compile_body(node.body, unit))
    unit.macros[node.name] = MacroCode(node.name, parameters, body)
    return _nothing


def _block(node: Block, unit: Unit) -> Run:
    body = _sequence(compile_body(node.body, unit))
    unit.blocks[node.name] = body
    return body


def _filter_block(node: FilterBlock, unit: Unit) -> Run:
    chain = compile_expression(node.chain, unit)
    body = _sequence(compile_body(node.body, unit))
    source, at = unit.source, node.at

    def run(evaluation: Evaluation, write: Write) -> None:
        text = evaluation.captured(body)
        evaluation.push({HOLE: text})
        try:
            filtered = to_text(chain(evaluation), evaluation.meter)
            evaluation.meter.grow(len(filtered))
        except ExpressionError as error:
            raise_located(error, source, at)
        finally:
            evaluation.pop()
        write(filtered)

    return run


def _nothing(_evaluation: Evaluation, _write: Write) -> None:
    """Write nothing: macros are called elsewhere."""


_COMPILERS: Final[dict[type, Callable[[Any, Unit], Run]]] = {
    Text: _text,
    If: _if,
    For: _for,
    Set: _set,
    Macro: _macro,
    Block: _block,
    FilterBlock: _filter_block,
}
