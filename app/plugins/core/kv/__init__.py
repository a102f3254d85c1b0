"""Tasks on the key-value pairs of namespaces (reference §2.4)."""

from app.plugins.core.kv.delete import Delete
from app.plugins.core.kv.get import Get, GetKeys
from app.plugins.core.kv.purge import PurgeKV
from app.plugins.core.kv.set import Set

TYPES = (Delete, Get, GetKeys, PurgeKV, Set)
