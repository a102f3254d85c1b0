"""The task types that belong to Headwater itself; `TYPES` is what the registry takes up."""

from app.plugins.core import flow, namespace, storage
from app.plugins.core.debug import Return
from app.plugins.core.execution import Fail
from app.plugins.core.http import Request
from app.plugins.core.log import Log
from app.plugins.core.output import OutputValues

TYPES = (
    Request,
    Log,
    Return,
    OutputValues,
    Fail,
    *flow.TYPES,
    *namespace.TYPES,
    *storage.TYPES,
)

__all__ = ["TYPES", "Fail", "Log", "OutputValues", "Request", "Return"]
