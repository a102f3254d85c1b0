"""Internal storage: the files of flows and executions, by URI (`kestra:///…`)."""

from app.storage.local import LocalStorage
from app.storage.memory import MemoryStorage

__all__ = ["LocalStorage", "MemoryStorage"]
