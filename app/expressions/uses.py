"""Static analysis of one template: which variables, functions and things outside it uses, where."""

import bisect
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from app.errors import ExpressionError
from app.expressions.nodes import (
    HOLE,
    Attribute,
    Call,
    Chain,
    Filter,
    For,
    If,
    Literal,
    Macro,
    Name,
    Node,
    Print,
    Set,
    Ternary,
    Test,
    inside,
)
from app.expressions.registry import FILTERS, FUNCTIONS, TESTS
from app.expressions.tags import parse
from app.expressions.template import has_tags, unexpected

_LINE_BREAK: Final = re.compile("\n")
_KEYED: Final = frozenset({"inputs", "outputs", "vars", "labels"})
_ASKING: Final = {
    "secret": ("secrets", "key"),
    "kv": ("kv", "key"),
    "read": ("files", "path"),
    "fileSize": ("files", "path"),
    "fileExists": ("files", "path"),
    "isFileEmpty": ("files", "path"),
    "fileURI": ("files", "path"),
}
"""Functions whose constant first argument names something, and what."""

_FORGIVING: Final = frozenset({"??", "???"})
_COMPARING: Final = frozenset(
    {"==", "equals", "!=", ">", "<", ">=", "<=", "and", "or", "contains", "isIn", "isNotIn"}
)
_HARMLESS: Final = frozenset(
    {
        "sh", "escapeChar", "number", "length", "slugify", "base64encode", "urlencode", "md5",
        "sha1", "sha256", "sha512", "timestamp",
    }
)  # fmt: skip
"""Filters whose results hold nothing that a shell takes for its own."""
_REMEMBERED_CHARS: Final = 2_000
"""Longer templates are looked at each time."""


class Use(NamedTuple):
    """One use of something by a template.

    `kind`: `names` (variables of the context), `inputs`, `outputs`, `vars` and `labels` (their
    first keys), `secrets`, `kv`, `files` and `flows` (constant arguments), `functions`, `filters`,
    `tests`, `macros`; `dynamic`: something is looked up by a name known only at run time.
    """

    kind: str
    name: str
    line: int
    column: int
    guarded: bool = False
    """Whether the template says what happens when it is missing."""
    printed: bool = False
    """Whether its text becomes part of the result, not quoted for a shell."""


class _State(NamedTuple):
    """What is known of a place in the syntax tree."""

    guarded: bool = False
    printed: bool = False


def uses(text: str) -> list[Use]:
    """Return what a template uses, in no special order.

    Raises:
        ExpressionError: when it cannot be read.
    """
    if not has_tags(text):
        return []
    try:
        survey = _Survey(text, parse(text))
        found = list(survey.found())
    except RecursionError as error:
        raise unexpected(error, line=1, column=1) from error
    # What is looked for once (`is defined`) is taken to be looked for everywhere.
    tested = {(use.kind, use.name) for use in found if use.guarded}
    return [use._replace(guarded=(use.kind, use.name) in tested) for use in found]


def check(text: str) -> Sequence[Use] | ExpressionError:
    """Return what a template uses, or what is wrong with its syntax."""
    return _check(text) if len(text) <= _REMEMBERED_CHARS else _checked(text)


def _checked(text: str) -> Sequence[Use] | ExpressionError:
    try:
        return tuple(uses(text))
    except ExpressionError as error:
        return error


# The same few templates stand in many flows, and in every revision of them.
_check = lru_cache(maxsize=4_096)(_checked)


