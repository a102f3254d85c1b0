"""Compiler of expressions: each node of the syntax tree becomes a closure over an `Evaluation`.

Closures are chosen at compile time (a path over the context, a filter without arguments, …) so that
evaluation only does what the template says. Errors get their place in the template here.
"""

from collections.abc import Callable
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions import arithmetic, combinators, operators
from app.expressions.attributes import ABSENT, attribute, call_method, header
from app.expressions.budget import Meter
from app.expressions.calls import compile_call, compile_filter, compile_test
from app.expressions.evaluation import Evaluate, Evaluation, Unit
from app.expressions.missing import Missing
from app.expressions.nodes import (
    Attribute,
    Call,
    Chain,
    Filter,
    ListOf,
    Literal,
    MapOf,
    Method,
    Name,
    Node,
    Ternary,
    Test,
    Unary,
)

_HEADERS: Final = "headers"
"""The name under which the headers of a request or an answer are found."""


def compile_expression(node: Node, unit: Unit) -> Evaluate:
    """Return the closure that evaluates a node."""
    return _COMPILERS[type(node)](node, unit)


def path_of(node: Node, unit: Unit) -> tuple[str, ...] | None:
    """Return the keys of a plain path such as `a.b['c']` over the context, or None."""
    keys: list[str] = []
    while isinstance(node, Attribute):
        if not isinstance(node.key, Literal) or not isinstance(node.key.value, str):
            return None
        keys.append(node.key.value)
        node = node.target
    if not isinstance(node, Name) or node.name in unit.assigned:
        return None
    return (node.name, *reversed(keys))


def _literal(node: Literal, _unit: Unit) -> Evaluate:
    value = node.value
    return lambda _evaluation: value


def _name(node: Name, unit: Unit) -> Evaluate:
    name = node.name
    missing = Missing(unit.source, name, node.at)

    def from_context(evaluation: Evaluation) -> Any:
        context = evaluation.context
        if name in context:
            return context[name]
        raise missing.error()

    def from_scopes(evaluation: Evaluation) -> Any:
        local = evaluation.local
        if name in local:
            return local[name]
        for scope in reversed(evaluation.scopes):
            if name in scope:
                return scope[name]
        return from_context(evaluation)

    return from_scopes if name in unit.assigned else from_context


def _attribute(node: Attribute, unit: Unit) -> Evaluate:
    keys = path_of(node, unit)
    if keys is not None:
        return _path(keys, node, unit)
    target = compile_expression(node.target, unit)
    if isinstance(node.key, Literal):
        return _constant_key(target, node, unit)
    key = compile_expression(node.key, unit)
    missing = Missing(unit.source, "", node.at)
    find = _finding(node.target)

    def run(evaluation: Evaluation) -> Any:
        value = target(evaluation)
        wanted = key(evaluation)
        found = find(value, wanted, evaluation.meter)
        if found is ABSENT:
            raise missing.error(operators.concatenable(wanted, evaluation.meter))
        return found

    return run


def _path(keys: tuple[str, ...], node: Attribute, unit: Unit) -> Evaluate:
    missing = [Missing(unit.source, key, node.at) for key in keys]
    finding = [attribute, *(header if key == _HEADERS else attribute for key in keys)]

    def run(evaluation: Evaluation) -> Any:
        value: Any = evaluation.context
        for index, key in enumerate(keys):
            if type(value) is dict and key in value:
                value = value[key]
                continue
            value = finding[index](value, key, evaluation.meter)
            if value is ABSENT:
                raise missing[index].error()
        return value

    return run


def _constant_key(target: Evaluate, node: Attribute, unit: Unit) -> Evaluate:
    key = node.key.value if isinstance(node.key, Literal) else None
    missing = Missing(unit.source, str(key), node.at)
    find = _finding(node.target)

    def run(evaluation: Evaluation) -> Any:
        value = target(evaluation)
        if type(value) is dict and type(key) is str and key in value:
            return value[key]
        found = find(value, key, evaluation.meter)
        if found is ABSENT:
            raise missing.error()
        return found

    return run


