"""A flow as JSON, in Kestra's form, with the commit that made the revision."""

from typing import Any

from app.api.times import instant
from app.flows.dump import dump
from app.ports import FlowRevision, LoadedFlow


def flow_json(
    loaded: LoadedFlow, *, source: bool = False, pinned: bool = False, **more: Any
) -> dict[str, Any]:
    """Return the JSON of a flow at a revision; `more` are further members."""
    flow = loaded.flow
    body = {
        **dump(flow),
        "disabled": flow.disabled,
        "deleted": flow.deleted,
        "draft": False,
        **revision_json(loaded.revision),
        **more,
    }
    if pinned:
        body["pinned"] = True
    if source:
        body["source"] = loaded.source
    return body


def revision_json(revision: FlowRevision) -> dict[str, Any]:
    """Return the JSON of what is known of a revision besides its content."""
    known = {
        "semantic": revision.semantic,
        "renamedFrom": revision.renamed_from,
        "signature": revision.signature or None,
        "pr": revision.pull_number,
    }
    return {
        "id": revision.flow_id,
        "namespace": revision.namespace,
        "tenantId": revision.tenant,
        "revision": revision.revision,
        "updated": instant(revision.authored_at),
        "commit": revision.commit,
        "blob": revision.blob,
        "path": revision.path,
        "author": revision.author_name,
        "authorEmail": revision.author_email,
        "subject": revision.subject,
        "sourceId": revision.source_id,
        "kind": revision.kind,
        "state": revision.state,
        **{name: value for name, value in known.items() if value is not None},
    }


def unreadable_json(revision: FlowRevision, reason: str, source: str | None) -> dict[str, Any]:
    """Return the JSON of a revision that is no valid flow, with the reason as `exception`."""
    body = {
        **revision_json(revision),
        "disabled": False,
        "deleted": revision.kind == "delete",
        "draft": False,
        "exception": reason,
    }
    if source is not None:
        body["source"] = source
    return body
