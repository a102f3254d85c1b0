"""Ways of GitLab, Gitea and Bitbucket that are their own, and which repository an address means."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.config import SourceSettings
from app.errors import AuthFailed, BadRequest, Invalid
from app.forges import Forges
from app.forges.repositories import repository_of
from app.ports import Check, Forge, NewPull
from tests.forges.fake_github import Answer, serving
from tests.forges.fake_others import FakeBitbucket, FakeGitea, FakeGitLab, RestFake

SHA = "a" * 40


def client(forges: Forges, kind: str, fake: RestFake, **more: Any) -> Forge:
    repo = f"https://git.example{'/gitlab' if kind == 'gitlab' else ''}/acme/flows.git"
    fields = {"repo": repo, "forge": kind, "forge_url": fake.url, "forge_token": "s3cret"}
    forge = forges.of(SourceSettings(**(fields | more)))
    assert forge is not None
    return forge


@pytest.fixture
def gitlab() -> Iterator[FakeGitLab]:
    with serving(FakeGitLab()) as fake:
        yield fake


@pytest.fixture
def gitea() -> Iterator[FakeGitea]:
    with serving(FakeGitea()) as fake:
        yield fake


@pytest.fixture
def bitbucket() -> Iterator[FakeBitbucket]:
    with serving(FakeBitbucket()) as fake:
        yield fake


@pytest.mark.parametrize(
    ("address", "forge_url", "nested", "name"),
    [
        ("https://github.com/acme/flows.git", "", False, "acme/flows"),
        ("https://github.com/acme/flows/", "", False, "acme/flows"),
        ("git@github.com:acme/flows.git", "", False, "acme/flows"),
        ("ssh://git@host:2222/acme/flows", "", False, "acme/flows"),
        ("https://host/git/acme/flows", "https://host/git/api/v1", False, "acme/flows"),
        ("https://gitlab.com/a/b/c/flows.git", "https://gitlab.com/api/v4", True, "a/b/c/flows"),
        ("https://host/gl/a/b/flows", "https://host/gl/api/v4", True, "a/b/flows"),
        ("git@host:a/b/flows.git", "https://host/gl/api/v4", True, "a/b/flows"),
        ("/srv/git/acme/flows.git", "", False, "acme/flows"),
    ],
)
def test_the_repository_of_an_address(
    address: str, forge_url: str, nested: bool, name: str
) -> None:
    assert repository_of(address, forge_url, nested=nested) == name


@pytest.mark.parametrize("address", ["", "flows", "https://github.com/", "https://github.com/acme"])
def test_addresses_that_name_none(address: str) -> None:
    with pytest.raises(BadRequest, match="owner/name"):
        repository_of(address)


def test_a_gitea_needs_its_address(forges: Forges) -> None:
    spec = SourceSettings(repo="https://git.example/acme/flows", forge="gitea")
    with pytest.raises(BadRequest, match="forge_url"):
        forges.of(spec)


async def test_public_addresses_are_known(forges: Forges) -> None:
    for kind in ("github", "gitlab", "bitbucket"):
        spec = SourceSettings(repo="https://git.example/acme/flows", forge=kind)  # type: ignore[arg-type]
        forge = forges.of(spec)
        assert forge is not None
        assert (forge.kind, forge.repository) == (kind, "acme/flows")
        assert await forge.read_token() is None


async def test_the_token_for_git_is_used_where_there_is_no_other(
    forges: Forges, gitlab: FakeGitLab
) -> None:
    gitlab.world.add_pull(1)
    forge = client(forges, "gitlab", gitlab, forge_token=None, token="s3cret")
    assert (await forge.pull(1)).number == 1
    with pytest.raises(AuthFailed):
        await client(forges, "gitlab", gitlab, forge_token="wr0ng").pull(1)


async def test_the_same_state_twice_is_no_error_at_gitlab(
    forges: Forges, gitlab: FakeGitLab
) -> None:
    forge = client(forges, "gitlab", gitlab)
    for _ in range(2):
        await forge.publish(Check(SHA, "headwater/plan", "in_progress", "Planning"))
    assert len(gitlab.world.published) == 1
    gitlab.answers = [Answer(400, {"message": "sha is invalid"})]
    with pytest.raises(Invalid, match="sha is invalid"):
        await forge.publish(Check(SHA, "headwater/plan", "success", "Planned"))


async def test_forks_of_gitlab(forges: Forges, gitlab: FakeGitLab) -> None:
    forge = client(forges, "gitlab", gitlab)
    gitlab.world.add_pull(1, head_repo="mallory/flows")
    for _ in range(2):
        assert (await forge.pull(1)).head_repo == "mallory/flows"
    assert gitlab.requests.count("GET /projects/8") == 1
    other = client(forges, "gitlab", gitlab)
    gitlab.answers = [
        Answer(
            200,
            {
                "iid": 1,
                "title": "t",
                "state": "locked",
                "source_branch": "s",
                "target_branch": "main",
                "source_project_id": 9,
                "target_project_id": 7,
            },
        ),
        Answer(404, {"message": "404 Project Not Found"}),
    ]
    hidden = await other.pull(1)
    assert (hidden.head_repo, hidden.is_fork, hidden.state) == ("", True, "closed")


@pytest.mark.parametrize(
    ("level", "state", "permission"),
    [
        (50, "active", "admin"),
        (40, "active", "admin"),
        (30, "active", "write"),
        (20, "active", "read"),
        (10, "active", "read"),
        (5, "active", "none"),
        (40, "awaiting", "none"),
    ],
)
async def test_levels_of_gitlab(
    forges: Forges, gitlab: FakeGitLab, level: int, state: str, permission: str
) -> None:
    gitlab.answers = [
        Answer(200, [{"id": 1, "username": "Ann"}]),
        Answer(200, {"access_level": level, "state": state}),
    ]
    assert await client(forges, "gitlab", gitlab).permission("ann") == permission


async def test_reviewers_that_gitlab_does_not_know(forges: Forges, gitlab: FakeGitLab) -> None:
    new = NewPull("edit", "main", "Edit", "", reviewers=("nobody", "acme/team", "bob"))
    made = await client(forges, "gitlab", gitlab).open_pull(new)
    assert gitlab.world.reviewers[made.number] == ("bob",)


async def test_reviewers_that_gitea_does_not_take(forges: Forges, gitea: FakeGitea) -> None:
    new = NewPull("edit", "main", "Edit", "", reviewers=("eve", "acme/team", "bob"))
    made = await client(forges, "gitea", gitea).open_pull(new)
    assert gitea.world.reviewers[made.number] == ("team", "bob")


async def test_the_owner_of_a_gitea_repository(forges: Forges, gitea: FakeGitea) -> None:
    gitea.answers = [Answer(200, {"permission": "owner"}), Answer(200, {"permission": "odd"})]
    forge = client(forges, "gitea", gitea)
    assert [await forge.permission("ann") for _ in range(2)] == ["admin", "none"]


async def test_keys_of_bitbucket_are_short(forges: Forges, bitbucket: FakeBitbucket) -> None:
    forge = client(forges, "bitbucket", bitbucket)
    long = "headwater/" + "x" * 60
    for context in ("headwater/plan", long, f"{long}y"):
        await forge.publish(Check(SHA, context, "success", "ok"))
    assert len({each.context for each in bitbucket.world.published}) == 3
    assert bitbucket.world.published[0].url == f"https://bitbucket.org/acme/flows/commits/{SHA}"


async def test_nobody_has_rights_by_a_nickname(forges: Forges, bitbucket: FakeBitbucket) -> None:
    forge = client(forges, "bitbucket", bitbucket)
    bitbucket.world.permissions["{u-1}"] = "admin"
    assert await forge.permission("{u-1}") == "admin"
    assert await forge.permission('" OR user.uuid="{u-1}') == "none"
    listed = [{"user": {"uuid": "{u-1}", "nickname": "ann"}, "permission": "admin"}]
    bitbucket.answers = [Answer(200, {"values": listed})]
    assert await forge.permission("ann") == "none"


async def test_a_commit_that_bitbucket_does_not_have(
    forges: Forges, bitbucket: FakeBitbucket
) -> None:
    bitbucket.world.add_pull(1, head_sha="b" * 40, base_sha="c" * 40)
    bitbucket.answers = [
        Answer(
            200,
            {
                "id": 1,
                "title": "t",
                "state": "OPEN",
                "source": {"commit": None, "branch": {"name": "s"}, "repository": None},
                "destination": {
                    "commit": {"hash": "d" * 12},
                    "branch": {"name": "main"},
                    "repository": {"full_name": "acme/flows"},
                },
            },
        )
    ]
    found = await client(forges, "bitbucket", bitbucket).pull(1)
    assert (found.head_sha, found.base_sha) == ("", "d" * 12)


async def test_a_branch_of_bitbucket_is_no_fork_for_the_case_of_its_address(
    forges: Forges, bitbucket: FakeBitbucket
) -> None:
    bitbucket.world.add_pull(7, head_repo="Acme/Flows", base_repo="Acme/Flows")
    there = client(forges, "bitbucket", bitbucket)
    assert not (await there.pull(7)).is_fork
    assert there.pull_ref(7) == "refs/heads/change-7"
