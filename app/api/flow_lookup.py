"""Which revision of a flow a request means, and whether it may still be shown."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

from fastapi import Depends, Query

from app.api.granted import Right
from app.api.paths import COMMIT_RULE
from app.api.services import Services
from app.api.times import read_instant
from app.errors import BadRequest, Gone, NotFound
from app.ports import FlowRevision, LoadedFlow
from app.ports.flows import NO_DEFAULTS, DefaultSetOf

DELETED = "delete"
"""The kind of a revision that is a tombstone."""


class Wanted(NamedTuple):
    """The revision that is asked for; nothing given means the one that runs now."""

    revision: int | None = None
    commit: str | None = None
    at: str | None = None


async def wanted(
    revision: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="The number of the revision.")
    ] = None,
    commit: Annotated[
        str | None, Query(pattern=COMMIT_RULE, description="What this commit says.")
    ] = None,
    at: Annotated[str | None, Query(description="What was there at this time.")] = None,
) -> Wanted:
    """Read which revision is asked for.

    Raises:
        BadRequest: for more than one way of asking.
    """
    if sum(each is not None for each in (revision, commit, at)) > 1:
        message = "give one of revision, commit and at"
        raise BadRequest(message)
    return Wanted(revision, commit, at)


Which = Annotated[Wanted, Depends(wanted)]


class Key(NamedTuple):
    """A flow of a tenant."""

    tenant: str
    namespace: str
    flow_id: str


async def revision_of(node: Services, key: Key, which: Wanted) -> FlowRevision:
    """Return the revision that is asked for.

    Raises:
        NotFound: when there is none.
        Gone: when the flow was deleted and no revision is named.
    """
    if which.at is not None:
        return await _at(node, key, read_instant(which.at, "at"))
    if which == Wanted():
        return node.flows.effective(*key)
    return await node.flows.find(*key, revision=which.revision, commit=which.commit)


async def _at(node: Services, key: Key, moment: int) -> FlowRevision:
    revisions = await node.flows.revisions(*key)
    earlier = [each for each in revisions if each.authored_at <= moment]
    if not earlier:
        message = f"flow {key.namespace}.{key.flow_id} was not there at that time"
        raise NotFound(message)
    return earlier[-1]


async def current(node: Services, key: Key) -> LoadedFlow:
    """Return what runs now of a flow; one that was deleted is not found, as with Kestra.

    Raises:
        NotFound: when there is no such flow (any more).
    """
    return await node.flows.load(existing(node, key))


def flows_of(node: Services, right: Right) -> list[FlowRevision]:
    """Return the active flows of the tenant that are within reach, in order of name."""
    reach = right.reach
    return [each for each in node.flows.active(right.tenant) if reach.holds(each.namespace)]


async def defaults_of(
    node: Services, right: Right, sources: Iterable[str], namespace: str | None = None
) -> DefaultSetOf:
    """Return what finds the plugin defaults of flows that are sent: of namespaces within reach.

    What a document names is anything; what becomes of it must not tell what others have set.
    """
    find = await node.tenants.defaults_in(right.tenant, sources, namespace)
    reach = right.reach
    return lambda name: find(name) if reach.holds(name) else NO_DEFAULTS


def existing(node: Services, key: Key) -> FlowRevision:
    """Return the revision that runs now; raises `NotFound` also for a deleted flow."""
    try:
        return node.flows.effective(*key)
    except Gone as error:
        raise NotFound(error.message) from None


async def last_content(node: Services, key: Key) -> tuple[FlowRevision, LoadedFlow]:
    """Return the newest revision of a flow, deleted or not, and the newest that can be read.

    Raises:
        NotFound: when there never was such a flow.
    """
    revisions = await node.flows.revisions(*key)
    for each in reversed(revisions):
        if each.kind != DELETED and each.state not in ("invalid", "redacted"):
            return revisions[-1], await node.flows.load(each)
    message = f"there is no flow {key.namespace}.{key.flow_id} in tenant {key.tenant}"
    raise NotFound(message)
