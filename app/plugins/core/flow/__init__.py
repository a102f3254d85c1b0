"""Flowables: the tasks that decide which other tasks run. One file each."""

from app.plugins.core.flow.each import ForEach
from app.plugins.core.flow.parallel import Parallel
from app.plugins.core.flow.pause import Pause
from app.plugins.core.flow.sequential import Sequential
from app.plugins.core.flow.sleep import Sleep
from app.plugins.core.flow.subflow import Subflow
from app.plugins.core.flow.switch import Switch
from app.plugins.core.flow.when import If

TYPES = (Sequential, Parallel, ForEach, If, Switch, Sleep, Subflow, Pause)

__all__ = [
    "TYPES",
    "ForEach",
    "If",
    "Parallel",
    "Pause",
    "Sequential",
    "Sleep",
    "Subflow",
    "Switch",
]
