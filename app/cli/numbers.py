"""Numbers that options take: whole ones, in a range."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from cyclopts import Parameter, Token

MOST: Final = 2**31 - 1
"""The largest number that the service counts to."""
_WHOLE: Final = re.compile(r"-?\d{1,18}", re.ASCII)


def whole(low: int, high: int) -> Callable[[Any, Sequence[Token]], int]:
    """Return what reads a whole number; cyclopts itself would read 2.7 as 2."""

    def read(_: Any, tokens: Sequence[Token]) -> int:
        text = tokens[0].value
        number = int(text) if _WHOLE.fullmatch(text) else None
        if number is None or not low <= number <= high:
            raise ValueError(f"{text!r:.40} is no whole number from {low} to {high}")
        return number

    return read


Limit = Annotated[int, Parameter(help="At most so many.", converter=whole(1, 1_000))]
Revision = Annotated[
    int | None, Parameter(help="The number of a revision.", converter=whole(1, MOST))
]
