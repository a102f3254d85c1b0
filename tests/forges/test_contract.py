"""What `ports.Forge` promises, on the forge in memory and on every client."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from app.config import SourceSettings
from app.errors import Invalid, NotFound, Unsupported
from app.forges import Forges
from app.ports import Annotation, Check, Comment, Forge, HookDelivery, NewPull
from tests.forges.fake_github import hooked, serving
from tests.forges.fake_others import FakeBitbucket, FakeGitea, FakeGitLab, RestFake
from tests.forges.memory import MemoryForge, Review

SHA = "a" * 40
KINDS = ["memory", "github", "github-app", "gitlab", "gitea", "bitbucket"]
FAKES: dict[str, type[RestFake]] = {
    "gitlab": FakeGitLab,
    "gitea": FakeGitea,
    "bitbucket": FakeBitbucket,
}


class Pair(NamedTuple):
    """A forge, and the world behind it."""

    forge: Forge
    world: MemoryForge

    def lacks(self, *kinds: str) -> bool:
        """Whether the forge is one of these, which have not what a test is about."""
        return self.forge.kind in kinds


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, forges: Forges) -> Iterator[Pair]:
    kind = request.param
    if kind == "memory":
        world = MemoryForge()
        yield Pair(world, world)
    elif kind in FAKES:
        with serving(FAKES[kind]()) as fake:
            repo = f"https://git.example{'/gitlab' if kind == 'gitlab' else ''}/acme/flows.git"
            fields = {"repo": repo, "forge": kind, "forge_url": fake.url}
            forge = forges.of(SourceSettings(**fields, forge_token="s3cret"))
            assert forge is not None
            yield Pair(forge, fake.world)
        assert fake.problems == []
    else:
        world = request.getfixturevalue("github").world
        name = "as_app" if kind == "github-app" else "as_user"
        yield Pair(request.getfixturevalue(name), world)


async def test_a_pull_request(pair: Pair) -> None:
    labels = () if pair.lacks("bitbucket") else ("a", "b")
    shas = {"head_sha": "b" * 40, "base_sha": "c" * 40}
    made = pair.world.add_pull(7, labels=labels, body="why", author="ann", **shas)
    assert await pair.forge.pull(7) == made
    assert not made.is_fork
    with pytest.raises(NotFound):
        await pair.forge.pull(8)


async def test_a_pull_request_of_a_fork_that_is_gone(pair: Pair) -> None:
    pair.world.add_pull(7, head_repo="mallory/flows")
    assert (await pair.forge.pull(7)).is_fork
    pair.world.change_pull(7, head_repo="")
    assert (await pair.forge.pull(7)).is_fork


async def test_open_pull_requests_over_many_pages(pair: Pair) -> None:
    for number in range(1, 131):
        pair.world.add_pull(number, state="closed" if number == 5 else "open")
    found = await pair.forge.pulls()
    assert [each.number for each in found] == [n for n in range(1, 131) if n != 5]


async def test_pull_requests_that_hold_a_commit(pair: Pair) -> None:
    pair.world.add_pull(1, head_sha=SHA)
    pair.world.add_pull(2, state="merged", merged_sha=SHA)
    pair.world.add_pull(3)
    found = await pair.forge.pulls(sha=SHA)
    assert [(each.number, each.state) for each in found] == [(1, "open"), (2, "merged")]
    assert found[1].merged_sha == SHA


async def test_opening_and_closing_one(pair: Pair) -> None:
    new = NewPull("edit", "main", "Edit", "Because", labels=("flows",), reviewers=("ann", "o/team"))
    made = await pair.forge.open_pull(new)
    assert (made.title, made.head_ref, made.base_ref, made.state) == (
        "Edit",
        "edit",
        "main",
        "open",
    )
    if not pair.lacks("bitbucket"):
        assert made.labels == ("flows",)
        assert pair.world.reviewers[made.number][0] == "ann"
    with pytest.raises(Invalid, match="already exists"):
        await pair.forge.open_pull(new)
    await pair.forge.close_pull(made.number)
    assert (await pair.forge.pull(made.number)).state == "closed"
    assert await pair.forge.pulls() == []


async def test_reviews_are_asked_for_later(pair: Pair) -> None:
    made = await pair.forge.open_pull(NewPull("edit", "main", "Edit", "", reviewers=("ann",)))
    await pair.forge.request_reviews(made.number, ("ann", "bob"))
    if not pair.lacks("bitbucket"):
        assert set(pair.world.reviewers[made.number]) == {"ann", "bob"}


async def test_approvals_that_still_hold(pair: Pair) -> None:
    pair.world.add_pull(1)
    pair.world.reviews[1] = [
        Review("ann", "1" * 40),
        Review("bob", "1" * 40),
        Review("ann", "2" * 40, "COMMENTED"),
        Review("bob", "2" * 40, "CHANGES_REQUESTED"),
        Review("cid", "1" * 40, "CHANGES_REQUESTED"),
        Review("cid", "2" * 40),
        Review("dan", "2" * 40, "DISMISSED"),
    ]
    found = await pair.forge.approvals(1)
    if pair.lacks("gitlab", "bitbucket"):  # an approval is of the head, until it is withdrawn
        head = pair.world.pull_requests[1].head_sha
        assert sorted(found) == [("ann", head), ("cid", head)]
    else:
        assert sorted(found) == [("ann", "1" * 40), ("cid", "2" * 40)]


async def test_permissions(pair: Pair) -> None:
    pair.world.permissions |= {"ann": "admin", "bob": "write", "cid": "read", "dan": "none"}
    found = [await pair.forge.permission(user) for user in ("ann", "bob", "cid", "dan", "eve/../")]
    assert found == ["admin", "write", "read", "none", "none"]


async def test_comments(pair: Pair) -> None:
    pair.world.add_pull(1)
    theirs = pair.world.say(1, "ann", "/headwater plan")
    if pair.lacks("bitbucket"):
        with pytest.raises(Unsupported):
            await pair.forge.acknowledge(1, theirs)
    else:
        await pair.forge.acknowledge(1, theirs)
        assert pair.world.eyes == [(1, theirs)]
    ours = await pair.forge.comment(1, "The plan")
    await pair.forge.edit_comment(1, ours, "Another plan")
    assert await pair.forge.comments(1) == [
        Comment(theirs, "ann", "/headwater plan"),
        Comment(ours, "headwater[bot]", "Another plan"),
    ]
    with pytest.raises(NotFound):
        await pair.forge.edit_comment(1, "404", "x")
    with pytest.raises((NotFound, Unsupported)):
        await pair.forge.acknowledge(1, "404")
    for number in range(120):
        pair.world.say(1, "ann", str(number))
    assert len(await pair.forge.comments(1)) == 122


async def test_what_is_told_of_a_commit(pair: Pair) -> None:
    check = Check(SHA, "headwater/validate", "in_progress", "Reading", url="https://x.example/1")
    check_id = await pair.forge.publish(check)
    note = Annotation("a.yaml", 3, "failure", "SCHEMA", "no such task", 5)
    done = Check(
        SHA, "headwater/validate", "failure", "1 error", "one", annotations=(note,), id=check_id
    )
    assert await pair.forge.publish(done) == check_id
    told = pair.world.check_of(SHA, "headwater/validate")
    assert told is not None
    assert (told.state, told.title) == ("failure", "1 error")
    assert len(pair.world.checks) == 1
    if pair.forge.has_checks:
        assert [(each.path, each.line, each.column) for each in told.annotations] == [
            ("a.yaml", 3, 5)
        ]
        assert check_id
    else:
        assert check_id == ""


@pytest.mark.parametrize("state", ["queued", "success", "neutral", "cancelled"])
async def test_every_state_can_be_told(pair: Pair, state: str) -> None:
    check_id = await pair.forge.publish(Check(SHA, "headwater/plan", state, "Title"))  # type: ignore[arg-type]
    assert bool(check_id) is pair.forge.has_checks
    assert len(pair.world.published) == 1


async def test_a_check_that_is_gone_is_made_anew(pair: Pair) -> None:
    check = Check(SHA, "headwater/plan", "success", "Done", id="404")
    assert (await pair.forge.publish(check)) != "404"
    assert pair.world.check_of(SHA, "headwater/plan") is not None


async def test_deployments(pair: Pair) -> None:
    if pair.lacks("gitea", "bitbucket"):
        with pytest.raises(Unsupported, match=pair.forge.kind):
            await pair.forge.deploy(SHA, "prod", "in_progress", "activating")
        return
    await pair.forge.deploy(SHA, "prod", "in_progress", "activating")
    await pair.forge.deploy(SHA, "prod", "success", "12 flows", "https://x.example")
    last = pair.world.deployments[-1]
    assert (last.sha, last.environment, last.state) == (SHA, "prod", "success")
    assert len(pair.world.deployments) == (2 if pair.forge is pair.world else 1)
    if not pair.lacks("gitlab"):
        assert (last.description, last.url) == ("12 flows", "https://x.example")


async def test_the_webhook_and_what_failed(pair: Pair) -> None:
    url = "https://headwater.example/api/v1/hooks/git/k"
    assert await pair.forge.hook(url) is None
    hooked(pair.world, url, "push")
    hook = await pair.forge.hook(url)
    assert hook is not None
    word = "push_events" if pair.lacks("gitlab") else "push"
    assert (hook.events, hook.active) == (frozenset([word]), True)
    if pair.lacks("gitea", "bitbucket"):
        with pytest.raises(Unsupported):
            await pair.forge.failed_deliveries(hook, "")
        with pytest.raises(Unsupported):
            await pair.forge.redeliver(hook, HookDelivery("1", "g", "push", False, ""))
        return
    times = [f"2026-11-25T10:0{minute}:00Z" for minute in range(6)]
    pair.world.deliveries = [
        HookDelivery("1", "old", "push", False, times[0]),
        HookDelivery("2", "a", "push", False, times[2]),
        HookDelivery("3", "b", "push", False, times[3]),
        HookDelivery("4", "c", "push", True, times[3]),
        HookDelivery("5", "a", "push", True, times[4]),
        HookDelivery("6", "b", "push", False, times[5]),
    ]
    failed = await pair.forge.failed_deliveries(hook, times[1])
    assert [(each.id, each.guid) for each in failed] == [("6", "b")]
    await pair.forge.redeliver(hook, failed[0])
    assert pair.world.redelivered == ["6"]


async def test_the_networks_of_the_forge(pair: Pair) -> None:
    pair.world.networks = ["192.0.2.0/24", "2001:db8::/32"]
    try:
        assert await pair.forge.hook_networks() == pair.world.networks
    except Unsupported:
        assert pair.forge.kind != "github"


async def test_the_ref_of_a_pull_request(pair: Pair) -> None:
    if pair.lacks("bitbucket"):
        pair.world.add_pull(7, head_ref="edit")
        pair.world.add_pull(8, head_repo="mallory/flows")
        assert [each.number for each in await pair.forge.pulls()] == [7, 8]
        assert pair.forge.pull_ref(7) == "refs/heads/edit"
        with pytest.raises(Unsupported, match="fork"):
            pair.forge.pull_ref(8)
    else:
        name = "merge-requests" if pair.lacks("gitlab") else "pull"
        assert pair.forge.pull_ref(7) == f"refs/{name}/7/head"


async def test_a_draft(pair: Pair) -> None:
    made = await pair.forge.open_pull(NewPull("edit", "main", "Edit", "", draft=True))
    assert made.draft or made.title.startswith("WIP: ")


async def test_the_name(pair: Pair) -> None:
    assert await pair.forge.current_name() == "acme/flows"
