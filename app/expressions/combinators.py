"""Closures of binary operators, made from the closures of their operands."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from app.errors import MissingVariable
from app.expressions import arithmetic, operators
from app.expressions.evaluation import Evaluate, Evaluation


def concatenation(operands: list[Evaluate]) -> Evaluate:
    """Return the closure of `a ~ b ~ …`."""

    def run(evaluation: Evaluation) -> str:
        meter = evaluation.meter
        texts = [operators.concatenable(operand(evaluation), meter) for operand in operands]
        return operators.joined(texts, meter)

    return run


def conjunction(operands: list[Evaluate]) -> Evaluate:
    """Return the closure of `a and b and …`: always a boolean."""
    return lambda evaluation: all(operators.as_boolean(operand(evaluation)) for operand in operands)


def disjunction(operands: list[Evaluate]) -> Evaluate:
    """Return the closure of `a or b or …`: always a boolean."""
    return lambda evaluation: any(operators.as_boolean(operand(evaluation)) for operand in operands)


def _metered(operate: Callable[..., Any]) -> Callable[[Evaluate, Evaluate], Evaluate]:
    def combine(left: Evaluate, right: Evaluate) -> Evaluate:
        def run(evaluation: Evaluation) -> Any:
            return operate(left(evaluation), right(evaluation), evaluation.meter)

        return run

    return combine


def _compared(
    operate: Callable[..., bool], plain: Callable[[Any, Any], bool]
) -> Callable[[Evaluate, Evaluate], Evaluate]:
    """Combine by a comparison; `plain` does the same for whole numbers, without further checks."""

    def combine(left: Evaluate, right: Evaluate) -> Evaluate:
        def run(evaluation: Evaluation) -> bool:
            one, other = left(evaluation), right(evaluation)
            if type(one) is int and type(other) is int:
                return plain(one, other)
            return operate(one, other)

        return run

    return combine


def compared_with(operator_: str, left: Evaluate, constant: Any) -> Evaluate | None:
    """Return the closure of a comparison with a whole number or a text; None for all others."""
    kind = type(constant)
    if kind is int and operator_ in _PLAIN:
        plain, operate = _PLAIN[operator_]

        def run(evaluation: Evaluation) -> bool:
            value = left(evaluation)
            return plain(value, constant) if type(value) is int else operate(value, constant)

        return run
    if operator_ not in _EQUAL or kind not in (int, str):
        return None
    negated = operator_ == "!="

    def is_equal(evaluation: Evaluation) -> bool:
        value = left(evaluation)
        if type(value) is kind:
            return (value == constant) is not negated
        return operators.equal(value, constant, evaluation.meter) is not negated

    return is_equal


def _equality(*, negated: bool) -> Callable[[Evaluate, Evaluate], Evaluate]:
    def combine(left: Evaluate, right: Evaluate) -> Evaluate:
        def run(evaluation: Evaluation) -> bool:
            one, other = left(evaluation), right(evaluation)
            kind = type(one)
            if kind is type(other) and (kind is str or kind is int):
                return (one == other) is not negated
            return operators.equal(one, other, evaluation.meter) is not negated

        return run

    return combine


def _negated(operate: Callable[..., bool]) -> Callable[[Evaluate, Evaluate], Evaluate]:
    def combine(left: Evaluate, right: Evaluate) -> Evaluate:
        return lambda evaluation: not operate(left(evaluation), right(evaluation), evaluation.meter)

    return combine


def _coalescing(*, nulls_too: bool) -> Callable[[Evaluate, Evaluate], Evaluate]:
    def combine(left: Evaluate, right: Evaluate) -> Evaluate:
        def run(evaluation: Evaluation) -> Any:
            try:
                value = left(evaluation)
            except MissingVariable:
                return right(evaluation)
            return right(evaluation) if value is None and nulls_too else value

        return run

    return combine


def _range(left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda evaluation: operators.span(
        left(evaluation), right(evaluation), 1, evaluation.meter
    )


_EQUAL: Final = frozenset({"==", "equals", "!="})
_PLAIN: Final[Mapping[str, tuple[Callable[[Any, Any], bool], Callable[..., bool]]]] = {
    ">": (operator.gt, operators.greater),
    "<": (operator.lt, operators.less),
    ">=": (operator.ge, operators.greater_or_equal),
    "<=": (operator.le, operators.less_or_equal),
}

BINARY: Final[Mapping[str, Callable[[Evaluate, Evaluate], Evaluate]]] = {
    "..": _range,
    "??": _coalescing(nulls_too=True),
    "???": _coalescing(nulls_too=False),
    "~": lambda left, right: concatenation([left, right]),
    "*": _metered(arithmetic.multiply),
    "/": _metered(arithmetic.divide),
    "%": _metered(arithmetic.modulo),
    "+": _metered(arithmetic.add),
    "-": _metered(arithmetic.subtract),
    "==": _equality(negated=False),
    "equals": _equality(negated=False),
    "!=": _equality(negated=True),
    **{name: _compared(operate, plain) for name, (plain, operate) in _PLAIN.items()},
    "isIn": _metered(operators.is_in),
    "isNotIn": _negated(operators.is_in),
    "contains": _metered(operators.contains),
}
"""How each binary operator combines two closures."""
