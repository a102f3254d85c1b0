"""Lexer: a template becomes a flat list of tokens (reference §5.2).

Text between tags is one token. Inside tags the closing delimiter counts only outside of brackets,
so `{{ {'a': {'b': 1}} }}` is read as it looks.
"""

import re
from typing import Final, NamedTuple

from app.errors import ExpressionError
from app.expressions.raw import RawEnds

TEXT: Final = "text"
RAW: Final = "raw"
PRINT: Final = "{{"
PRINT_END: Final = "}}"
TAG: Final = "{%"
TAG_END: Final = "%}"
NAME: Final = "name"
WHOLE: Final = "whole"
DOUBLE: Final = "double"
STRING: Final = "string"
OPERATOR: Final = "operator"
PUNCTUATION: Final = "punctuation"
PART: Final = "#{"
PART_END: Final = "}"
END: Final = "end"


class Token(NamedTuple):
    """One token: its kind (a constant of this module), its text, and where it starts."""

    kind: str
    text: str
    at: int


WORD_OPERATORS: Final = frozenset(
    {"not", "is", "is not", "contains", "equals", "and", "or", "isIn", "isNotIn"}
)

_OPENING: Final = re.compile(r"\{[{%#]")
_TRIM_BEFORE: Final = re.compile(r"-\s+")
_RAW: Final = re.compile(r"[-\s]*raw[-\s]*%\}")
_VERBATIM: Final = re.compile(r"\s*verbatim\s*-?%\}")
_VERBATIM_END: Final = re.compile(r"\{%(-?)\s*endverbatim\s*(-?)%\}")
_CLOSE: Final = {
    PRINT: re.compile(r"\s*(-?)\}\}"),
    TAG: re.compile(r"\s*(-?)%\}"),
}
_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<name>[^\W\d]\w*)
    |(?P<double>[0-9]+\.[0-9]+)
    |(?P<whole>[0-9]+)L?
    |(?P<operator>\?\?\?|\?\?|\.\.|==|!=|<=|>=|[-+*/%~<>|])
    |(?P<punctuation>[()\[\]{},:.=?])
    |(?P<single>'[^'\\]*(?:\\.[^'\\]*)*')
    |(?P<quote>")
    )""",
    re.VERBOSE | re.DOTALL,
)
_PART_CLOSE: Final = re.compile(r"\s*\}")
_DOUBLE_QUOTED_PART: Final = re.compile(r'[^#"\\]*(?:(?:\\.|#(?!\{))[^#"\\]*)*', re.DOTALL)
_NOT: Final = re.compile(r" not(?!\w)")
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}
_MAX_INTERPOLATION = 16
_MAX_TOKENS = 100_000


def tokens_of(source: str) -> list[Token]:
    """Return the tokens of a template; the last one has the kind `END`.

    Raises:
        ExpressionError: for a tag, text or bracket that is not closed, or a stray character.
    """
    return _Lexer(source).run()


def place(source: str, at: int) -> tuple[int, int]:
    """Return line and column of a position, both counted from 1."""
    return source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)


def error_at(source: str, at: int, message: str) -> ExpressionError:
    """Return an error with its place in the template."""
    line, column = place(source, at)
    return ExpressionError(message, line=line, column=column)


class _Lexer:
    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0
        self._tokens: list[Token] = []
        self._trim_next = False
        self._raw_ends = RawEnds(source)

    def run(self) -> list[Token]:
        source = self._source
        while True:
            match = _OPENING.search(source, self._position)
            end = match.start() if match else len(source)
            text = source[self._position : end]
            self._add_text(text, self._position)
            if match is None:
                break
            self._position = match.end()
            self._open(match.group())
            self._bound()
        self._tokens.append(Token(END, "", len(source)))
        return self._tokens

    def _bound(self) -> None:
        if len(self._tokens) > _MAX_TOKENS:
            message = f"the template has more than {_MAX_TOKENS} parts; split it up"
            raise error_at(self._source, self._position, message)

    def _add_text(self, text: str, at: int) -> None:
        if self._trim_next:
            text = text.lstrip()
            self._trim_next = False
        if text:
            self._tokens.append(Token(TEXT, text, at))

    def _open(self, delimiter: str) -> None:
        start = self._position - 2
        if delimiter == TAG and self._raw():
            return
        trim = _TRIM_BEFORE.match(self._source, self._position)
        if trim:
            self._position = trim.end()
            self._trim_before()
        if delimiter == "{#":
            self._comment(start)
        elif delimiter == PRINT or not self._verbatim():
            self._inside(delimiter, start)

    def _trim_before(self) -> None:
        """Take the whitespace at the end of the text just read away."""
        if self._tokens and self._tokens[-1].kind == TEXT:
            last = self._tokens.pop()
            text = last.text.rstrip()
            if text:
                self._tokens.append(last._replace(text=text))

    def _raw(self) -> bool:
        """Read `{% raw %}…{% endraw %}`, which Kestra knows on one line only."""
        match = _RAW.match(self._source, self._position)
        end = match and self._raw_ends.on_line(match.end())
        if match is None or end is None:
            return False
        text = self._source[match.end() : end.start()]
        self._tokens.append(Token(RAW, text, match.end()))
        self._position = end.end()
        return True

    def _comment(self, start: int) -> None:
        end = self._source.find("#}", self._position)
        if end < 0:
            raise error_at(self._source, start, "the comment is not closed; write `#}`")
        comment = self._source[self._position : end]
        self._trim_next = comment.endswith("-") and comment[-2:-1].isspace()
        self._position = end + 2

    def _verbatim(self) -> bool:
        match = _VERBATIM.match(self._source, self._position)
        if match is None:
            return False
        end = _VERBATIM_END.search(self._source, match.end())
        if end is None:
            message = "`verbatim` is not closed; write `{% endverbatim %}`"
            raise error_at(self._source, match.start(), message)
        text = self._source[match.end() : end.start()].lstrip()
        text = text.rstrip() if end.group(1) else text
        if text:
            self._tokens.append(Token(RAW, text, match.end()))
        self._trim_next = bool(end.group(2))
        self._position = end.end()
        return True

    def _inside(self, delimiter: str, start: int) -> None:
        """Read a print tag (`{{`) or a statement tag (`{%`) up to its closing delimiter."""
        self._tokens.append(Token(delimiter, delimiter, start))
        close = _CLOSE[delimiter]
        brackets: list[Token] = []
        while True:
            if not brackets:
                match = close.match(self._source, self._position)
                if match:
                    kind = PRINT_END if delimiter == PRINT else TAG_END
                    self._tokens.append(Token(kind, kind, match.end() - 2))
                    self._trim_next = bool(match.group(1))
                    self._position = match.end()
                    return
            self._next(brackets, start, 0)
            self._bound()

    def _next(self, brackets: list[Token], start: int, level: int) -> None:
        match = _TOKEN.match(self._source, self._position)
        if match is None:
            raise self._stray(start)
        kind = match.lastgroup or ""
        at = match.start(kind)
        self._position = match.end()
        text = match.group(kind)
        if kind == NAME:
            self._name(text, at)
        elif kind == PUNCTUATION:
            self._punctuation(text, at, brackets)
        elif kind == "single":
            self._tokens.append(Token(STRING, text[1:-1].replace("\\'", "'"), at))
        elif kind == "quote":
            self._double_quoted(at, level)
        else:
            self._tokens.append(Token(kind, text, at))

    def _name(self, text: str, at: int) -> None:
        if text not in WORD_OPERATORS:
            self._tokens.append(Token(NAME, text, at))
            return
        if text == "is":
            negation = _NOT.match(self._source, self._position)
            if negation:
                text = "is not"
                self._position = negation.end()
        self._tokens.append(Token(OPERATOR, text, at))

    def _punctuation(self, text: str, at: int, brackets: list[Token]) -> None:
        token = Token(PUNCTUATION, text, at)
        if text in "([{":
            brackets.append(token)
        elif text in _PAIRS:
            if not brackets or brackets[-1].text != _PAIRS[text]:
                raise error_at(self._source, at, f"unexpected `{text}`")
            brackets.pop()
        self._tokens.append(token)

    def _double_quoted(self, start: int, level: int) -> None:
        """Read a double-quoted text; `#{…}` inside makes it several parts."""
        source = self._source
        first = len(self._tokens)
        while True:
            match = _DOUBLE_QUOTED_PART.match(source, self._position)
            end = match.end() if match else self._position
            text = source[self._position : end].replace('\\"', '"')
            if text or (source.startswith('"', end) and len(self._tokens) == first):
                self._tokens.append(Token(STRING, text, start))
            self._position = end
            if source.startswith('"', end):
                self._position += 1
                return
            if not source.startswith("#{", end):
                raise error_at(source, start, 'the text is not closed; write `"`')
            self._interpolation(end, level + 1)

    def _interpolation(self, start: int, level: int) -> None:
        if level > _MAX_INTERPOLATION:
            message = f"more than {_MAX_INTERPOLATION} `#{{` inside each other"
            raise error_at(self._source, start, message)
        self._tokens.append(Token(PART, "#{", start))
        self._position = start + 2
        brackets: list[Token] = []
        while brackets or not self._at_part_end():
            self._next(brackets, start, level)
        self._tokens.append(Token(PART_END, "}", self._position - 1))

    def _at_part_end(self) -> bool:
        match = _PART_CLOSE.match(self._source, self._position)
        if match:
            self._position = match.end()
        return match is not None

    def _stray(self, start: int) -> ExpressionError:
        rest = self._source[self._position :].lstrip()
        at = len(self._source) - len(rest)
        if not rest:
            opening = self._source[start : start + 2]
            close = {"{{": "}}", "{%": "%}"}.get(opening, "}")
            return error_at(self._source, start, f"`{opening}` is not closed; write `{close}`")
        if rest[0] in "'\"":
            return error_at(self._source, at, f"the text is not closed; write `{rest[0]}`")
        return error_at(self._source, at, f"unexpected character `{rest[0]}`")
