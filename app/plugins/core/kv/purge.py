"""`core.kv.PurgeKV`: remove key-value pairs of many namespaces (reference §2.4)."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import Field

from app.flows.model import Model
from app.flows.values import Dynamic, Text
from app.plugins.api import RunContext, Runnable
from app.ports import KeptKey


class PurgeBehavior(Model):
    """What is removed, in the words of later versions."""

    type: Literal["key", "version"] = Field(
        "key", description="`version` removes nothing: no earlier versions of a pair are kept."
    )
    expired_only: bool = Field(default=True, description="Whether only expired pairs are removed.")
    before: Text | None = Field(None, description="Concerns versions only.")
    keep_amount: int | None = Field(None, description="Concerns versions only.")


class PurgeKV(Runnable):
    """Remove key-value pairs, by default those that have expired. Outputs: `size`, how many."""

    type_name = "io.kestra.plugin.core.kv.PurgeKV"

    namespaces: Dynamic[list[str]] | None = Field(
        None, description="Only pairs of these namespaces; without them, of all."
    )
    namespace_pattern: Dynamic[str] | None = Field(
        None, description="Only pairs of namespaces that this pattern matches; `*` is any text."
    )
    key_pattern: Dynamic[str] | None = Field(
        None, description="Only keys that this pattern matches; `*` is any text."
    )
    expired_only: Dynamic[bool] = Field(
        default=True, description="Whether only expired pairs are removed."
    )
    include_child_namespaces: Dynamic[bool] = Field(
        default=True, description="Whether namespaces below the named ones count too."
    )
    behavior: PurgeBehavior | None = Field(
        None, description="What is removed; it takes the place of `expiredOnly`."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Remove them."""
        if self.behavior is not None and self.behavior.type == "version":
            return {"size": 0}
        store = ctx.kv()
        now = ctx.now()
        chosen = [each for each in await store.kept() if self._chosen(each, now)]
        return {"size": await store.remove(chosen)}

    def _chosen(self, kept: KeptKey, now: int) -> bool:
        expired_only = self.expired_only if self.behavior is None else self.behavior.expired_only
        if expired_only and (kept.expires_at is None or kept.expires_at > now):
            return False
        if self.key_pattern and not fnmatchcase(kept.key, self.key_pattern):
            return False
        return self._in_namespaces(kept.namespace)

    def _in_namespaces(self, namespace: str) -> bool:
        if self.namespace_pattern and not fnmatchcase(namespace, self.namespace_pattern):
            return False
        if not self.namespaces:
            return True
        if self.include_child_namespaces:
            return any(f"{namespace}.".startswith(f"{each}.") for each in self.namespaces)
        return namespace in self.namespaces
