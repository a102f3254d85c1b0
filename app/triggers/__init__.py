"""Triggers: time and events become executions."""
