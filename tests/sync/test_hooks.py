"""Webhooks beyond signatures: addresses, tokens, missing events, what is asked for again."""

import asyncio
from typing import Any

import pytest

from app.config import GitSettings, OidcSettings
from app.errors import Forbidden, Unauthorized, Unavailable
from app.ports import HookDelivery
from app.sync.hooks.bearers import bearer_of
from app.sync.hooks.redelivery import Redelivery
from app.sync.hooks.subscriptions import missing
from tests.forges.fake_github import hooked as give_hook
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import HOOK, Rig, delivery, flow, path, until

KEY = HOOK["hook_key"]
URL = "https://headwater.example"


@pytest.fixture
def forge() -> MemoryForge:
    return MemoryForge()


@pytest.fixture
async def follow(start: Start, scratch: Scratch, forge: MemoryForge) -> Any:
    scratch.commit({path("a"): flow("a", "1")})

    async def begin(**git: Any) -> Rig:
        rig = await start(repo=str(scratch.path), **(HOOK | git))
        rig.sync.main.parts.forge = forge
        return rig

    return begin


# -- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("192.0.2.7", True),
        ("::ffff:192.0.2.7", True),
        ("2001:db8::1", True),
        ("198.51.100.1", False),
        ("", False),
        ("testclient", False),
        ("192.0.2.7, 198.51.100.1", False),
    ],
)
async def test_only_some_addresses(follow: Any, address: str, taken: bool) -> None:
    rig = await follow(hook_addresses=("192.0.2.0/24", "2001:db8::/32"))
    sent = delivery()
    if taken:
        assert (await rig.sync.deliver(KEY, *sent, address)).status == 202
    else:
        with pytest.raises(Forbidden, match="hook_addresses"):
            await rig.sync.deliver(KEY, *sent, address)
        assert await rig.store.deliveries.find() == []


async def test_the_networks_that_the_forge_publishes(follow: Any, forge: MemoryForge) -> None:
    rig = await follow(hook_addresses=("meta", "203.0.113.9/32"))
    forge.networks = ["192.0.2.0/24"]
    for number, address in enumerate(("192.0.2.1", "192.0.2.2", "203.0.113.9")):
        sent = delivery(delivery_id=f"d{number}")
        assert (await rig.sync.deliver(KEY, *sent, address)).status == 202
    assert forge.calls.count("hook_networks") == 1, "they are remembered"
    with pytest.raises(Forbidden):
        await rig.sync.deliver(KEY, *delivery(), "198.51.100.1")


async def test_a_forge_that_does_not_tell_its_networks(follow: Any, forge: MemoryForge) -> None:
    rig = await follow(hook_addresses=("meta",))
    forge.failures = [Unavailable("the forge is down")]
    with pytest.raises(Unavailable, match="is down"):
        await rig.sync.deliver(KEY, *delivery(), "192.0.2.1")
    forge.networks = ["192.0.2.0/24"]
    assert (await rig.sync.deliver(KEY, *delivery(), "192.0.2.1")).status == 202
    later = rig.clock.now() + 2 * 3_600_000_000
    rig.sync.webhook._addresses._clock = type("Later", (), {"now": lambda self: later})()
    forge.failures = [Unavailable("the forge is down")]
    sent = delivery(delivery_id="d2")
    assert (await rig.sync.deliver(KEY, *sent, "192.0.2.1")).status == 202
    rig.sync.main.parts.forge = None
    other = await follow(name="other", hook_addresses=("meta",))
    other.sync.main.parts.forge = None
    with pytest.raises(Unavailable, match="no forge"):
        await other.sync.deliver(KEY, *delivery(), "192.0.2.1")


# -- tokens ---------------------------------------------------------------------------------------

OIDC = {"audience": URL, "claims": {"repository": "acme/flows"}}
CLAIMS = {
    "repository": "acme/flows",
    "ref": "refs/heads/main",
    "sha": "a" * 40,
    "actor": "ann",
    "jti": "t1",
}
BEARER = {"Authorization": "Bearer token"}


