"""The services of the API's tests serve these, too."""

from tests.api.conftest import api, client, errors, ns, sdk

__all__ = ["api", "client", "errors", "ns", "sdk"]
