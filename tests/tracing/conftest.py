"""The services of the API's tests serve these, too."""

from tests.api.conftest import api, ns

__all__ = ["api", "ns"]