def claiming(rig: Rig, claims: dict[str, Any] | Exception) -> None:
    async def read(oidc: OidcSettings, token: str) -> dict[str, Any]:
        assert (oidc.audience, token) == (URL, "token")
        if isinstance(claims, Exception):
            raise claims
        return claims

    rig.sync.webhook.claims_of = read


async def test_a_token_wakes_the_loop(follow: Any, scratch: Scratch) -> None:
    rig = await follow(hook_secret=None, hook_oidc=OIDC)
    claiming(rig, CLAIMS)
    scratch.commit({path("a"): flow("a", "2")})
    answer = await rig.sync.deliver(KEY, BEARER, b"")
    assert (answer.status, answer.body) == (202, {"delivery": "t1"})
    await until(lambda: rig.runs("a").revision == 2)
    again = await rig.sync.deliver(KEY, BEARER, b"")
    assert again.body["duplicate"], "a token counts once"
    claiming(rig, CLAIMS | {"ref": "refs/heads/other", "jti": "t2"})
    assert (await rig.sync.deliver(KEY, BEARER, b"")).body["ignored"]


async def test_a_token_that_is_not_good(follow: Any) -> None:
    rig = await follow(hook_oidc=OIDC)
    claiming(rig, Unauthorized("the token has ended"))
    with pytest.raises(Unauthorized, match="ended"):
        await rig.sync.deliver(KEY, BEARER, b"")


@pytest.mark.parametrize(
    ("repo", "good"),
    [
        ("https://github.com/acme/flows.git", True),
        ("git@github.com:Acme/Flows.git", True),
        ("https://github.com/acme/other", False),
        ("https://git.example/x/acme/flows", False),
        ("/srv/git/acme/flows.git", False),
    ],
)
async def test_a_token_of_another_repository(follow: Any, repo: str, good: bool) -> None:
    rig = await follow(hook_oidc={"audience": URL})
    claiming(rig, CLAIMS)
    rig.sync.main.spec = rig.sync.main.spec.model_copy(update={"repo": repo})
    if good:
        assert (await rig.sync.deliver(KEY, BEARER, b"")).status == 202
    else:
        with pytest.raises(Unauthorized, match="another repository"):
            await rig.sync.deliver(KEY, BEARER, b"")


async def test_without_settings_no_token_is_good(follow: Any) -> None:
    rig = await follow()
    with pytest.raises(Unauthorized, match="takes no tokens"):
        await rig.sync.deliver(KEY, BEARER, b"")


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        (BEARER, "token"),
        ({"authorization": "bearer  x "}, "x"),
        ({"Authorization": "Basic eDp5"}, None),
        (BEARER | {"X-GitHub-Event": "push"}, None),
        (BEARER | {"X-Gitlab-Event": "Push Hook"}, None),
        (BEARER | {"X-Event-Key": "repo:push"}, None),
        ({}, None),
    ],
)
def test_which_requests_have_a_token(headers: dict[str, str], token: str | None) -> None:
    assert bearer_of(headers) == token


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"hook_key": "k"}, "hook_secret"),
        ({"hook_key": "k", "hook_secret": ""}, "empty"),
        ({"hook_key": "k", "hook_secret": " "}, "empty"),
        ({"hook_key": "k", "hook_secret": "x", "hook_secrets": ("",)}, "empty"),
        ({"hook_key": "k", "hook_secret": "x", "hook_secrets": ("a", "b", "c")}, "at most 2"),
        ({"hook_key": "k", "hook_oidc": {"audience": ""}}, "audience"),
        ({"hook_addresses": ("10.0.0.0/33",)}, "hook_addresses"),
        ({"hook_addresses": ("Meta",)}, "hook_addresses"),
    ],
)
def test_settings_that_would_let_anybody_in(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        GitSettings(**settings)


# -- subscriptions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "settings", "there", "lacking"),
    [
        ("github", {}, ["push"], []),
        ("github", {}, ["*"], []),
        ("github", {}, [], ["push"]),
        ("github", {"forge": "github"}, ["push"], ["pull_request", "issue_comment"]),
        (
            "github",
            {"forge": "github", "forge_app_id": "1"},
            ["push", "pull_request", "issue_comment"],
            ["check_run"],
        ),
        ("gitea", {"forge": "gitea"}, ["push", "pull_request", "issue_comment"], []),
        ("gitlab", {"forge": "gitlab"}, ["push_events", "note_events"], ["merge_requests_events"]),
        ("bitbucket", {}, ["repo:push"], []),
    ],
)
def test_events_that_are_needed(
    kind: str, settings: dict[str, Any], there: list[str], lacking: list[str]
) -> None:
    assert missing(kind, GitSettings(**settings), there) == lacking


