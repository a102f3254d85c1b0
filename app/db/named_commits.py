"""Commits that somebody names: what flows, and the files around them, were then."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import and_, select

from app.db.database import Database
from app.db.flow_rows import COMMIT, REVISION, is_kept_out, of_flow, waiting_query
from app.db.records import FlowKey
from app.db.sql import Row
from app.errors import Conflict, NotFound
from app.ports import FlowRevision


async def named_commits(
    database: Database, commit: str, key: FlowKey | None = None
) -> Sequence[Row]:
    """Return a commit as each source counts it: several may follow one repository.

    Of a flow, only commits of its own sources count: others tell nothing, not even that they
    are there.

    Raises:
        NotFound: when none is known here. Conflict: when several begin like this.
    """
    columns = (COMMIT.c.source_id, COMMIT.c.sha, COMMIT.c.seq, COMMIT.c.gate)
    named = COMMIT.c.sha.startswith(commit, autoescape=True)
    if key is not None:
        own = of_flow(select(REVISION.c.source_id), REVISION, key)
        named = and_(named, COMMIT.c.source_id.in_(own))
    # Two ways to read what begins alike are enough to refuse it, however many have the first.
    first = select(COMMIT.c.sha).where(named).distinct().limit(2)
    rows = await database.fetch(select(*columns).where(COMMIT.c.sha.in_(first)))
    if not rows:
        message = f"no commit {commit} is known here"
        raise NotFound(message)
    if len({row.sha for row in rows}) > 1:
        one, other = sorted({row.sha for row in rows})
        message = f"commit {commit} is ambiguous: {one} and {other}"
        raise Conflict(message)
    return rows


async def as_of(
    database: Database, commits: Sequence[Row], revisions: Sequence[FlowRevision]
) -> list[FlowRevision]:
    """Return revisions with the files of the commit that was named, not of their own.

    Where a gate keeps the namespace from that commit, or let it never pass, they are held with it,
    also those that it does not change: files, variables and plugin defaults are the commit's.
    """
    rows = await database.fetch(waiting_query(commits))
    places = {(row.source_id, row.tenant, row.namespace) for row in rows}
    kept_out = {each.source_id for each in commits if is_kept_out(each)}
    sha = commits[0].sha

    def then(each: FlowRevision) -> FlowRevision:
        waits = (
            each.source_id in kept_out or (each.source_id, each.tenant, each.namespace) in places
        )
        state = "held" if waits and each.state != "redacted" else each.state
        return replace(each, snapshot=sha, state=state)

    return [then(each) for each in revisions]
