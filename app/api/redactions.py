"""Redaction of revisions that leaked what they must not hold."""

from typing import Annotated

from fastapi import Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.drafts import NO_NUL
from app.api.granted import Granted
from app.api.paths import PREFIX, FlowId, Namespace
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Git"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 422),
)

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of the revision.")]


class Reason(BaseModel):
    """Why it is redacted."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str, Field(max_length=1_000, pattern=NO_NUL, description="For those who come after.")
    ] = ""


@router.post("/{namespace}/{flow_id}/revisions/{revision}/redact", summary="Redact a revision")
@needs(Permission.REVISION_ROLLBACK)
async def redact(
    right: Granted,
    namespace: Namespace,
    flow_id: FlowId,
    revision: Number,
    node: Node,
    why: Reason | None = None,
) -> Response:
    """Remove the bytes of a revision for good; answer with the branches that hold them still."""
    done = await node.sync.redactions.redact(
        (right.tenant, namespace, flow_id),
        revision,
        reason=why.reason if why else "",
        actor=right.actor,
    )
    return Json(record_json(done))
