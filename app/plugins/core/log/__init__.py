"""Tasks that write, fetch and delete log lines (reference §2.3)."""

from app.plugins.core.log.fetch import Fetch
from app.plugins.core.log.log import Log
from app.plugins.core.log.purge import PurgeLogs

TYPES = (Fetch, Log, PurgeLogs)
