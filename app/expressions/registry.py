"""Functions, filters and tests: what they are, and how built-in ones are declared.

A built-in one is a Python function with a docstring (which is its documentation) under a decorator
that gives its name and the names of its arguments in templates. When its first parameter is called
`evaluation` it gets the running evaluation.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self, TypeVar

from app.errors import ExpressionError

_Call = TypeVar("_Call", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that is called by name with arguments.

    `parameters`: their names in templates, in order; None: any number by position. `keywords`: the
    Python names of the same. `required`: how many must be given. `subjects`: how many values come
    before the arguments (1 for filters and tests). `catches_missing`: a missing input is null.
    """

    name: str
    call: Callable[..., Any]
    parameters: tuple[str, ...] | None
    keywords: tuple[str, ...]
    required: int
    wants_evaluation: bool
    subjects: int
    catches_missing: bool = False

    @property
    def doc(self) -> str:
        """The documentation, in Markdown."""
        return inspect.getdoc(self.call) or ""

    @classmethod
    def of(
        cls,
        call: Callable[..., Any],
        name: str,
        parameters: tuple[str, ...] | None,
        *,
        catches_missing: bool = False,
    ) -> Self:
        """Describe a Python function as an operation."""
        signature = list(inspect.signature(call).parameters.values())
        wants_evaluation = bool(signature) and signature[0].name == "evaluation"
        arguments = signature[wants_evaluation + cls.given() :]
        required = 0
        if parameters is not None:
            required = sum(1 for one in arguments if one.default is inspect.Parameter.empty)
        keywords = tuple(one.name for one in arguments) if parameters is not None else ()
        return cls(
            name,
            call,
            parameters,
            keywords,
            required,
            wants_evaluation,
            cls.given(),
            catches_missing,
        )

    @classmethod
    def given(cls) -> int:
        """How many values come before the arguments."""
        return 0

    def invoke(
        self,
        evaluation: Any,
        subject: tuple[Any, ...],
        positional: list[Any],
        named: dict[str, Any],
    ) -> Any:
        """Call it.

        Raises:
            ExpressionError: for too many, too few or unknown arguments.
        """
        keywords: dict[str, Any] = {}
        if self.parameters is not None:
            if named or not self.required <= len(positional) <= len(self.parameters):
                positional, keywords = self._bound(positional, named)
        elif named:
            message = f"'{self.name}' takes arguments by position only"
            raise ExpressionError(message)
        if self.wants_evaluation:
            return self.call(evaluation, *subject, *positional, **keywords)
        return self.call(*subject, *positional, **keywords)

    def _bound(
        self, positional: list[Any], named: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        parameters = self.parameters or ()
        if not parameters and self.subjects:
            positional = []  # filters and tests without arguments ignore what they are given
        if len(positional) > len(parameters):
            message = (
                f"The argument at position {len(parameters) + 1} is not allowed. "
                f"Only {len(parameters)} argument(s) are allowed by '{self.name}'."
            )
            raise ExpressionError(message)
        keywords = {}
        for name, value in named.items():
            if name not in parameters:
                message = f"The following named argument does not exist: {name} of '{self.name}'"
                raise ExpressionError(message)
            keywords[self.keywords[parameters.index(name)]] = value
        self._require(len(positional), keywords)
        for keyword in self.keywords[: len(positional)]:
            if keyword in keywords:
                message = f"'{self.name}' is given an argument twice, by position and by name"
                raise ExpressionError(message)
        return positional, keywords

    def _require(self, count: int, keywords: dict[str, Any]) -> None:
        for index in range(count, self.required):
            if self.keywords[index] not in keywords:
                argument = (self.parameters or ())[index]
                message = f"'{self.name}' expects an argument '{argument}'"
                raise ExpressionError(message)


class Function(Operation):
    """`name(…)`."""

    __slots__ = ()


class Filter(Operation):
    """`value | name(…)`."""

    __slots__ = ()

    @classmethod
    def given(cls) -> int:
        """The filtered value."""
        return 1


class Test(Operation):
    """`value is name(…)`."""

    __slots__ = ()

    @classmethod
    def given(cls) -> int:
        """The tested value."""
        return 1


_functions: dict[str, Function] = {}
_filters: dict[str, Filter] = {}
_tests: dict[str, Test] = {}

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(_functions)
"""The built-in functions by name."""
FILTERS: Final[Mapping[str, Filter]] = MappingProxyType(_filters)
"""The built-in filters by name."""
TESTS: Final[Mapping[str, Test]] = MappingProxyType(_tests)
"""The built-in tests by name."""


def declare_function(
    name: str, *parameters: str, aliases: tuple[str, ...] = (), variadic: bool = False
) -> Callable[[_Call], _Call]:
    """Declare a built-in function; `variadic`: any number of arguments by position."""

    def declare(call: _Call) -> _Call:
        for each in (name, *aliases):
            _functions[each] = Function.of(call, each, None if variadic else parameters)
        return call

    return declare


def declare_filter(
    name: str, *parameters: str, aliases: tuple[str, ...] = (), catches_missing: bool = False
) -> Callable[[_Call], _Call]:
    """Declare a built-in filter."""

    def declare(call: _Call) -> _Call:
        for each in (name, *aliases):
            _filters[each] = Filter.of(call, each, parameters, catches_missing=catches_missing)
        return call

    return declare


def declare_test(
    name: str, *parameters: str, catches_missing: bool = False
) -> Callable[[_Call], _Call]:
    """Declare a built-in test."""

    def declare(call: _Call) -> _Call:
        _tests[name] = Test.of(call, name, parameters, catches_missing=catches_missing)
        return call

    return declare
