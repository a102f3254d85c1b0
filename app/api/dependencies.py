"""What every flow of a tenant starts and listens to: read once per source, asked in memory."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from app.api.granted import Right
from app.api.services import Services
from app.errors import HeadwaterError
from app.flows.topology import Name, Tie, Ties, relations, ties_of
from app.ports import FlowRevision

_REMEMBERED = 100_000
_BATCH = 50

_RELATED = re.compile(r"flowId|[Ss]ubflow|ForEachItem|\.Flow\b|tasks\.flows\.")
"""What a source must hold that starts a flow or listens to one; most flows do neither."""

_NONE = Ties()


class Dependencies:
    """Remembers the ties of flows by the object id of their source."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._known: OrderedDict[tuple[str, str, str], Ties] = OrderedDict()

    async def ties(self, node: Services, tenant: str) -> dict[Name, Ties]:
        """Return the ties of every active flow of a tenant."""
        flows = node.flows.active(tenant)
        unknown = [each for each in flows if _key(each) not in self._known]
        for start in range(0, len(unknown), _BATCH):
            batch = unknown[start : start + _BATCH]
            found = await asyncio.gather(*(_read(node, each) for each in batch))
            self._known.update(zip(map(_key, batch), found, strict=True))
        while len(self._known) > max(_REMEMBERED, len(flows)):
            self._known.popitem(last=False)
        return {
            Name(each.namespace, each.flow_id): self._known.get(_key(each), _NONE) for each in flows
        }

    async def around(
        self,
        node: Services,
        right: Right,
        names: Iterable[Name],
        *,
        forward_only: bool = False,
        everything: bool = False,
    ) -> dict[str, Any]:
        """Return the flows around some as Kestra's `FlowTopologyGraph`.

        Args:
            node: The node.
            right: To read flows: others are left out.
            names: Where to begin.
            forward_only: Follow relations only from these flows on, not back.
            everything: Follow them as far as they go.
        """
        reach = right.reach
        known = await self.ties(node, right.tenant)
        flows = {name: ties for name, ties in known.items() if reach.holds(name.namespace)}
        every = await asyncio.to_thread(lambda: list(relations(flows)))
        return _graph(right.tenant, *_reached(every, set(names), forward_only, everything))


def _reached(
    every: Sequence[Tie], start: set[Name], forward_only: bool, everything: bool
) -> tuple[set[Name], set[Tie]]:
    names, ties = set(start), set[Tie]()
    fresh = set(start)
    while fresh:
        found = {
            tie
            for tie in every
            if tie.source in fresh or (tie.target in fresh and not forward_only)
        }
        ties |= found
        reached = {name for tie in found for name in tie[:2]}
        fresh = reached - names if everything else set()
        names |= reached
    return names, ties


def _graph(tenant: str, names: set[Name], ties: set[Tie]) -> dict[str, Any]:
    nodes = [
        {"uid": _uid(tenant, name), "namespace": name.namespace, "id": name.id}
        for name in sorted(names)
    ]
    edges = [
        {
            "source": _uid(tenant, tie.source),
            "target": _uid(tenant, tie.target),
            "relation": tie.relation,
        }
        for tie in sorted(ties)
    ]
    return {"nodes": nodes, "edges": edges}


def _uid(tenant: str, name: Name) -> str:
    return f"{tenant}_{name.namespace}_{name.id}"


def _key(flow: FlowRevision) -> tuple[str, str, str]:
    return flow.namespace, flow.flow_id, flow.blob


async def _read(node: Services, flow: FlowRevision) -> Ties:
    try:
        source = await node.flows.source(flow)
        if _RELATED.search(source) is None:
            return _NONE
        return ties_of((await node.flows.load(flow)).flow)
    except HeadwaterError:
        return _NONE  # what cannot be read depends on nothing
