"""No changeset waits for ever, and none takes what is somebody else's for its own."""

import pytest

from app.errors import Invalid, Unavailable
from app.ports import NewPull, PullRequest
from app.sync.changesets.model import Proposed
from tests.changesets.conftest import Begin, PickyForge
from tests.git.scratch import Scratch
from tests.sync.rig import ANN, Rig, flow, path


@pytest.fixture
async def rig(begin: Begin, scratch: Scratch) -> Rig:
    scratch.commit({path("a"): flow("a", "1")})
    return await begin(edit_mode="pr")


async def proposed(rig: Rig) -> str:
    """Propose a change; return the id of its changeset."""
    with pytest.raises(Proposed) as caught:
        await rig.sync.put_flow("main", "shop", "a", flow("a", "2").decode(), actor=ANN)
    return caught.value.changesets[0].id


async def test_a_pull_request_that_is_gone_ends_its_changeset(rig: Rig, forge: PickyForge) -> None:
    made = await proposed(rig)
    kept = dict(forge.pull_requests)
    forge.pull_requests.clear()
    now = await rig.sync.changesets.get("main", made)
    assert now.state == "CLOSED"
    assert "gone" in now.error
    forge.pull_requests |= kept
    assert (await rig.sync.changesets.get("main", made)).state == "PR_OPEN", "it was only hidden"


class Halting(PickyForge):
    """A forge that goes down once a pull request is open, before anybody is asked for review."""

    async def open_pull(self, new: NewPull) -> PullRequest:
        await super().open_pull(new._replace(reviewers=()))
        raise Unavailable("down")


class Squatter(PickyForge):
    """A forge where somebody opens the pull request of a fork with the very same branch first."""

    fork = {"head_repo": "stranger/flows", "author": "eve"}  # noqa: RUF012 - a test's constant

    async def open_pull(self, new: NewPull) -> PullRequest:
        self.add_pull(None, head_ref=new.head, **self.fork)
        raise Invalid("the forge does not take it")


async def test_who_could_not_be_asked_for_review_is_asked_later(
    begin: Begin, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "1"), "CODEOWNERS": b"* @bob\n"})
    rig = await begin(edit_mode="pr")
    halting = Halting()
    rig.sync.main.parts.forge = halting
    made = await proposed(rig)
    now = await rig.sync.changesets.get("main", made)
    assert (now.state, list(halting.pull_requests)) == ("PR_OPEN", [1])
    assert halting.reviewers == {1: ("bob",)}


async def test_the_pull_request_of_a_fork_is_not_ours(begin: Begin, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="pr")
    squatter = Squatter()
    rig.sync.main.parts.forge = squatter
    made = await proposed(rig)
    now = await rig.sync.changesets.store.get(made)
    assert (now.state, now.pull_number) == ("PUSHED", None)


async def test_a_pull_request_into_another_branch_is_not_ours(
    begin: Begin, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="pr")
    squatter = Squatter()
    squatter.fork = {"base_ref": "other"}
    rig.sync.main.parts.forge = squatter
    made = await proposed(rig)
    assert (await rig.sync.changesets.store.get(made)).pull_number is None