class _Survey:
    """Walks a syntax tree; names that the template sets itself are no variables of the context."""

    def __init__(self, source: str, body: Any) -> None:
        self._lines = [0, *(match.end() for match in _LINE_BREAK.finditer(source))]
        self._body = body
        self._local = {HOLE}
        self._macros: set[str] = set()
        for node in _nodes(body):
            self._declare(node)

    def _declare(self, node: Any) -> None:
        if isinstance(node, Set):
            self._local.add(node.name)
        elif isinstance(node, For):
            self._local.update((node.variable, "loop"))
        elif isinstance(node, Macro):
            self._macros.add(node.name)
            self._local.add(node.name)
            self._local.update(name for name, _ in node.parameters)

    def found(self) -> Iterator[Use]:
        pending: list[tuple[Any, _State]] = [(self._body, _State())]
        while pending:
            node, state = pending.pop()
            yield from self._uses(node, state)
            pending.extend(_below(node, state))

    def _uses(self, node: Any, state: _State) -> Iterator[Use]:
        if isinstance(node, Name) and node.name not in self._local:
            yield self._use("names", node.name, node.at, state)
        elif isinstance(node, Attribute) and isinstance(node.target, Name):
            yield from self._key(node.target.name, node.key, node.at, state)
        elif isinstance(node, Filter):
            yield self._use("filters", node.name, node.at, state)
        elif isinstance(node, Test):
            yield self._use("tests", node.name, node.at, state)
        elif isinstance(node, Call):
            yield from self._call(node, state)

    def _key(self, variable: str, key: Node, at: int, state: _State) -> Iterator[Use]:
        if variable not in _KEYED or variable in self._local:
            return
        if isinstance(key, Literal) and isinstance(key.value, str):
            yield self._use(variable, key.value, at, state)
        else:
            yield self._use("dynamic", variable, at, state)

    def _call(self, node: Call, state: _State) -> Iterator[Use]:
        if node.name in self._macros:
            yield self._use("macros", node.name, node.at, state)
            return
        yield self._use("functions", node.name, node.at, state)
        if node.name in ("render", "renderOnce"):
            yield self._use("dynamic", node.name, node.at, state)
        if node.name == "subflow":
            yield from self._flow(node, state)
        if node.name in _ASKING:
            kind, parameter = _ASKING[node.name]
            key = _argument(node, 0, parameter)
            known = key is not None and not key.startswith("kestra://")
            if known:
                yield self._use(kind, str(key), node.at, state)
            elif key is None:
                yield self._use("dynamic", node.name, node.at, state)

    def _flow(self, node: Call, state: _State) -> Iterator[Use]:
        namespace, flow = _argument(node, 0, "namespace"), _argument(node, 1, "flowId")
        if namespace is None or flow is None:
            yield self._use("dynamic", node.name, node.at, state)
        else:
            yield self._use("flows", f"{namespace}.{flow}", node.at, state)

    def _use(self, kind: str, name: str, at: int, state: _State) -> Use:
        line = bisect.bisect_right(self._lines, at)
        return Use(kind, name, line, at - self._lines[line - 1] + 1, *state)


def is_known(use: Use) -> bool:
    """Whether a function, filter or test exists; everything else does."""
    known = {"functions": FUNCTIONS, "filters": FILTERS, "tests": TESTS}.get(use.kind)
    return known is None or use.name in known or (use.kind, use.name) == ("functions", "block")


def _below(node: Any, state: _State) -> list[tuple[Any, _State]]:
    """Return what a node consists of, each with what is known of its place."""
    parts: list[tuple[Any, _State]]
    silent = state._replace(printed=False)
    match node:
        case Print():
            parts = [(node.expression, state._replace(printed=True))]
        case Chain(first=first, rest=rest):
            parts = _operands(first, rest, state)
        case Filter(target=target, name=name, arguments=arguments):
            quoted = silent if name in _HARMLESS else state
            forgiven = quoted._replace(guarded=True) if name == "default" else quoted
            parts = [(target, forgiven), (arguments, state)]
        case Test(target=target, name=name, arguments=arguments):
            parts = [(target, _State(guarded=state.guarded or name == "defined"))]
            parts.append((arguments, silent))
        case Ternary(condition=condition, yes=yes, no=no):
            parts = [(condition, silent), (yes, state), (no, state)]
        case Attribute(target=target, key=key):
            parts = [(target, state), (key, silent)]
        case If() | For() | Set():
            parts = [(one, _State()) for one in inside(node)]
        case _:
            parts = [(one, state) for one in inside(node)]
    return parts


def _operands(
    first: Node, rest: tuple[tuple[str, Node], ...], state: _State
) -> list[tuple[Any, _State]]:
    words = [operator for operator, _ in rest]
    if _COMPARING.intersection(words):
        state = state._replace(printed=False)
    operands = [first, *(operand for _, operand in rest)]
    last = max((place for place, word in enumerate(words) if word in _FORGIVING), default=-1)
    forgiven = state._replace(guarded=True)
    return [
        (operand, forgiven if place <= last else state) for place, operand in enumerate(operands)
    ]


def _argument(node: Call, place: int, name: str) -> str | None:
    """Return a constant text argument, None if it is none."""
    given = node.arguments.positional
    value = given[place] if place < len(given) else dict(node.arguments.named).get(name)
    return value.value if isinstance(value, Literal) and isinstance(value.value, str) else None


def _nodes(body: Any) -> Iterator[Any]:
    """Give all nodes of a syntax tree."""
    pending = [body]
    while pending:
        one = pending.pop()
        yield one
        pending.extend(inside(one))
