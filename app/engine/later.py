"""A part that another one needs before it is made: it refuses until it is replaced."""

from typing import Any

from app.errors import Unavailable


class Later:
    """A part that is about to be built."""

    def __init__(self, name: str) -> None:
        """Name it."""
        self._name = name

    def __call__(self, *_: Any) -> Any:
        """Refuse."""
        raise Unavailable(f"{self._name} is not built yet")

    def __getattr__(self, name: str) -> Any:
        """Refuse."""
        raise Unavailable(f"{self._name}.{name} is not built yet")
