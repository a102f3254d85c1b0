"""What payloads of each forge hint at, and whose signatures are taken."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequest, Unauthorized
from app.sync.forges import check_signature, concern, read_headers
from app.sync.hints import Hint, read_hint
from tests.sync.rig import GitSettings

SHA = "a" * 40
NONE = "0" * 40


# -- GitHub, and those like it --------------------------------------------------------------------


def pull(**more: Any) -> dict[str, Any]:
    return {
        "action": "synchronize",
        "pull_request": {"number": 7, "head": {"sha": SHA}, "base": {"ref": "main"}},
        "repository": {"full_name": "acme/flows"},
        "sender": {"login": "ann"},
    } | more


def comment(**issue: Any) -> dict[str, Any]:
    return {
        "action": "created",
        "issue": {"number": 7, "pull_request": {"url": "x"}} | issue,
        "comment": {"id": 99, "body": "/headwater plan"},
        "sender": {"login": "ann"},
    }


@pytest.mark.parametrize(
    ("event", "payload", "hint"),
    [
        (
            "pull_request",
            pull(),
            Hint("pull", "synchronize", 7, SHA, "main", "ann", repository="acme/flows"),
        ),
        ("pull_request", pull(action="assigned"), Hint("", "assigned", actor="ann")),
        (
            "pull_request_review",
            pull(action="submitted", repository=None),
            Hint("review", "submitted", 7, SHA, "main", "ann"),
        ),
        (
            "issue_comment",
            comment(),
            Hint("comment", "created", 7, actor="ann", comment_id="99", comment="/headwater plan"),
        ),
        ("issue_comment", comment(pull_request=None), Hint("", "created", actor="ann")),
        (
            "check_run",
            {
                "action": "requested_action",
                "check_run": {"name": "c", "head_sha": SHA, "pull_requests": [{"number": 7}]},
                "requested_action": {"identifier": "preview"},
            },
            Hint("check", "requested_action", 7, SHA, identifier="preview"),
        ),
        (
            "check_run",
            {"action": "rerequested", "check_run": {"name": "headwater/plan", "head_sha": SHA}},
            Hint("check", "rerequested", sha=SHA, identifier="headwater/plan"),
        ),
        (
            "check_suite",
            {"action": "rerequested", "check_suite": {"head_sha": SHA, "pull_requests": []}},
            Hint("suite", "rerequested", sha=SHA),
        ),
        (
            "merge_group",
            {"action": "checks_requested", "merge_group": {"head_sha": SHA, "base_ref": "r"}},
            Hint("merge_group", "checks_requested", sha=SHA, ref="r"),
        ),
        (
            "push",
            {"ref": "refs/heads/main", "after": SHA, "created": True},
            Hint("push", "created", sha=SHA, ref="refs/heads/main"),
        ),
        (
            "repository",
            {
                "action": "renamed",
                "changes": {"repository": {"name": {"from": "old"}}},
                "repository": {
                    "name": "new",
                    "full_name": "acme/new",
                    "owner": {"login": "acme"},
                },
            },
            Hint("repository", "renamed", identifier="acme/new", repository="acme/old"),
        ),
        (
            "repository",
            {
                "action": "transferred",
                "changes": {"owner": {"from": {"organization": {"login": "old"}}}},
                "repository": {"name": "f", "full_name": "acme/f", "owner": {"login": "acme"}},
            },
            Hint("repository", "transferred", identifier="acme/f", repository="old/f"),
        ),
        ("star", {"action": "created"}, Hint("", "created")),
    ],
)
def test_github(event: str, payload: dict[str, Any], hint: Hint) -> None:
    found = read_hint("github", event, payload)
    assert found.event == hint.event
    if hint.event:
        assert found == hint


@pytest.mark.parametrize(
    ("event", "payload", "told"),
    [
        ("pull_request", pull(action="synchronized"), ("pull", "synchronize")),
        ("pull_request", pull(action="label_updated"), ("pull", "labeled")),
        ("pull_request_approved", pull(action="reviewed"), ("review", "submitted")),
        ("pull_request_rejected", pull(action="reviewed"), ("review", "submitted")),
        ("issue_comment", comment(), ("comment", "created")),
    ],
)
def test_gitea(event: str, payload: dict[str, Any], told: tuple[str, str]) -> None:
    for forge in ("gitea", "forgejo"):
        found = read_hint(forge, event, payload)
        assert (found.event, found.action, found.number) == (*told, 7)


def test_a_long_comment_is_cut() -> None:
    payload = comment() | {"comment": {"id": 1, "body": "x\0" * 5_000}}
    assert len(read_hint("github", "issue_comment", payload).comment) <= 4_096


# -- GitLab ---------------------------------------------------------------------------------------


def request(**attributes: Any) -> dict[str, Any]:
    return {
        "object_kind": "merge_request",
        "user": {"username": "ann"},
        "project": {"path_with_namespace": "acme/team/flows"},
        "object_attributes": {
            "iid": 7,
            "target_branch": "main",
            "last_commit": {"id": SHA},
        }
        | attributes,
    }


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (request(action="open"), ("pull", "opened")),
        (request(action="reopen"), ("pull", "reopened")),
        (request(action="update", oldrev=NONE), ("pull", "synchronize")),
        (request(action="update"), ("pull", "edited")),
        (
            request(action="update") | {"changes": {"draft": {"current": False}}},
            ("pull", "ready_for_review"),
        ),
        (
            request(action="update") | {"changes": {"draft": {"current": True}}},
            ("pull", "converted_to_draft"),
        ),
        (request(action="update") | {"changes": {"labels": {"current": [1]}}}, ("pull", "labeled")),
        (request(action="close"), ("pull", "closed")),
        (request(action="merge"), ("pull", "closed")),
        (request(action="approved"), ("review", "submitted")),
        (request(action="unapproved"), ("review", "dismissed")),
        (request(action="odd"), ("", "odd")),
    ],
)
def test_merge_requests(payload: dict[str, Any], told: tuple[str, str]) -> None:
    found = read_hint("gitlab", "Merge Request Hook", payload)
    assert (found.event, found.action) == told
    assert (found.number, found.sha, found.ref, found.actor) == (7, SHA, "main", "ann")
    assert found.repository == "acme/team/flows"


def test_notes() -> None:
    note = {
        "object_kind": "note",
        "user": {"username": "ann"},
        "object_attributes": {"id": 5, "note": "/headwater plan", "action": "create"},
        "merge_request": {"iid": 7, "target_branch": "main", "last_commit": {"id": SHA}},
    }
    found = read_hint("gitlab", "Note Hook", note)
    assert found == Hint("comment", "created", 7, SHA, "main", "ann", "5", "/headwater plan")
    note["object_attributes"] = {"id": 5, "action": "update"}
    assert read_hint("gitlab", "Note Hook", note).event == ""
    assert read_hint("gitlab", "Note Hook", note | {"merge_request": None}).event == ""


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [(SHA, SHA, ""), (NONE, SHA, "created"), (SHA, NONE, "deleted")],
)
def test_pushes_of_gitlab(before: str, after: str, action: str) -> None:
    payload = {
        "object_kind": "push",
        "ref": "refs/heads/main",
        "before": before,
        "after": after,
        "user_username": "ann",
    }
    found = read_hint("gitlab", "Push Hook", payload)
    assert found == Hint("push", action, sha=after, ref="refs/heads/main", actor="ann")
    assert read_hint("gitlab", "Pipeline Hook", {"object_kind": "pipeline"}).event == ""


# -- Bitbucket ------------------------------------------------------------------------------------


def test_pushes_of_bitbucket_tell_of_several_refs() -> None:
    new = {"type": "branch", "name": "topic", "target": {"hash": SHA}}
    old = {"type": "branch", "name": "gone"}
    changes = [
        {"new": new, "created": True},
        {"new": {"type": "tag", "name": "v1"}},
        {"new": None, "old": old, "closed": True},
    ]
    payload = {
        "push": {"changes": changes},
        "actor": {"uuid": "{u}", "nickname": "ann"},
        "repository": {"full_name": "acme/flows"},
    }
    found = read_hint("bitbucket", "repo:push", payload)
    refs = ("refs/heads/topic", "refs/tags/v1", "refs/heads/gone")
    assert found == Hint(
        "push", "created", None, SHA, refs[0], "{u}", repository="acme/flows", refs=refs
    )
    for followed, concerned in (("v1", True), ("gone", True), ("main", False)):
        spec = GitSettings(repo="https://bitbucket.org/acme/flows", ref=followed)
        assert (concern(found, "repo:push", spec) is None) is concerned


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("pullrequest:created", ("pull", "opened")),
        ("pullrequest:updated", ("pull", "synchronize")),
        ("pullrequest:fulfilled", ("pull", "closed")),
        ("pullrequest:approved", ("review", "submitted")),
        ("pullrequest:comment_created", ("comment", "created")),
    ],
)
def test_pull_requests_of_bitbucket(event: str, told: tuple[str, str]) -> None:
    payload = {
        "pullrequest": {
            "id": 7,
            "source": {"commit": {"hash": SHA[:12]}},
            "destination": {"branch": {"name": "main"}},
        },
        "comment": {"id": 5, "content": {"raw": "/headwater plan"}},
        "actor": {"uuid": "{u}"},
    }
    found = read_hint("bitbucket", event, payload)
    assert (found.event, found.action, found.number, found.actor) == (*told, 7, "{u}")
    assert found.comment == ("/headwater plan" if told[0] == "comment" else "")


def test_bitbucket_data_center_and_renames() -> None:
    payload = {
        "changes": [{"ref": {"id": "refs/heads/main"}, "toHash": SHA}],
        "repository": {"slug": "flows", "project": {"key": "ACME"}},
        "actor": {"name": "ann"},
    }
    found = read_hint("bitbucket", "repo:refs_changed", payload)
    assert (found.ref, found.sha, found.repository) == ("refs/heads/main", SHA, "ACME/flows")
    renamed = {"changes": {"full_name": {"old": "acme/old", "new": "acme/new"}}}
    found = read_hint("bitbucket", "repo:updated", renamed)
    assert (found.event, found.identifier, found.repository) == (
        "repository",
        "acme/new",
        "acme/old",
    )
    assert read_hint("bitbucket", "repo:updated", {}).event == ""
    assert read_hint("bitbucket", "issue:created", {}).event == ""


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "action",
                    "pull_request",
                    "object_kind",
                    "object_attributes",
                    "push",
                    "changes",
                    "new",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["github", "gitea", "gitlab", "bitbucket"]),
    st.sampled_from(["push", "pull_request", "repo:push", "pullrequest:created", "check_run"]),
    st.dictionaries(
        st.sampled_from(["action", "object_kind", "push", "changes", "check_run", "repository"]),
        json_values,
    ),
)
def test_no_payload_is_a_surprise(provider: str, event: str, payload: dict[str, Any]) -> None:
    found = read_hint(provider, event, payload)
    assert all(isinstance(value, str) for value in (found.event, found.ref, found.sha))


# -- who signs ------------------------------------------------------------------------------------

BODY = b'{"object_kind":"push"}'
SIGNING = "whsec_" + base64.b64encode(b"k" * 32).decode()


def gitlab(**more: str) -> dict[str, str]:
    return {"X-Gitlab-Event": "Push Hook", "Idempotency-Key": "i1"} | more


def standard(secret: bytes, at: str = "1700000000", message_id: str = "i1") -> dict[str, str]:
    signed = hmac.new(secret, f"{message_id}.{at}.".encode() + BODY, hashlib.sha256)
    signature = base64.b64encode(signed.digest()).decode()
    return gitlab(
        **{
            "webhook-id": message_id,
            "webhook-timestamp": at,
            "webhook-signature": f"v1a,eHg= v1,{signature}",
        }
    )


def test_gitlab_shows_the_secret() -> None:
    call = read_headers(gitlab(**{"X-Gitlab-Token": "s3cret"}))
    assert (call.forge, call.event, call.delivery_id) == ("gitlab", "Push Hook", "i1")
    check_signature(call, BODY, ["other", "s3cret"])
    for secrets in (["s3cre"], [""], []):
        with pytest.raises(Unauthorized, match="wrong"):
            check_signature(call, BODY, secrets)
    with pytest.raises(Unauthorized, match="no SHA-256"):
        check_signature(read_headers(gitlab()), BODY, ["s3cret"])
    with pytest.raises(Unauthorized, match="no SHA-256"):
        check_signature(read_headers(gitlab(**{"X-Gitlab-Token": ""})), BODY, [""])


def test_gitlab_signs() -> None:
    call = read_headers(standard(b"k" * 32))
    check_signature(call, BODY, [SIGNING])
    for wrong in (
        standard(b"x" * 32),
        standard(b"k" * 32) | {"webhook-timestamp": "1700000001"},
        standard(b"k" * 32) | {"webhook-id": "i2"},
        standard(b"") | {},
    ):
        with pytest.raises(Unauthorized):
            check_signature(read_headers(wrong), BODY, [SIGNING, "whsec_"])
    with pytest.raises(Unauthorized):
        check_signature(call, BODY + b" ", [SIGNING])


def test_a_resent_delivery_of_gitlab_has_the_same_id() -> None:
    event = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Event-UUID": "e"}
    assert read_headers(event).delivery_id == "e"
    assert read_headers(event | {"Idempotency-Key": "i"}).delivery_id == "i"


def test_bitbucket_signs_with_sha256_only() -> None:
    digest = hmac.new(b"s3cret", BODY, hashlib.sha256).hexdigest()
    event = {"X-Event-Key": "repo:push", "X-Request-UUID": "{r}"}
    call = read_headers(event | {"X-Hub-Signature": f"sha256={digest}"})
    assert (call.forge, call.event, call.delivery_id) == ("bitbucket", "repo:push", "{r}")
    check_signature(call, BODY, ["s3cret"])
    sha1 = hmac.new(b"s3cret", BODY, hashlib.sha1).hexdigest()
    with pytest.raises(Unauthorized, match="no SHA-256"):
        check_signature(read_headers(event | {"X-Hub-Signature": f"sha1={sha1}"}), BODY, ["s3cret"])
    assert read_headers({"X-Event-Key": "diagnostics:ping"}).event == "ping"


def test_github_is_not_taken_for_bitbucket() -> None:
    """The older header of GitHub carries SHA-1; under the name of SHA-256 it is no good either."""
    digest = hmac.new(b"s3cret", BODY, hashlib.sha256).hexdigest()
    call = read_headers({"X-GitHub-Event": "push", "X-Hub-Signature": f"sha256={digest}"})
    with pytest.raises(Unauthorized):
        check_signature(call, BODY, ["s3cret"])


def test_no_forge_at_all() -> None:
    with pytest.raises(BadRequest, match="GitLab or Bitbucket"):
        read_headers({"Content-Type": "application/json"})
