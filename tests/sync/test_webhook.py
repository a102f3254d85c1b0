"""Webhook deliveries: signatures, repeats, and what wakes the loop."""

import contextlib
import hashlib
import hmac
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import GitSettings
from app.errors import BadRequest, HeadwaterError, NotFound, TooLarge, Unauthorized
from app.sync.forges import Call, check_signature, concern, read_headers, read_payload
from app.sync.hints import Hint, read_hint
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import HOOK, Rig, delivery, flow, path, until

KEY = HOOK["hook_key"]


@pytest.fixture
async def hooked(start: Start, scratch: Scratch) -> Rig:
    scratch.commit({path("a"): flow("a", "1")})
    return await start(repo=str(scratch.path), **HOOK)


def test_the_published_vector() -> None:
    """GitHub's example of a signature ("Validating webhook deliveries")."""
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    call = Call("github", "push", "1", (digest,), "")
    check_signature(call, b"Hello, World!", [HOOK["hook_secret"]])
    with pytest.raises(Unauthorized):
        check_signature(call, b"Hello, World?", [HOOK["hook_secret"]])


async def test_a_push_is_active_soon(hooked: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "2")})
    answer = await hooked.sync.deliver(KEY, *delivery())
    assert (answer.status, answer.body) == (202, {"delivery": "d1"})
    await until(lambda: hooked.runs("a").revision == 2)
    await until(lambda: hooked.sync.main.source.last_applied == scratch.tip())
    assert (await hooked.sync.runs())[0].cause == "webhook"
    await hooked.sync.sync(cause="poll")
    assert await states(hooked) == {"d1": "done"}


async def states(rig: Rig) -> dict[str, str]:
    rows = await rig.database.fetch_sql("SELECT delivery_id, state FROM webhook_delivery")
    return {row.delivery_id: row.state for row in rows}


async def test_the_same_delivery_twice(hooked: Rig) -> None:
    await hooked.sync.deliver(KEY, *delivery())
    answer = await hooked.sync.deliver(KEY, *delivery())
    assert (answer.status, answer.body) == (200, {"duplicate": True, "delivery": "d1"})
    other = await hooked.sync.deliver(KEY, *delivery(delivery_id="d2"))
    assert other.status == 202


async def test_a_delivery_that_failed_counts_anew(start: Start, scratch: Scratch) -> None:
    rig = await start(repo=str(scratch.path), **HOOK)
    await rig.sync.deliver(KEY, *delivery())
    await rig.sync.sync(cause="poll")
    assert await states(rig) == {"d1": "failed"}, "the branch is not there yet"
    scratch.commit({path("a"): flow("a")})
    answer = await rig.sync.deliver(KEY, *delivery())
    assert answer.status == 202
    await until(lambda: rig.flows.in_git("main", "shop", "a"))


async def test_deliveries_that_a_crash_left_are_picked_up(hooked: Rig, scratch: Scratch) -> None:
    await hooked.stop()
    await hooked.open()
    hooked.sync.main.follower.wake = lambda cause: None
    await hooked.sync.deliver(KEY, *delivery())
    await hooked.database.close()
    scratch.commit({path("a"): flow("a", "2")})
    await hooked.start()
    await hooked.sync.sync(cause="poll")
    assert hooked.runs("a").revision == 2
    assert await states(hooked) == {"d1": "done"}


async def test_old_deliveries_are_forgotten(hooked: Rig) -> None:
    await hooked.sync.deliver(KEY, *delivery())
    await hooked.sync.webhook.forget_old()
    assert await states(hooked)
    later = hooked.clock.now() + 8 * 24 * 3_600_000_000
    hooked.sync.webhook._clock = type("Later", (), {"now": lambda self: later})()
    await hooked.sync.webhook.forget_old()
    assert await states(hooked) == {}


