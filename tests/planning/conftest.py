"""Repositories and sync services, as the tests of `app.sync` have them."""

from tests.sync.conftest import scratch, start

__all__ = ["scratch", "start"]
