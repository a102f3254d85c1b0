"""Parser of templates: text, `{{ … }}` and the tags (reference §5.5)."""

from collections.abc import Callable
from typing import Final

from app.expressions.lexer import (
    END,
    NAME,
    PRINT,
    PRINT_END,
    PUNCTUATION,
    RAW,
    STRING,
    TAG,
    TAG_END,
    TEXT,
    tokens_of,
)
from app.expressions.nodes import (
    HOLE,
    Block,
    Body,
    Filter,
    FilterBlock,
    For,
    If,
    Macro,
    Name,
    Node,
    Print,
    Set,
    Statement,
    Text,
)
from app.expressions.parser import ExpressionParser

_REMOVED: Final = frozenset(
    {"autoescape", "extends", "embed", "flush", "import", "from", "include", "parallel", "cache"}
)


def parse(source: str) -> Body:
    """Return the statements of a template.

    Raises:
        ExpressionError: with line and column, when the template cannot be read.
    """
    parser = TemplateParser(source)
    body = parser.body(())
    if parser.token.kind != END:
        raise parser.error(f"unexpected tag `{parser.tokens[parser.index + 1].text}`")
    return body


class TemplateParser(ExpressionParser):
    """Reads the statements of a template."""

    def __init__(self, source: str) -> None:
        """Split the template into tokens."""
        super().__init__(source, tokens_of(source))

    def body(self, ends: tuple[str, ...]) -> Body:
        """Read statements up to the end, or to a tag with one of the names; that is not read."""
        self.down()
        statements: list[Statement] = []
        while True:
            token = self.token
            if token.kind in (TEXT, RAW):
                self.index += 1
                statements.append(Text(token.text, token.at))
            elif token.kind == PRINT:
                self.index += 1
                expression = self.expression()
                self.take(PRINT_END)
                statements.append(Print(expression, token.at))
            elif token.kind == TAG and self.tokens[self.index + 1].text not in ends:
                statements.append(self._tag())
            else:
                break
        self.up()
        return tuple(statements)

    def _tag(self) -> Statement:
        start = self.take(TAG)
        name = self.take(NAME)
        read = TAGS.get(name.text)
        if read is not None:
            return read(self, start.at)
        if name.text == "raw":
            raise self.error("`raw` must be closed by `endraw` on the same line", name)
        if name.text in _REMOVED:
            raise self.error(f"the tag `{name.text}` does not exist in flows", name)
        raise self.error(f"unexpected tag `{name.text}`", name)

    def close(self, name: str) -> None:
        """Read `{% name %}`, the end of a tag."""
        if self.token.kind != TAG:
            raise self.error(f"expected `{{% {name} %}}` before the end of the template")
        self.take(TAG)
        self.take(NAME, name)
        self.take(TAG_END)

    def next_end(self) -> str:
        """Return the name of the tag that ends the body just read; empty at the end."""
        return self.tokens[self.index + 1].text if self.token.kind == TAG else ""

    def block_name(self) -> str:
        """Read the name of a block: a name or a text."""
        token = self.token
        return self.take(STRING if token.kind == STRING else NAME).text


def _if(parser: TemplateParser, at: int) -> Statement:
    branches: list[tuple[Node, Body]] = []
    while True:
        condition = parser.expression()
        parser.take(TAG_END)
        branches.append((condition, parser.body(("elseif", "else", "endif"))))
        if parser.next_end() != "elseif":
            break
        parser.index += 2
    otherwise: Body = _else(parser, "endif")
    return If(tuple(branches), otherwise, at)


def _else(parser: TemplateParser, end: str) -> Body:
    otherwise: Body = ()
    if parser.next_end() == "else":
        parser.close("else")
        otherwise = parser.body((end,))
    parser.close(end)
    return otherwise


def _for(parser: TemplateParser, at: int) -> Statement:
    variable = parser.take(NAME).text
    parser.take(NAME, "in")
    items = parser.expression()
    parser.take(TAG_END)
    body = parser.body(("else", "endfor"))
    return For(variable, items, body, _else(parser, "endfor"), at)


def _set(parser: TemplateParser, at: int) -> Statement:
    name = parser.take(NAME).text
    parser.take(PUNCTUATION, "=")
    value = parser.expression()
    parser.take(TAG_END)
    return Set(name, value, at)


def _macro(parser: TemplateParser, at: int) -> Statement:
    name = parser.take(NAME).text
    parser.take(PUNCTUATION, "(")
    parameters: list[tuple[str, Node | None]] = []
    while not parser.skip(")"):
        if parameters:
            parser.take(PUNCTUATION, ",")
        parameter = parser.take(NAME).text
        parameters.append((parameter, parser.expression() if parser.skip("=") else None))
    parser.take(TAG_END)
    body = parser.body(("endmacro",))
    _close_named(parser, "endmacro")
    return Macro(name, tuple(parameters), body, at)


def _block(parser: TemplateParser, at: int) -> Statement:
    name = parser.block_name()
    parser.take(TAG_END)
    body = parser.body(("endblock",))
    _close_named(parser, "endblock")
    return Block(name, body, at)


def _close_named(parser: TemplateParser, end: str) -> None:
    """Read the end of a macro or block, after which its name may be repeated."""
    if parser.next_end() != end:
        parser.close(end)
    parser.index += 2
    if parser.token.kind in (NAME, STRING):
        parser.index += 1
    parser.take(TAG_END)


def _filter(parser: TemplateParser, at: int) -> Statement:
    chain = parser.filters(Name(HOLE, at))
    parser.take(TAG_END)
    body = parser.body(("endfilter",))
    parser.close("endfilter")
    assert isinstance(chain, Filter)  # noqa: S101 - `filters` reads at least one
    return FilterBlock(chain, body, at)


TAGS: Final[dict[str, Callable[[TemplateParser, int], Statement]]] = {
    "if": _if,
    "for": _for,
    "set": _set,
    "macro": _macro,
    "block": _block,
    "filter": _filter,
}
"""The readers of tags by name; `verbatim` and `raw` are the lexer's."""
