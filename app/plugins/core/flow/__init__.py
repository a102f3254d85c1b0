"""Flowables: the tasks that decide which other tasks run. One file each."""

from app.plugins.core.flow.allow_failure import AllowFailure
from app.plugins.core.flow.approval import Approval
from app.plugins.core.flow.dag import Dag
from app.plugins.core.flow.each import EachParallel, EachSequential, ForEach
from app.plugins.core.flow.each_item import ForEachItem
from app.plugins.core.flow.loop import Loop
from app.plugins.core.flow.loop_until import LoopUntil, WaitFor
from app.plugins.core.flow.parallel import Parallel
from app.plugins.core.flow.pause import Pause
from app.plugins.core.flow.sequential import Sequential
from app.plugins.core.flow.sleep import Sleep
from app.plugins.core.flow.subflow import Subflow
from app.plugins.core.flow.switch import Switch
from app.plugins.core.flow.template import Template
from app.plugins.core.flow.when import If
from app.plugins.core.flow.working_directory import WorkingDirectory

TYPES = (
    AllowFailure,
    Approval,
    Dag,
    EachParallel,
    EachSequential,
    ForEach,
    ForEachItem,
    If,
    Loop,
    LoopUntil,
    Parallel,
    Pause,
    Sequential,
    Sleep,
    Subflow,
    Switch,
    Template,
    WaitFor,
    WorkingDirectory,
)

__all__ = ["TYPES"]
