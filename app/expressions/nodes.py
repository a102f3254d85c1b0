"""The syntax tree: what the parser makes and what is compiled to closures.

`at` is the position in the template, for messages. Chains of left-associative operators of one
precedence are one node (`Chain`), so that long sums do not nest.
"""

from typing import Any, NamedTuple


class Literal(NamedTuple):
    """A constant."""

    value: Any
    at: int


class Name(NamedTuple):
    """A variable."""

    name: str
    at: int


class Attribute(NamedTuple):
    """`target.key` (then `key` is a literal) or `target[key]`."""

    target: "Node"
    key: "Node"
    at: int


class Arguments(NamedTuple):
    """Arguments of a call: by position, then by name."""

    positional: tuple["Node", ...]
    named: tuple[tuple[str, "Node"], ...]


class Method(NamedTuple):
    """`target.name(…)`."""

    target: "Node"
    name: str
    arguments: tuple["Node", ...]
    at: int


class Call(NamedTuple):
    """`name(…)`: a function or a macro."""

    name: str
    arguments: Arguments
    at: int


class Filter(NamedTuple):
    """`target | name(…)`."""

    target: "Node"
    name: str
    arguments: Arguments
    at: int


class Test(NamedTuple):
    """`target is name(…)`, or `is not`."""

    target: "Node"
    name: str
    arguments: Arguments
    negated: bool
    at: int


class Unary(NamedTuple):
    """`not`, `-` or `+` before an operand."""

    operator: str
    operand: "Node"
    at: int


class Chain(NamedTuple):
    """`first op operand op operand …`, from left to right."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]
    at: int


class Ternary(NamedTuple):
    """`condition ? yes : no`."""

    condition: "Node"
    yes: "Node"
    no: "Node"
    at: int


class ListOf(NamedTuple):
    """`[a, b]`."""

    items: tuple["Node", ...]
    at: int


class MapOf(NamedTuple):
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


class Text(NamedTuple):
    """Text as it stands."""

    text: str
    at: int


class Print(NamedTuple):
    """`{{ expression }}`."""

    expression: Node
    at: int


class If(NamedTuple):
    """`{% if %}` with its `elseif`s, and what stands after `else`."""

    branches: tuple[tuple[Node, "Body"], ...]
    otherwise: "Body"
    at: int


class For(NamedTuple):
    """`{% for variable in items %}`, and what stands after `else`."""

    variable: str
    items: Node
    body: "Body"
    otherwise: "Body"
    at: int


class Set(NamedTuple):
    """`{% set name = value %}`."""

    name: str
    value: Node
    at: int


class Macro(NamedTuple):
    """`{% macro name(parameter, parameter=default) %}`."""

    name: str
    parameters: tuple[tuple[str, Node | None], ...]
    body: "Body"
    at: int


class Block(NamedTuple):
    """`{% block name %}`: printed where it stands and by `block(name)`."""

    name: str
    body: "Body"
    at: int


class FilterBlock(NamedTuple):
    """`{% filter upper | trim %}`: filters over a printed body; `chain` has the hole `HOLE`."""

    chain: Node
    body: "Body"
    at: int


Statement = Text | Print | If | For | Set | Macro | Block | FilterBlock
Body = tuple[Statement, ...]

HOLE = "\0body"
"""Name of the variable that stands for the body in the chain of a `FilterBlock`; not writable."""
