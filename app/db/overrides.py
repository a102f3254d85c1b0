"""What is overridden of flows now, held in memory, and laid over what Git says of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.db.overlays import Override, overlay_of
from app.db.records import FlowKey
from app.db.sql import Row
from app.flows.policies import Concurrency
from app.ports import LoadedFlow

_NOTHING = Override()


class Overrides:
    """Flow -> what is overridden of it; most flows have nothing."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._overrides: dict[FlowKey, Override] = {}
        self._laid: dict[FlowKey, tuple[LoadedFlow, LoadedFlow]] = {}

    def take(self, wanted: set[FlowKey] | None, rows: Sequence[Row]) -> None:
        """Take what holds now: of some flows, or of all."""
        for key in list(self._overrides) if wanted is None else wanted:
            self._overrides.pop(key, None)
            self._laid.pop(key, None)
        of_flow: dict[FlowKey, list[Row]] = {}
        for row in rows:
            of_flow.setdefault((row.tenant, row.namespace, row.flow_id), []).append(row)
        for key, some in of_flow.items():
            if wanted is None or key in wanted:
                self._overrides[key] = Override.of(map(overlay_of, some))

    def of(self, key: FlowKey) -> Override:
        """Return what is overridden of a flow."""
        return self._overrides.get(key, _NOTHING)

    def all(self) -> Iterable[tuple[FlowKey, Override]]:
        """Return all flows of which something is overridden."""
        return list(self._overrides.items())

    def laid(self, loaded: LoadedFlow) -> LoadedFlow:
        """Return a flow as it runs: the same tasks, with what is overridden.

        The same object again for the same flow: what the engine prepared for it is kept with it.
        """
        revision = loaded.revision
        key = (revision.tenant, revision.namespace, revision.flow_id)
        override = self._overrides.get(key)
        if override is None or (override.disabled is None and override.limit is None):
            return loaded
        before = self._laid.get(key)
        if before is not None and before[0].flow is loaded.flow:
            return replace(before[1], revision=revision)
        laid = replace(loaded, flow=loaded.flow.model_copy(update=_changes(loaded, override)))
        self._laid[key] = loaded, laid
        return laid

    def print_of(self, key: FlowKey, blob: str) -> str:
        """Return what changes when a flow has another source, or other triggers may fire."""
        override = self._overrides.get(key)
        if override is None:
            return blob
        return f"{blob}+{override.disabled}+{','.join(sorted(override.triggers))}"


def _changes(loaded: LoadedFlow, override: Override) -> dict[str, object]:
    changes: dict[str, object] = {}
    if override.disabled is not None:
        changes["disabled"] = override.disabled
    if override.limit is not None:
        rule = loaded.flow.concurrency or Concurrency.model_construct(limit=1, behavior="QUEUE")
        changes["concurrency"] = rule.model_copy(update={"limit": override.limit})
    return changes
