"""Reverts: commits taken out again, and flows put back, in Git."""

from typing import Annotated, Any, Literal

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from app.access import Permission
from app.api.access import By, needs
from app.api.actors import actor_of
from app.api.answers import Json
from app.api.changesets import Mode, Reason
from app.api.documents import problems_of
from app.api.granted import Granted
from app.api.paths import COMMIT_RULE, PREFIX, FlowId, Namespace, SourceId
from app.api.proposals import PROPOSED, made
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node
from app.api.source_rights import permit_source
from app.errors import MergeConflict
from app.sync.changesets.model import Trial

sources = Router(
    prefix=f"{PREFIX}/sources",
    tags=["Rollback"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 422, 503),
)
flows = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Rollback"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 422, 503),
)

Commit = Annotated[str, Field(pattern=COMMIT_RULE)]


class Revert(BaseModel):
    """What is taken out again, and how."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    commits: Annotated[
        list[Commit],
        Field(min_length=1, max_length=50, description="Ids of commits, or how they begin."),
    ]
    mode: Literal["push", "pr", "restore"] | None = Field(
        None,
        description="`push` onto the branch (a protected one gets a pull request), `pr`, or"
        " `restore`: put their files back as they were before, which cannot conflict. Without it"
        " what the source does with edits.",
    )
    reason: Reason = ""
    dry_run: bool = Field(False, alias="dryRun", description="Only answer what it would do.")


class Restore(BaseModel):
    """What a flow goes back to in Git."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    revision: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    commit: Commit | None = None
    mode: Mode = None
    reason: Reason = ""
    dry_run: bool = Field(False, alias="dryRun", description="Only answer what it would do.")

    @model_validator(mode="after")
    def _one_target(self) -> "Restore":
        if (self.revision is None) == (self.commit is None):
            raise ValueError("give revision or commit")
        return self


@sources.post("/{source_id}/revert", summary="Revert commits", responses=PROPOSED)
@needs(Permission.REVISION_ROLLBACK)
async def revert(source_id: SourceId, wanted: Revert, node: Node, by: By) -> Response:
    """Take commits out again by one commit: 200 when it is active, 202 for a pull request.

    Where later changes stand in the way, 409 has `conflicts` with their hunks, and `offer`.
    """
    await permit_source(node, by, Permission.REVISION_ROLLBACK, source_id)
    reverts, back = node.sync.reverts, wanted.mode == "restore"
    mode = None if wanted.mode == "restore" else wanted.mode
    asked: Any = {
        "commits": wanted.commits, "reason": wanted.reason, "actor": actor_of(by),
    }  # fmt: skip
    try:
        if wanted.dry_run:
            tried = await reverts.trial(
                source_id, commits=wanted.commits, as_they_were=back, mode=mode
            )
            return Json(_trial_json(tried))
        if back:
            done = await reverts.put_back(source_id, **asked)
        else:
            done = await reverts.open(source_id, **asked, mode=mode)
    except MergeConflict as conflict:
        conflict.details["offer"] = {"mode": "restore", "commits": wanted.commits}
        raise
    return made(done)


@flows.post("/{namespace}/{flow_id}/restore", summary="Restore a flow", responses=PROPOSED)
@needs(Permission.REVISION_ROLLBACK)
async def restore(
    right: Granted, namespace: Namespace, flow_id: FlowId, wanted: Restore, node: Node
) -> Response:
    """Write an earlier revision of a flow, deleted or not, back into Git; this cannot conflict."""
    key = (right.tenant, namespace, flow_id)
    revision = await node.flows.find(*key, revision=wanted.revision, commit=wanted.commit)
    reverts, back = node.sync.reverts, {key: revision}
    if wanted.dry_run:
        tried = await reverts.trial(revision.source_id, restore=back, mode=wanted.mode)
        return Json(_trial_json(tried))
    return made(
        await reverts.open(
            revision.source_id,
            restore=back,
            reason=wanted.reason,
            actor=right.actor,
            mode=wanted.mode,
        )
    )


def _trial_json(tried: Trial) -> dict[str, object]:
    """Return a trial; its diff stays text."""
    return {**record_json(tried), "diff": tried.diff, "dryRun": True}
