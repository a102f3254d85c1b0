"""The syntax tree: what the parser makes and what is compiled to closures.

`at` is the position in the template, for messages. Chains of left-associative operators of one
precedence are one node (`Chain`), so that long sums do not nest.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any


@dataclass(slots=True)
class Literal:
    """A constant."""

    value: Any
    at: int


@dataclass(slots=True)
class Name:
    """A variable."""

    name: str
    at: int


@dataclass(slots=True)
class Attribute:
    """`target.key` (then `key` is a literal) or `target[key]`."""

    target: "Node"
    key: "Node"
    at: int


@dataclass(slots=True)
class Arguments:
    """Arguments of a call: by position, then by name."""

    positional: tuple["Node", ...]
    named: tuple[tuple[str, "Node"], ...]


@dataclass(slots=True)
class Method:
    """`target.name(…)`."""

    target: "Node"
    name: str
    arguments: tuple["Node", ...]
    at: int


@dataclass(slots=True)
class Call:
    """`name(…)`: a function or a macro."""

    name: str
    arguments: Arguments
    at: int


@dataclass(slots=True)
class Filter:
    """`target | name(…)`."""

    target: "Node"
    name: str
    arguments: Arguments
    at: int


@dataclass(slots=True)
class Test:
    """`target is name(…)`, or `is not`."""

    target: "Node"
    name: str
    arguments: Arguments
    negated: bool
    at: int


@dataclass(slots=True)
class Unary:
    """`not`, `-` or `+` before an operand."""

    operator: str
    operand: "Node"
    at: int


@dataclass(slots=True)
class Chain:
    """`first op operand op operand …`, from left to right."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]
    at: int


@dataclass(slots=True)
class Ternary:
    """`condition ? yes : no`."""

    condition: "Node"
    yes: "Node"
    no: "Node"
    at: int


@dataclass(slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple["Node", ...]
    at: int


@dataclass(slots=True)
class MapOf:
    """`{key: value}`; keys are expressions."""

    pairs: tuple[tuple["Node", "Node"], ...]
    at: int


Node = (
    Literal
    | Name
    | Attribute
    | Method
    | Call
    | Filter
    | Test
    | Unary
    | Chain
    | Ternary
    | ListOf
    | MapOf
)
"""Any expression."""


@dataclass(slots=True)
class Text:
    """Text as it stands."""

    text: str
    at: int


@dataclass(slots=True)
class Print:
    """`{{ expression }}`."""

    expression: Node
    at: int


@dataclass(slots=True)
class If:
    """`{% if %}` with its `elseif`s, and what stands after `else`."""

    branches: tuple[tuple[Node, "Body"], ...]
    otherwise: "Body"
    at: int


@dataclass(slots=True)
class For:
    """`{% for variable in items %}`, and what stands after `else`."""

    variable: str
    items: Node
    body: "Body"
    otherwise: "Body"
    at: int


@dataclass(slots=True)
class Set:
    """`{% set name = value %}`."""

    name: str
    value: Node
    at: int


@dataclass(slots=True)
class Macro:
    """`{% macro name(parameter, parameter=default) %}`."""

    name: str
    parameters: tuple[tuple[str, Node | None], ...]
    body: "Body"
    at: int


@dataclass(slots=True)
class Block:
    """`{% block name %}`: printed where it stands and by `block(name)`."""

    name: str
    body: "Body"
    at: int


@dataclass(slots=True)
class FilterBlock:
    """`{% filter upper | trim %}`: filters over a printed body; `chain` has the hole `HOLE`."""

    chain: Node
    body: "Body"
    at: int


Statement = Text | Print | If | For | Set | Macro | Block | FilterBlock
Body = tuple[Statement, ...]

HOLE = "\0body"
"""Name of the variable that stands for the body in the chain of a `FilterBlock`; not writable."""


def inside(one: Any) -> Iterable[Any]:
    """Return what a node, or a tuple of nodes, consists of; nothing for anything else."""
    if isinstance(one, tuple):
        return one
    if is_dataclass(one) and not isinstance(one, type):
        return [getattr(one, each.name) for each in fields(one)]
    return ()
