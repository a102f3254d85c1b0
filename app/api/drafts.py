"""Drafts: edits that are saved while they are made, before anything of them is in Git."""

from typing import Annotated, Any, Literal

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, entity_tag, nothing
from app.api.documents import parameter, problems_of
from app.api.granted import Granted, Right
from app.api.paths import NAMESPACE_RULE, PREFIX, ChangesetId
from app.api.problems import described
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node, Services
from app.db.drafts import StoredDraft
from app.errors import BadRequest
from app.sync.changesets.drafting import Saved, change_of
from app.sync.changesets.model import Change

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/drafts",
    tags=["Changesets"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(403, 404, 409, 412, 413, 422, 503),
)

NO_NUL = r"^[^\x00]*$"
Content = Annotated[
    str | None,
    Field(max_length=2_000_000, pattern=NO_NUL, description="The whole text; null: delete it."),
]
_IF_MATCH = {
    "parameters": [
        parameter(
            "If-Match",
            'The blob that the edit began from, as its ETag tells; `""` for a file that is new.',
            place="header",
        )
    ]
}


NEEDED = {
    "flow": Permission.FLOW_WRITE,
    "test": Permission.FLOW_WRITE,
    "variables": Permission.FLOW_WRITE,
    "file": Permission.FILE_WRITE,
    "secrets": Permission.SECRET_WRITE,
}
"""What is needed to write each kind of thing."""

_SHOWN = {"file": Permission.FILE_READ, "secrets": Permission.SECRET_LIST}
"""What is needed to read it, where that is not `flow:read`."""


class EditDocument(BaseModel):
    """One thing to write into a namespace, or to delete."""

    model_config = ConfigDict(extra="forbid")

    namespace: Annotated[str, Field(pattern=NAMESPACE_RULE)]
    kind: Literal["flow", "file", "test", "variables", "secrets"] = Field(
        "flow", description="`secrets`: as sops encrypts them."
    )
    name: Annotated[str, Field(max_length=500, pattern=NO_NUL)] = Field(
        "", description="The flow's id; the path of a file or test; nothing for the others."
    )
    content: Content

    def change(self) -> Change:
        """Return it as the sync knows it."""
        data = None if self.content is None else self.content.encode()
        return Change(self.namespace, self.kind, self.name, data)


class TextDocument(BaseModel):
    """What a draft says now."""

    model_config = ConfigDict(extra="forbid")

    content: Content


@router.get("", summary="My drafts")
@needs(Permission.FLOW_WRITE)
async def listed(right: Granted, node: Node) -> Response:
    """List the drafts of the caller that are in no changeset, newest first."""
    found = await node.sync.changesets.drafts.of(right.tenant, right.actor)
    return Json([draft_json(each) for each in found if may_write(right, each)])


@router.post("", summary="Save a draft", openapi_extra=_IF_MATCH)
@needs(Permission.FLOW_WRITE)
async def save(request: Request, right: Granted, edit: EditDocument, node: Node) -> Response:
    """Save an edit as the caller's draft of that thing; with `If-Match` only if it is still that.

    A text that is not valid is saved, too: `problems` tell. Where somebody else has changed the
    file, 412 has `merged`: both edits, with conflict markers where they disagree.
    """
    right.to(NEEDED[edit.kind]).require([edit.namespace])
    drafts = node.sync.changesets.drafts
    base = base_of(request)
    saved = await drafts.save(right.tenant, edit.change(), right.actor, base_blob=base)
    return _answer(saved)


@router.get("/{draft_id}", summary="A draft")
@needs(Permission.FLOW_WRITE)
async def get(right: Granted, draft_id: ChangesetId, node: Node) -> Response:
    """Answer with a draft, what is wrong with it, and whether it is behind."""
    return _answer(await _mine(node, right, draft_id))


@router.put("/{draft_id}", summary="Save a draft again", openapi_extra=_IF_MATCH)
@needs(Permission.FLOW_WRITE)
async def again(
    request: Request, right: Granted, draft_id: ChangesetId, text: TextDocument, node: Node
) -> Response:
    """Replace the text of a draft; with `If-Match` its base becomes what is there now."""
    drafts = node.sync.changesets.drafts
    draft = (await _mine(node, right, draft_id)).draft
    data = None if text.content is None else text.content.encode()
    change = change_of(draft)._replace(data=data)
    base = base_of(request)
    saved = await drafts.save(right.tenant, change, right.actor, base_blob=base, known=draft)
    return _answer(saved)


@router.delete("/{draft_id}", status_code=204, summary="Discard a draft")
@needs(Permission.FLOW_WRITE)
async def discard(right: Granted, draft_id: ChangesetId, node: Node) -> Response:
    """Delete a draft that is in no changeset."""
    await node.sync.changesets.drafts.discard(right.tenant, draft_id, right.actor)
    return nothing()


async def _mine(node: Services, right: Right, draft_id: str) -> Saved:
    """Return a draft of the caller, in a place where they may write (still)."""
    found = await node.sync.changesets.drafts.get(right.tenant, draft_id, right.actor)
    right.to(NEEDED[found.draft.kind]).permit(found.draft.namespace, f"draft {draft_id}")
    return found


def may_write(right: Right, draft: StoredDraft) -> bool:
    """Whether somebody may write what a draft edits."""
    return right.to(NEEDED[draft.kind]).holds(draft.namespace)


def base_of(request: Request) -> str | None:
    """Return the blob that `If-Match` names, "" for none; None without the header.

    Raises:
        BadRequest: for several, or what is no ETag.
    """
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    tag = header.strip().removeprefix("W/")
    if len(tag) < 2 or tag[0] != '"' or tag[-1] != '"' or '"' in tag[1:-1]:
        message = f'If-Match: {header[:80]!r} is not one ETag, such as "4b825dc6…"'
        raise BadRequest(message)
    return tag[1:-1]


def draft_json(draft: StoredDraft) -> dict[str, Any]:
    """Return a draft; its text stays text, whatever it looks like."""
    return {**record_json(draft), "name": draft.name, "content": draft.content}


def part_json(right: Right, draft: StoredDraft) -> dict[str, Any]:
    """Return a draft of a changeset; its text only for those who may read such things there."""
    shown = draft_json(draft)
    if not right.to(_SHOWN.get(draft.kind, Permission.FLOW_READ)).holds(draft.namespace):
        del shown["content"]
    return shown


def _answer(saved: Saved) -> Response:
    body = {
        **draft_json(saved.draft),
        "problems": [described(each) for each in saved.problems],
        "current": saved.current,
        "stale": saved.current != saved.draft.base_blob,
    }
    return Json(body, headers={"ETag": entity_tag(saved.draft.base_blob)})
