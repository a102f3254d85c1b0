"""Repositories and sync services for the tests of tenants."""

from tests.sync.conftest import rig, scratch, start

__all__ = ["rig", "scratch", "start"]
