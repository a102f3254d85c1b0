"""Changesets: edits that become one commit, and what has become of them."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.access import Permission
from app.api.access import lacking, needs
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.drafts import NEEDED, NO_NUL, EditDocument, may_write, part_json
from app.api.granted import Granted, Right
from app.api.paths import NAME_RULE, PREFIX, ChangesetId
from app.api.proposals import PROPOSED, changeset_json, made
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.db.changesets import Changeset, Viewer
from app.db.drafts import StoredDraft
from app.errors import NotFound

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/changesets",
    tags=["Changesets"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(403, 404, 409, 412, 413, 422, 503),
)

State = Literal[
    "DRAFT", "COMMITTED", "PUSHED", "PR_OPEN", "CHECKS_FAILED", "CHECKS_PASSED", "MERGED",
    "ACTIVE", "CLOSED", "CONFLICT", "ABANDONED",
]  # fmt: skip
Mode = Annotated[
    Literal["pr", "push"] | None,
    Field(description="`pr`: a pull request also where a push would do; else as the source says."),
]
Reason = Annotated[
    str, Field(max_length=2_000, pattern=NO_NUL, description="Why, for those who come after.")
]


class NewChangeset(BaseModel):
    """What becomes one commit."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
    description: Annotated[str, Field(max_length=20_000, pattern=NO_NUL)] = ""
    drafts: Annotated[
        list[Annotated[str, Field(pattern=NAME_RULE)]],
        Field(max_length=500, description="Ids of drafts."),
    ] = []
    edits: Annotated[
        list[EditDocument], Field(max_length=500, description="Further edits, whole texts.")
    ] = []
    submit: bool = Field(False, description="Make the commit at once.")
    mode: Mode = None


class Submission(BaseModel):
    """How a changeset is submitted."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode = None


class Farewell(BaseModel):
    """Why a changeset is given up."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = ""


@router.get("", summary="Changesets")
@needs(Permission.FLOW_READ)
async def listed(
    right: Granted,
    node: Node,
    state: Annotated[list[State] | None, Query(description="In one of these states.")] = None,
    source: Annotated[str | None, Query(pattern=NAME_RULE, description="Of a source.")] = None,
    commit: Annotated[
        str | None, Query(pattern=r"^[0-9a-f]{40,64}$", description="Whose commit this is.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="At most so many.")] = 50,
) -> Response:
    """List the changesets of a tenant, newest first, as they were last seen."""
    if commit is not None:
        ours = await node.sync.changesets.of_commit(right.tenant, commit)
        seen = [each for each in ours if await _sees(node, right, each)]
        return Json([changeset_json(each) for each in seen])
    viewer = Viewer(right.reach, right.actor.owns_as)
    found = await node.sync.changesets.find(
        right.tenant, source_id=source, states=state or (), viewer=viewer, limit=limit
    )
    return Json([changeset_json(each) for each in found])


@router.post("", summary="Make a changeset", responses=PROPOSED)
@needs(Permission.FLOW_WRITE)
async def create(right: Granted, wanted: NewChangeset, node: Node) -> Response:
    """Put drafts and edits of one source together; with `submit`, make their one commit."""
    for each in wanted.edits:
        right.to(NEEDED[each.kind]).require([each.namespace])
    await _check_drafts(node, right, wanted.drafts)
    submissions = node.sync.changesets.submissions
    changeset = await submissions.create(
        right.tenant,
        wanted.title,
        right.actor,
        description=wanted.description,
        draft_ids=wanted.drafts,
        edits=[each.change() for each in wanted.edits],
    )
    if wanted.submit:
        return made(
            await submissions.submit(right.tenant, changeset.id, right.actor, mode=wanted.mode)
        )
    return Json(changeset_json(changeset))


@router.get("/{changeset_id}", summary="A changeset")
@needs(Permission.FLOW_READ)
async def get(right: Granted, changeset_id: ChangesetId, node: Node) -> Response:
    """Answer with a changeset as it stands now, and the drafts that it has still."""
    changesets = node.sync.changesets
    await _permit(node, right, changeset_id)
    changeset = await changesets.get(right.tenant, changeset_id)
    drafts = await changesets.drafts.store.in_changeset(changeset_id)
    return Json(
        {**changeset_json(changeset), "drafts": [part_json(right, each) for each in drafts]}
    )


@router.post("/{changeset_id}/submit", summary="Submit a changeset", responses=PROPOSED)
@needs(Permission.FLOW_WRITE)
async def submit(
    right: Granted, changeset_id: ChangesetId, node: Node, wish: Submission | None = None
) -> Response:
    """Make the one commit: onto the branch (200, when it is active) or as a pull request (202).

    Where somebody else has changed a file, 412 has `stale`: each draft with both edits merged.
    """
    await _permit(node, right, changeset_id, writes=True)
    mode = wish.mode if wish else None
    submissions = node.sync.changesets.submissions
    return made(await submissions.submit(right.tenant, changeset_id, right.actor, mode=mode))


@router.post("/{changeset_id}/abandon", summary="Give a changeset up")
@needs(Permission.FLOW_WRITE)
async def abandon(
    right: Granted, changeset_id: ChangesetId, node: Node, farewell: Farewell | None = None
) -> Response:
    """Close its pull request and delete its branch; its drafts are free again."""
    reason = farewell.reason if farewell else ""
    await _permit(node, right, changeset_id, writes=True)
    gone = await node.sync.changesets.abandon(
        right.tenant, changeset_id, actor=right.actor, reason=reason
    )
    return Json(changeset_json(gone))


# -- who may -----------------------------------------------------------------------------------


async def _permit(node: Services, right: Right, changeset_id: str, *, writes: bool = False) -> None:
    """Let the caller pass to a changeset.

    Raises:
        NotFound: for one that they may not see. Forbidden: where they may not write all it edits.
    """
    changesets = node.sync.changesets
    found = await changesets.store.get(changeset_id)
    if found.tenant != right.tenant or not await _sees(node, right, found):
        message = f"there is no changeset {changeset_id}"
        raise NotFound(message)
    if writes:
        drafts = await changesets.drafts.store.in_changeset(changeset_id)
        if not _may_write_all(right, found, drafts):
            raise lacking(right.permission)


async def _sees(node: Services, right: Right, changeset: Changeset) -> bool:
    """Whether the caller may see a changeset: see `db.changesets.Viewer`."""
    reach = right.to(Permission.FLOW_READ).reach
    if reach.everywhere or _is_own(right, changeset):
        return True
    drafts = await node.sync.changesets.drafts.store.in_changeset(changeset.id)
    return bool(drafts) and all(reach.holds(each.namespace) for each in drafts)


def _is_own(right: Right, changeset: Changeset) -> bool:
    return changeset.owner_id == right.actor.owns_as


def _may_write_all(right: Right, changeset: Changeset, drafts: Sequence[StoredDraft]) -> bool:
    if drafts:
        return all(may_write(right, each) for each in drafts)
    return right.reach.everywhere or _is_own(right, changeset)


async def _check_drafts(node: Services, right: Right, ids: Sequence[str]) -> None:
    """Refuse drafts of the caller in places where they may not write any more.

    Those of somebody else are not found, later.
    """
    for each in ids:
        draft = await node.sync.changesets.drafts.store.get(each)
        if draft.owner == right.actor.owns_as and not may_write(right, draft):
            raise lacking(NEEDED[draft.kind])