def _finding(target: Node) -> Callable[[Any, Any, Meter], Any]:
    """Return what finds a key in the value of a node: in one named `headers` in any case."""
    if isinstance(target, Name):
        name: Any = target.name
    else:
        key = target.key if isinstance(target, Attribute) else None
        name = key.value if isinstance(key, Literal) else None
    return header if name == _HEADERS else attribute


def _method(node: Method, unit: Unit) -> Evaluate:
    target = compile_expression(node.target, unit)
    arguments = [compile_expression(one, unit) for one in node.arguments]
    missing = Missing(unit.source, node.name, node.at)
    name = node.name

    def run(evaluation: Evaluation) -> Any:
        evaluation.meter.step()
        value = target(evaluation)
        given = [argument(evaluation) for argument in arguments]
        result = call_method(value, name, given, evaluation.meter)
        if result is ABSENT:
            raise missing.error()
        return result

    return run


def _unary(node: Unary, unit: Unit) -> Evaluate:
    operand = compile_expression(node.operand, unit)
    if node.operator == "not":
        return lambda evaluation: not operators.as_boolean(operand(evaluation))
    change = arithmetic.negative if node.operator == "-" else arithmetic.positive
    return lambda evaluation: change(operand(evaluation))


def _ternary(node: Ternary, unit: Unit) -> Evaluate:
    condition = compile_expression(node.condition, unit)
    yes = compile_expression(node.yes, unit)
    no = compile_expression(node.no, unit)

    def run(evaluation: Evaluation) -> Any:
        value = condition(evaluation)
        if value is not None and operators.as_boolean(value):
            return yes(evaluation)
        return no(evaluation)

    return run


def _list(node: ListOf, unit: Unit) -> Evaluate:
    items = [compile_expression(item, unit) for item in node.items]
    return lambda evaluation: [item(evaluation) for item in items]


def _map(node: MapOf, unit: Unit) -> Evaluate:
    pairs = [
        (compile_expression(key, unit), compile_expression(value, unit))
        for key, value in node.pairs
    ]

    def run(evaluation: Evaluation) -> dict[Any, Any]:
        return {_key(key(evaluation)): value(evaluation) for key, value in pairs}

    return run


def _key(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    message = "the key of a map must be a text or a number"
    raise ExpressionError(message)


def _chain(node: Chain, unit: Unit) -> Evaluate:
    first = compile_expression(node.first, unit)
    words = {operator for operator, _ in node.rest}
    rest = [(operator, compile_expression(operand, unit)) for operator, operand in node.rest]
    operands = [operand for _, operand in rest]
    if words == {"~"}:
        return combinators.concatenation([first, *operands])
    if words == {"and"}:
        return combinators.conjunction([first, *operands])
    if words == {"or"}:
        return combinators.disjunction([first, *operands])
    if len(rest) == 1:
        word, right = node.rest[0]
        if isinstance(right, Literal):
            simple = combinators.compared_with(word, first, right.value)
            if simple is not None:
                return simple
        return combinators.BINARY[word](first, rest[0][1])
    result = first
    for operator, operand in rest[:-1]:
        result = combinators.BINARY[operator](result, operand)
    return combinators.BINARY[rest[-1][0]](result, rest[-1][1])


_COMPILERS: Final[dict[type, Callable[[Any, Unit], Evaluate]]] = {
    Literal: _literal,
    Name: _name,
    Attribute: _attribute,
    Method: _method,
    Call: lambda node, unit: compile_call(node, unit, compile_expression),
    Filter: lambda node, unit: compile_filter(node, unit, compile_expression),
    Test: lambda node, unit: compile_test(node, unit, compile_expression),
    Unary: _unary,
    Chain: _chain,
    Ternary: _ternary,
    ListOf: _list,
    MapOf: _map,
}