async def webhook_condition(rig: Rig) -> tuple[bool, str, str]:
    await rig.sync.sync(cause="poll")
    (found,) = [each for each in rig.sync.main.source.conditions if each.type == "Webhook"]
    return found.status, found.reason, found.message


async def test_a_ping_tells_what_is_missing(follow: Any) -> None:
    rig = await follow()
    payload = {"hook": {"events": ["issues"], "active": True}}
    answer = await rig.sync.deliver(KEY, *delivery(event="ping", payload=payload))
    assert answer.body == {"ping": True, "missing": ["push"]}
    status, reason, message = await webhook_condition(rig)
    assert (status, reason) == (False, "EventsMissing")
    assert "push" in message
    payload = {"hook": {"events": ["push", 5]}}
    answer = await rig.sync.deliver(KEY, *delivery(event="ping", payload=payload))
    assert answer.body == {"ping": True}
    assert await webhook_condition(rig) == (True, "Subscribed", "")
    await rig.restart()
    assert (await webhook_condition(rig))[1] == "Subscribed", "it is remembered"


# -- what failed is asked for again ---------------------------------------------------------------


@pytest.fixture
def logged(forge: MemoryForge) -> MemoryForge:
    give_hook(forge, f"{URL}/api/v1/hooks/git/{KEY}", "push")
    recent = "2999-01-01T00:00:00Z"
    forge.deliveries = [
        HookDelivery("1", "a", "push", False, recent),
        HookDelivery("2", "b", "push", True, recent),
        HookDelivery("3", "c", "push", False, "2001-01-01T00:00:00Z"),
    ]
    return forge


async def test_what_failed_is_asked_for_again(follow: Any, logged: MemoryForge) -> None:
    rig = await follow()
    job = Redelivery(rig.sync.workers, f"{URL}/", rig.clock)
    assert await job.run() == 1
    assert logged.redelivered == ["1"]
    assert await webhook_condition(rig) == (True, "Subscribed", "")


async def test_a_webhook_that_is_not_there(follow: Any, forge: MemoryForge) -> None:
    rig = await follow()
    assert await Redelivery(rig.sync.workers, URL, rig.clock).run() == 0
    assert (await webhook_condition(rig))[:2] == (False, "NotFound")


async def test_what_cannot_be_asked(follow: Any, logged: MemoryForge) -> None:
    rig = await follow()
    assert await Redelivery(rig.sync.workers, None, rig.clock).run() == 0
    assert logged.calls == []
    for failure in (Forbidden("no"), Unavailable("down")):
        logged.failures = [failure]
        assert await Redelivery(rig.sync.workers, URL, rig.clock).run() == 0
    assert logged.redelivered == []
    assert not [each for each in rig.sync.main.source.conditions if each.type == "Webhook"]


async def test_many_at_once_are_answered(follow: Any) -> None:
    rig = await follow()
    rig.sync.main.follower.wake = lambda cause: None
    sent = [delivery(delivery_id=f"m{number}") for number in range(200)]
    answers = await asyncio.gather(*(rig.sync.deliver(KEY, *each) for each in sent))
    assert [each.status for each in answers] == [202] * 200
    stored = await rig.store.deliveries.find(limit=1_000)
    assert {each.delivery_id for each in stored} == {f"m{number}" for number in range(200)}
