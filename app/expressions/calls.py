"""Compiler of calls: functions and macros, filters, tests, and `block(…)`.

Names are looked up when they are evaluated: an unknown function in a branch that is not taken does
no harm, as in Pebble.
"""

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from app.errors import ExpressionError, MissingVariable
from app.expressions.evaluation import Evaluate, Evaluation, Unit
from app.expressions.mixed import Mixed
from app.expressions.nodes import Arguments, Attribute, Call, Filter, Literal, Name, Node, Test

Compile = Callable[[Node, Unit], Evaluate]

TRUSTED_ROOTS = frozenset({"vars", "globals", "namespace"})
"""Variables whose texts come with the flow or the server: they are rendered with secrets."""

SEES_SCOPES = frozenset({"render", "renderOnce", "printContext", "fetchContext"})
"""Functions that see the variables set by a template, `loop` too."""


def compile_call(node: Call, unit: Unit, compile_: Compile) -> Evaluate:
    """Return the closure of `name(…)`."""
    if node.name == "block" and len(node.arguments.positional) == 1:
        return _block(compile_(node.arguments.positional[0], unit))
    positional, named = _arguments(node.arguments, unit, compile_)
    name = node.name
    if name in ("render", "renderOnce"):
        return _rendering(name, positional, named, _trust(node.arguments, unit))

    def run(evaluation: Evaluation) -> Any:
        evaluation.meter.step()
        function = evaluation.environment.function(name)
        given = [argument(evaluation) for argument in positional] if positional else []
        keywords = {key: argument(evaluation) for key, argument in named} if named else {}
        if function is not None:
            return function.invoke(evaluation, (), given, keywords)
        macro = evaluation.unit.macros.get(name)
        if macro is None:
            raise _unknown_function(evaluation, name)
        return evaluation.call_macro(macro, given, keywords)

    return run


def compile_filter(node: Filter, unit: Unit, compile_: Compile) -> Evaluate:
    """Return the closure of `target | name(…)`."""
    target = compile_(node.target, unit)
    positional, named = _arguments(node.arguments, unit, compile_)
    name = node.name

    def run(evaluation: Evaluation) -> Any:
        found = evaluation.environment.filters.get(name)
        if found is None:
            raise _unknown("filter", name, evaluation.environment.filters)
        meter = evaluation.meter
        meter.step()
        try:
            value = target(evaluation)
        except MissingVariable:
            if not found.catches_missing:
                raise
            value = None
        given = [argument(evaluation) for argument in positional] if positional else []
        keywords = {key: argument(evaluation) for key, argument in named} if named else {}
        result = found.invoke(evaluation, (value,), given, keywords)
        if type(result) is str:
            meter.grow(len(result))
        return result

    return run


def compile_test(node: Test, unit: Unit, compile_: Compile) -> Evaluate:
    """Return the closure of `target is name(…)` or `target is not name(…)`."""
    target = compile_(node.target, unit)
    positional, named = _arguments(node.arguments, unit, compile_)
    name, negated = node.name, node.negated

    def run(evaluation: Evaluation) -> bool:
        found = evaluation.environment.tests.get(name)
        if found is None:
            raise _unknown("test", name, evaluation.environment.tests)
        evaluation.meter.step()
        try:
            value = target(evaluation)
        except MissingVariable:
            if not found.catches_missing:
                raise
            value = None
        given = [argument(evaluation) for argument in positional] if positional else []
        keywords = {key: argument(evaluation) for key, argument in named} if named else {}
        return bool(found.invoke(evaluation, (value,), given, keywords)) is not negated

    return run


def _arguments(
    arguments: Arguments, unit: Unit, compile_: Compile
) -> tuple[list[Evaluate], list[tuple[str, Evaluate]]]:
    positional = [compile_(argument, unit) for argument in arguments.positional]
    named = [(name, compile_(argument, unit)) for name, argument in arguments.named]
    return positional, named


def _block(name: Evaluate) -> Evaluate:
    def run(evaluation: Evaluation) -> str:
        wanted = name(evaluation)
        body = evaluation.unit.blocks.get(wanted) if isinstance(wanted, str) else None
        if body is None:
            message = f"there is no block `{wanted}` in this template"
            raise ExpressionError(message)
        return evaluation.captured(body)

    return run


def _rendering(
    name: str,
    positional: list[Evaluate],
    named: list[tuple[str, Evaluate]],
    trusts: Callable[[Evaluation], bool],
) -> Evaluate:
    """Return the closure of `render(…)`; what is no text of the flow loses access to secrets."""

    def run(evaluation: Evaluation) -> Any:
        evaluation.meter.step()
        function = evaluation.environment.function(name)
        if function is None:
            raise _unknown_function(evaluation, name)
        given = [argument(evaluation) for argument in positional] if positional else []
        keywords = {key: argument(evaluation) for key, argument in named} if named else {}
        before = evaluation.trusted
        evaluation.trusted = before and trusts(evaluation)
        try:
            return function.invoke(evaluation, (), given, keywords)
        finally:
            evaluation.trusted = before

    return run


def _trust(arguments: Arguments, unit: Unit) -> Callable[[Evaluation], bool]:
    """Return what tells whether the first argument is a text of the flow or of the server.

    It has to be written as a path into their variables, and not to one that a task has set.
    """
    node = arguments.positional[0] if arguments.positional else None
    if node is None and arguments.named:
        node = arguments.named[0][1]
    if isinstance(node, Literal):
        return _always
    first: Node | None = None
    while isinstance(node, Attribute):
        first, node = node.key, node.target
    if not (isinstance(node, Name) and node.name in TRUSTED_ROOTS - unit.assigned):
        return _never
    key = first.value if isinstance(first, Literal) else None
    return _unless_set(key) if node.name == "vars" else _always


def _always(_: Evaluation) -> bool:
    return True


def _never(_: Evaluation) -> bool:
    return False


def _unless_set(key: Any) -> Callable[[Evaluation], bool]:
    """Return what tells whether no task has set a variable (None: any of them)."""

    def trusts(evaluation: Evaluation) -> bool:
        held = evaluation.context.get("vars")
        return not isinstance(held, Mixed) or (key is not None and key not in held.data)

    return trusts


def _unknown_function(evaluation: Evaluation, name: str) -> ExpressionError:
    known = [*evaluation.environment.functions, *evaluation.unit.macros]
    return ExpressionError(f"Function or Macro [{name}] does not exist{_suggestion(name, known)}")


def _unknown(what: str, name: str, known: Iterable[str]) -> ExpressionError:
    return ExpressionError(f"{what.title()} [{name}] does not exist{_suggestion(name, known)}")


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name[:64], [one for one in known if one != name], n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
