"""JSON bodies: UTF-8 (RFC 8259), and all text in them can be stored."""

import json
import re
from typing import Any

from starlette.requests import Request

from app.errors import BadRequest, Invalid

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""May be half of a surrogate pair: rare enough to look at the value only then."""


class JsonRequest(Request):
    """A request whose JSON holds no text that neither a database nor an answer can hold."""

    async def json(self) -> Any:
        """Return the body as JSON means it.

        Raises:
            json.JSONDecodeError: when it is none.
            BadRequest: when it is not UTF-8.
            Invalid: when a text in it holds half of a surrogate pair.
        """
        try:
            text = (await self.body()).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BadRequest("the body is not UTF-8") from None
        value = json.loads(text)
        if _HALF.search(text):
            refuse_halves(value)
        return value


def refuse_halves(value: Any) -> None:
    """Raise `Invalid` when a text in a JSON value holds half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise Invalid(f"a text holds {half}, which is half of a character") from None
    except RecursionError:
        raise Invalid("the value is nested too deeply") from None
