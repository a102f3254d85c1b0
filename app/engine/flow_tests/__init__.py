"""Tests of flows, run in memory: an engine on ports that reach neither database nor network."""

from app.engine.flow_tests.suites import SuiteRunner

__all__ = ["SuiteRunner"]
