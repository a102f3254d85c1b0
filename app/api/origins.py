"""Whose commit an execution runs: author and subject line, remembered by revision."""

from collections import OrderedDict

from app.api.execution_json import Origin
from app.api.services import Services
from app.errors import HeadwaterError
from app.executions import Execution

_REMEMBERED = 4096
_NEWEST = 1_000
"""Among so many commits a snapshot's is looked for."""

_Key = tuple[str, str, str, int, str]


class Origins:
    """Answers for many requests what the database knows once and for all."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._known: OrderedDict[_Key, Origin] = OrderedDict()

    async def of(self, node: Services, execution: Execution) -> Origin:
        """Return the commit that an execution pinned, with its author and subject."""
        key = _key(execution)
        origin = self._known.get(key)
        if origin is None:
            origin = self._known[key] = await _found(node, execution)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return origin


def _key(execution: Execution) -> _Key:
    return (
        execution.tenant,
        execution.namespace,
        execution.flow_id,
        execution.revision,
        execution.commit,
    )


async def _found(node: Services, execution: Execution) -> Origin:
    """Return who wrote the commit that is pinned: often the one that made the flow's revision."""
    try:
        revision = await node.flows.find(*_key(execution)[:3], revision=execution.revision)
    except HeadwaterError:
        return Origin(execution.commit, "", "")  # its revision is not kept any more
    if revision.commit != execution.commit:
        # Another file of the namespace changed since: the snapshot is newer than the revision.
        for each in await node.sync.commits(revision.source_id, limit=_NEWEST):
            if each.sha == execution.commit:
                return Origin(each.sha, each.author_name, each.subject)
    return Origin(execution.commit, revision.author_name, revision.subject)