async def test_a_ping_is_answered(hooked: Rig) -> None:
    answer = await hooked.sync.deliver(KEY, *delivery(event="ping", payload={"zen": "Speak."}))
    assert (answer.status, answer.body) == (200, {"ping": True})
    assert await states(hooked) == {}


async def test_a_form_is_read_too(hooked: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "2")})
    body = b"payload=" + quote(orjson.dumps({"ref": "refs/heads/main"})).encode()
    digest = hmac.new(HOOK["hook_secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "x-github-event": "push",
        "x-github-delivery": "f1",
        "x-hub-signature-256": f"sha256={digest}",
        "content-type": "application/x-www-form-urlencoded",
    }
    assert (await hooked.sync.deliver(KEY, headers, body)).status == 202
    await until(lambda: hooked.runs("a").revision == 2)


async def test_what_does_not_concern_us_is_stored_and_ignored(hooked: Rig) -> None:
    for number, (event, payload) in enumerate(
        [("push", {"ref": "refs/heads/other"}), ("push", {}), ("issues", {"action": "opened"})]
    ):
        headers, body = delivery(delivery_id=f"i{number}", event=event, payload=payload)
        answer = await hooked.sync.deliver(KEY, headers, body)
        assert answer.status == 202
        assert answer.body["ignored"]
    assert set((await states(hooked)).values()) == {"ignored"}


async def test_wrong_deliveries_are_refused(hooked: Rig) -> None:
    headers, body = delivery()
    with pytest.raises(NotFound):
        await hooked.sync.deliver("other", headers, body)
    with pytest.raises(Unauthorized, match="wrong"):
        await hooked.sync.deliver(KEY, *delivery("another secret"))
    with pytest.raises(Unauthorized, match="wrong"):
        await hooked.sync.deliver(KEY, headers, body + b" ")
    unsigned = {k: v for k, v in headers.items() if k != "X-Hub-Signature-256"}
    sha1 = hmac.new(HOOK["hook_secret"].encode(), body, hashlib.sha1).hexdigest()
    for wrong in ({}, {"X-Hub-Signature": f"sha1={sha1}"}, {"X-Hub-Signature-256": "sha256="}):
        with pytest.raises(Unauthorized, match="no SHA-256 signature"):
            await hooked.sync.deliver(KEY, {**unsigned, **wrong}, body)
    with pytest.raises(BadRequest, match="webhook"):
        await hooked.sync.deliver(KEY, {}, body)
    assert await states(hooked) == {}


async def test_a_signed_body_that_is_no_payload(hooked: Rig) -> None:
    headers, _ = delivery()
    body = b"[1]"
    digest = hmac.new(HOOK["hook_secret"].encode(), body, hashlib.sha256).hexdigest()
    with pytest.raises(BadRequest, match="no JSON object"):
        await hooked.sync.deliver(KEY, headers | {"X-Hub-Signature-256": f"sha256={digest}"}, body)


async def test_without_a_key_there_is_no_webhook(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.sync.deliver("", *delivery())


async def test_a_large_body_is_refused(hooked: Rig) -> None:
    headers, _ = delivery()
    most = hooked.settings.webhooks.git_max_bytes
    with pytest.raises(TooLarge):
        await hooked.sync.deliver(KEY, headers, bytes(most + 1))


async def test_any_accepted_secret_will_do(start: Start, scratch: Scratch) -> None:
    rig = await start(repo=str(scratch.path), **HOOK, hook_secrets=("the next one",))
    answer = await rig.sync.deliver(KEY, *delivery("the next one"))
    assert answer.status == 202


@pytest.mark.parametrize("forge", ["Forgejo", "Gitea", "Gogs"])
def test_other_forges_are_known_by_their_own_headers(forge: str) -> None:
    call = read_headers(
        {
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": "theirs",
            f"X-{forge}-Event": "push",
            f"X-{forge}-Delivery": "own",
            f"X-{forge}-Signature": "aa",
        }
    )
    assert (call.forge, call.delivery_id, call.signatures) == (forge.lower(), "own", ("aa",))


@pytest.mark.parametrize(
    ("url", "name", "same"),
    [
        ("https://github.com/acme/flows.git", "Acme/flows", True),
        ("https://forge.example/git/acme/flows", "acme/flows", True),
        ("git@github.com:acme/flows.git", "acme/flows", True),
        ("ssh://git@forge.example:2222/acme/flows", "acme/flows", True),
        ("https://github.com/acme/flows.git", "acme/other", False),
        ("https://github.com/my-acme/flows", "acme/flows", False),
        ("/srv/git/flows.git", "acme/flows", True),
        ("file:///srv/git/flows.git", "acme/flows", True),
        ("", "acme/flows", True),
    ],
)
def test_the_repository_of_a_push(url: str, name: str, same: bool) -> None:
    hint = Hint("push", ref="refs/heads/main", repository=name)
    assert (concern(hint, "push", GitSettings(repo=url)) is None) is same


@pytest.mark.parametrize(
    ("followed", "ref", "concerned"),
    [
        ("main", "refs/heads/main", True),
        ("main", "refs/tags/main", True),
        ("main", "main", True),
        ("main", "refs/heads/main2", False),
        ("branch:v1", "refs/heads/v1", True),
        ("branch:v1", "refs/tags/v1", False),
        ("tag:v1", "refs/tags/v1", True),
        ("tag:v1", "refs/heads/v1", False),
        ("semver:>=1", "refs/tags/anything", True),
        ("semver:>=1", "refs/heads/main", False),
        ("commit:abc", "refs/heads/any", True),
        ("commit:abc", "", False),
    ],
)
def test_the_ref_of_a_push(followed: str, ref: str, concerned: bool) -> None:
    hint = Hint("push", ref=ref)
    assert (concern(hint, "push", GitSettings(ref=followed)) is None) is concerned


@given(
    st.dictionaries(
        st.sampled_from(["X-GitHub-Event", "X-Gitea-Event", "X-GitHub-Delivery", "Content-Type"])
        | st.text(max_size=20),
        st.sampled_from(["push", "application/json", "application/x-www-form-urlencoded"])
        | st.text(max_size=20),
    ),
    st.binary(max_size=60) | st.sampled_from([b"{}", b'{"ref":1}', b"payload=%7B%7D", b"payload"]),
)
def test_whatever_comes_is_answered_with_an_error_of_ours(
    headers: dict[str, str], body: bytes
) -> None:
    digest = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    with contextlib.suppress(HeadwaterError):
        call = read_headers(headers | {"X-Hub-Signature-256": f"sha256={digest}"})
        check_signature(call, body, ["s"])
        hint = read_hint(call.forge, call.event, read_payload(call, body))
        concern(hint, call.event, GitSettings(repo="https://x.org/a/b"))


async def test_a_secret_speaks_for_its_own_source_only(start: Start, scratch: Scratch) -> None:
    """Two sources may share a key; whoever knows the secret of one is nobody to the other."""
    scratch.commit({path("a"): flow("a")})
    other = {
        "repo": "https://forge.example/acme/other.git",
        "hook_key": KEY,
        "hook_secret": "the secret of the other one",
    }
    rig = await start(repo=str(scratch.path), **HOOK, sources={"other": other})
    payload = {"ref": "refs/heads/main", "repository": {"full_name": "acme/flows"}}
    signed = delivery("the secret of the other one", payload=payload)
    answer = await rig.sync.deliver(KEY, *signed)
    assert answer.body.get("ignored"), "it is signed, but not for main"
    [stored] = await rig.sync.deliveries.find()
    assert stored.source_id == "other"


def test_a_form_of_many_fields_is_no_payload() -> None:
    call = Call("github", "push", "1", (), "application/x-www-form-urlencoded")
    with pytest.raises(BadRequest):
        read_payload(call, b"&".join(b"a=%d" % number for number in range(50)))
