"""The task types that belong to Headwater itself; `TYPES` is what the registry takes up."""

from app.plugins.core import (
    debug,
    execution,
    flow,
    kv,
    log,
    namespace,
    state,
    storage,
    templating,
    trigger,
)
from app.plugins.core.http import Request
from app.plugins.core.http_download import Download
from app.plugins.core.http_sse import SseRequest
from app.plugins.core.output import OutputValues

TYPES = (
    Request,
    Download,
    SseRequest,
    OutputValues,
    *debug.TYPES,
    *execution.TYPES,
    *flow.TYPES,
    *kv.TYPES,
    *log.TYPES,
    *namespace.TYPES,
    *state.TYPES,
    *storage.TYPES,
    *templating.TYPES,
    *trigger.TYPES,
)

__all__ = ["TYPES", "OutputValues", "Request"]
