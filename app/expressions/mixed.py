"""Variables of which some came in as data."""

from collections.abc import Mapping
from typing import Any


class Mixed(dict[str, Any]):
    """The variables of a flow with those that its tasks have set, which are no texts of the flow.

    What is in `data` asks for no secrets when it is rendered.
    """

    __slots__ = ("data",)

    def __init__(self, own: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        """Put `data` over the flow's own."""
        super().__init__({**own, **data})
        self.data = frozenset(data)
