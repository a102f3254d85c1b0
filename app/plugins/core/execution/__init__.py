"""Tasks on executions: the own one and others (reference §2.2)."""

from app.plugins.core.execution.assertion import Assert
from app.plugins.core.execution.count import Count
from app.plugins.core.execution.exit import Exit
from app.plugins.core.execution.fail import Fail
from app.plugins.core.execution.labels import Labels
from app.plugins.core.execution.purge import PurgeExecutions
from app.plugins.core.execution.resume import Kill, Resume
from app.plugins.core.execution.variables import SetVariables, UnsetVariables

TYPES = (
    Assert,
    Count,
    Exit,
    Fail,
    Kill,
    Labels,
    PurgeExecutions,
    Resume,
    SetVariables,
    UnsetVariables,
)
