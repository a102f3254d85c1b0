"""Parser of expressions: precedence climbing over the tokens (reference §5.3, §5.4, §5.6).

Nesting is limited here, so that no later step can run out of stack on a hostile template.
"""

from typing import Final

from app.errors import ExpressionError
from app.expressions.java_numbers import fits_long
from app.expressions.lexer import (
    DOUBLE,
    NAME,
    OPERATOR,
    PART,
    PART_END,
    PUNCTUATION,
    STRING,
    WHOLE,
    Token,
    error_at,
)
from app.expressions.nodes import (
    Arguments,
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

MAX_DEPTH: Final = 64
"""How deeply expressions and tags may be nested."""

_MAX_LINKS = 200
_UNARY = 500

_PRECEDENCE: Final = {
    "..": 120,
    "??": 120,
    "???": 120,
    "~": 110,
    "|": 100,
    "*": 60,
    "/": 60,
    "%": 60,
    "+": 40,
    "-": 40,
    "==": 30,
    "equals": 30,
    "!=": 30,
    ">": 30,
    "<": 30,
    ">=": 30,
    "<=": 30,
    "isIn": 30,
    "isNotIn": 30,
    "is": 20,
    "is not": 20,
    "contains": 20,
    "and": 15,
    "or": 10,
}

_CONSTANTS: Final = {
    "true": True,
    "TRUE": True,
    "false": False,
    "FALSE": False,
    "null": None,
    "NULL": None,
    "none": None,
    "NONE": None,
}

_NO_ARGUMENTS: Final = Arguments((), ())
_MAX_DIGITS = 19


class ExpressionParser:
    """Reads expressions from a list of tokens, from `index` on."""

    def __init__(self, source: str, tokens: list[Token]) -> None:
        """Start at the first token."""
        self.source = source
        self.tokens = tokens
        self.index = 0
        self._depth = 0

    @property
    def token(self) -> Token:
        """The token that is read next."""
        return self.tokens[self.index]

    def error(self, message: str, token: Token | None = None) -> ExpressionError:
        """Return an error at a token, by default at the next one."""
        return error_at(self.source, (token or self.token).at, message)

    def take(self, kind: str, text: str | None = None) -> Token:
        """Return the next token, which must be of a kind (and text), and move on.

        Raises:
            ExpressionError: when it is something else.
        """
        token = self.token
        if token.kind != kind or (text is not None and token.text != text):
            raise self.error(f"expected `{text or kind}` but found {self._shown(token)}")
        self.index += 1
        return token

    def at(self, text: str, kind: str = PUNCTUATION) -> bool:
        """Tell whether the next token is this one."""
        token = self.tokens[self.index]
        return token.text == text and token.kind == kind

    def skip(self, text: str) -> bool:
        """Move past a punctuation mark if it comes next; tell whether it did."""
        if self.at(text):
            self.index += 1
            return True
        return False

    def down(self) -> None:
        """Count one level of nesting; `up` takes it back."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} levels of nesting")

    def up(self) -> None:
        """Take back one `down`."""
        self._depth -= 1

    def expression(self) -> Node:
        """Read a whole expression, a ternary included."""
        return self._climb(0)

    def filters(self, node: Node) -> Node:
        """Read `name | name(…)`: filters over a node."""
        node = self._filter(node, self.token.at)
        while self.at("|", OPERATOR):
            self.index += 1
            node = self._filter(node, self.token.at)
        return node

    def arguments(self) -> Arguments:
        """Read `(…)` if it comes next."""
        if not self.skip("("):
            return _NO_ARGUMENTS
        positional: list[Node] = []
        named: list[tuple[str, Node]] = []
        while not self.skip(")"):
            if positional or named:
                self.take(PUNCTUATION, ",")
            following = self.tokens[self.index + 1]
            if self.token.kind == NAME and (following.kind, following.text) == (PUNCTUATION, "="):
                name = self.take(NAME).text
                self.index += 1
                named.append((name, self.expression()))
            elif named:
                raise self.error("arguments by position must stand before those by name")
            else:
                positional.append(self.expression())
        return Arguments(tuple(positional), tuple(named))

    def _climb(self, least: int) -> Node:
        self.down()
        node = self._operand()
        links = 0
        while True:
            token = self.token
            precedence = _PRECEDENCE.get(token.text, -1) if token.kind == OPERATOR else -1
            if precedence < least:
                break
            links += 1
            if links > _MAX_LINKS:
                raise self.error(f"more than {_MAX_LINKS} operators in a row")
            node = self._binary(node, token, precedence)
        if least == 0 and self.at("?"):
            node = self._ternary(node)
        self.up()
        return node

    def _binary(self, left: Node, token: Token, precedence: int) -> Node:
        self.index += 1
        if token.text == "|":
            return self._filter(left, token.at)
        if token.text in ("is", "is not"):
            name = self.take(NAME).text
            return Test(left, name, self.arguments(), token.text == "is not", token.at)
        return self._chain(left, token, precedence)

    def _chain(self, left: Node, token: Token, precedence: int) -> Node:
        """Read all operators of one precedence that follow each other."""
        rest = [(token.text, self._climb(precedence + 1))]
        while True:
            following = self.token
            if following.kind != OPERATOR or _PRECEDENCE.get(following.text) != precedence:
                break
            if following.text in ("is", "is not"):
                break
            self.index += 1
            rest.append((following.text, self._climb(precedence + 1)))
        return Chain(left, tuple(rest), token.at)

    def _ternary(self, condition: Node) -> Node:
        at = self.take(PUNCTUATION, "?").at
        yes = self.expression()
        self.take(PUNCTUATION, ":")
        return Ternary(condition, yes, self.expression(), at)

    def _filter(self, target: Node, at: int) -> Node:
        name = self.take(NAME).text
        return Filter(target, name, self.arguments(), at)

    def _operand(self) -> Node:
        token = self.token
        if token.kind == OPERATOR and token.text in ("not", "-", "+"):
            self.index += 1
            return Unary(token.text, self._climb(_UNARY), token.at)
        if token.kind == PUNCTUATION:
            return self._bracketed(token)
        if token.kind == NAME:
            return self._postfix(self._named(token))
        if token.kind in (STRING, PART):
            return self._postfix(self._string())
        if token.kind in (WHOLE, DOUBLE):
            return self._postfix(self._number(token))
        raise self.error(f"expected an expression but found {self._shown(token)}")

    def _bracketed(self, token: Token) -> Node:
        if self.skip("("):
            node = self.expression()
            self.take(PUNCTUATION, ")")
            return self._postfix(node)
        # Lists and maps take no postfix, as in Pebble: `([1,2])[0]`, never `[1,2][0]`.
        if self.skip("["):
            return self._list(token.at)
        if self.skip("{"):
            return self._map(token.at)
        raise self.error(f"expected an expression but found {self._shown(token)}")

    def _list(self, at: int) -> Node:
        items: list[Node] = []
        while not self.skip("]"):
            if items:
                self.take(PUNCTUATION, ",")
            items.append(self.expression())
        return ListOf(tuple(items), at)

    def _map(self, at: int) -> Node:
        pairs: list[tuple[Node, Node]] = []
        while not self.skip("}"):
            if pairs:
                self.take(PUNCTUATION, ",")
            key = self.expression()
            self.take(PUNCTUATION, ":")
            pairs.append((key, self.expression()))
        return MapOf(tuple(pairs), at)

    def _named(self, token: Token) -> Node:
        self.index += 1
        if token.text in _CONSTANTS:
            return Literal(_CONSTANTS[token.text], token.at)
        if self.at("("):
            return Call(token.text, self.arguments(), token.at)
        return Name(token.text, token.at)

    def _number(self, token: Token) -> Node:
        self.index += 1
        if token.kind == DOUBLE:
            return Literal(float(token.text), token.at)
        if len(token.text.lstrip("0")) > _MAX_DIGITS or not fits_long(int(token.text)):
            raise self.error("the number is larger than 64 bits", token)
        return Literal(int(token.text), token.at)

    def _string(self) -> Node:
        """Read a text; parts in `#{…}` are joined to it as `~` does."""
        start = self.token
        parts: list[Node] = []
        while True:
            if self.token.kind == PART:
                self.index += 1
                parts.append(self.expression())
                self.take(PART_END)
            elif self.token.kind == STRING and self.token.at == start.at:
                parts.append(Literal(self.take(STRING).text, start.at))
            else:
                break
        if len(parts) == 1 and isinstance(parts[0], Literal):
            return parts[0]
        first: Node = Literal("", start.at)
        return Chain(first, tuple(("~", part) for part in parts), start.at)

    def _postfix(self, node: Node) -> Node:
        links = 0
        while True:
            token = self.token
            if token.kind != PUNCTUATION or token.text not in ".[(":
                return node
            links += 1
            if links > _MAX_LINKS:
                raise self.error(f"more than {_MAX_LINKS} attributes in a row")
            if token.text == "(":
                raise self.error("only a name can be called")
            self.index += 1
            node = self._dotted(node) if token.text == "." else self._indexed(node, token.at)

    def _dotted(self, target: Node) -> Node:
        token = self.token
        if token.kind != NAME:
            raise self.error(
                f"expected a name after `.` but found {self._shown(token)}; "
                "write other keys in brackets, as in ['my-key']"
            )
        self.index += 1
        if self.at("("):
            arguments = self.arguments()
            if arguments.named:
                raise self.error("methods take arguments by position only", token)
            return Method(target, token.text, arguments.positional, token.at)
        return Attribute(target, Literal(token.text, token.at), token.at)

    def _indexed(self, target: Node, at: int) -> Node:
        key = self.expression()
        self.take(PUNCTUATION, "]")
        return Attribute(target, key, at)

    def _shown(self, token: Token) -> str:
        return f"`{token.text[:40]}`" if token.text else f"the {token.kind} of the template"
