"""Copies of repositories: who cannot read one at its host reads nothing of our copy of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.access import Scope
from tests.access.service import service
from tests.git.scratch import Scratch
from tests.git.server import GitServer, serving
from tests.sync.rig import flow, path

pytestmark = pytest.mark.asyncio


@pytest.fixture
def git(tmp_path: Path) -> Iterator[GitServer]:
    with serving(tmp_path / "served") as app:
        yield app


def access_to(git: GitServer) -> dict[str, Any]:
    """Return the settings of a source that may read and write the repository of all."""
    return {"repo": git.url("all.git"), "username": "ann", "token": "s3cret-token"}


def parts(git: GitServer, *tenants: str) -> dict[str, dict[str, Any]]:
    """Return a source for each tenant, confined to it, all of one repository."""
    return {each: {**access_to(git), "namespaces": [f"{each}/*"]} for each in tenants}


async def test_a_source_without_credentials_reads_no_copy_of_another(
    tmp_path: Path, git: GitServer
) -> None:
    scratch = Scratch(git.root / "all.git")
    sha = scratch.commit({path("pay", "vault", "bank"): flow("pay", "of-the-bank")})
    async with service(tmp_path / "data", sources={"bank": access_to(git)}) as running:
        root = await running.token(await running.user("root", {"instance-admin": Scope()}))
        theirs = await running.token(await running.user("mallory", {"admin": Scope("team")}))
        synced = await running.http.post("/api/v1/sources/bank/sync", headers=root)
        assert synced.status_code == 200, synced.text
        refused = await running.http.get("/api/v1/sources/bank", headers=theirs)
        assert refused.status_code == 404
        wish = {
            "id": "thief", "repo": git.url("all.git"), "ref": f"commit:{sha}",
            "layout": "kestra", "tenant": "team", "root": "tenants/bank/namespaces",
        }  # fmt: skip
        await running.http.post("/api/v1/sources", headers=theirs, json=wish)
        await running.http.post("/api/v1/sources/thief/sync", headers=theirs)
        told = await running.http.get("/api/v1/team/flows/vault/pay?source=true", headers=theirs)
        assert told.status_code == 404, told.text


async def test_a_source_that_may_not_read_a_repository_shows_nothing_of_it(
    tmp_path: Path, git: GitServer
) -> None:
    scratch = Scratch(git.root / "all.git")
    scratch.commit({path("old", "vault", "bank"): flow("old", "of-the-bank")})
    scratch.git("branch", "other", "main")
    scratch.commit({path("pay", "vault", "bank"): flow("pay", "of-the-bank")})
    async with service(tmp_path / "data", sources={"bank": access_to(git)}) as running:
        root = await running.token(await running.user("root", {"instance-admin": Scope()}))
        theirs = await running.token(await running.user("mallory", {"admin": Scope("team")}))
        await running.http.post("/api/v1/sources/bank/sync", headers=root)
        wish = {
            "id": "thief", "repo": git.url("all.git"), "layout": "kestra", "tenant": "team",
            "root": "tenants/bank/namespaces",
        }  # fmt: skip
        await running.http.post("/api/v1/sources", headers=theirs, json=wish)
        ran = await running.http.post("/api/v1/sources/thief/sync", headers=theirs)
        assert ran.json()["outcome"] == "FAILED", ran.text  # 401 of the host
        assert "pay" not in ran.text
        for query in ("diff?format=raw&from=other&to=main", "plan?to=main"):
            told = await running.http.get(f"/api/v1/sources/thief/{query}", headers=theirs)
            assert "pay" not in told.text


async def test_who_sees_a_part_of_a_repository_sees_no_diff_of_the_rest(
    tmp_path: Path, git: GitServer
) -> None:
    """Two tenants in one repository, each with a source that is confined to it."""
    scratch = Scratch(git.root / "all.git")
    first = scratch.commit({path("own", "shop", "team"): flow("own")})
    scratch.commit(
        {
            path("pay", "vault", "bank"): flow("pay", "of-the-bank"),
            path("two", "shop", "team"): flow("two", "of-the-team"),
        }
    )
    sources = parts(git, "bank", "team")
    async with service(tmp_path / "data", sources=sources) as running:
        root = await running.token(await running.user("root", {"instance-admin": Scope()}))
        viewer = await running.token(await running.user("viewer", {"viewer": Scope("team")}))
        for each in sources:
            await running.http.post(f"/api/v1/sources/{each}/sync", headers=root)
        refused = await running.http.get("/api/v1/sources/bank", headers=viewer)
        assert refused.status_code == 404
        raw = f"/api/v1/sources/team/diff?format=raw&from={first}&to=main"
        told = (await running.http.get(raw, headers=viewer)).text
        assert "of-the-team" in told
        assert "of-the-bank" not in told


async def test_who_manages_a_part_of_a_repository_reverts_nothing_of_the_rest(
    tmp_path: Path, git: GitServer
) -> None:
    """Two tenants in one repository: an administrator of one takes back no commit of the other."""
    scratch = Scratch(git.root / "all.git")
    scratch.commit({path("own", "shop", "team"): flow("own")})
    scratch.commit({path("pay", "vault", "bank"): flow("pay", "before")})
    theirs = scratch.commit({path("pay", "vault", "bank"): flow("pay", "of-the-bank")})
    sources = parts(git, "bank", "team")
    async with service(tmp_path / "data", sources=sources) as running:
        root = await running.token(await running.user("root", {"instance-admin": Scope()}))
        admin = await running.token(await running.user("admin", {"admin": Scope("team")}))
        for each in sources:
            await running.http.post(f"/api/v1/sources/{each}/sync", headers=root)
        revert = "/api/v1/sources/team/revert"
        tried = await running.http.post(
            revert, headers=admin, json={"commits": [theirs], "dryRun": True}
        )
        wish = {"commits": [theirs], "mode": "push"}
        done = await running.http.post(revert, headers=admin, json=wish)
        await running.http.post("/api/v1/sources/bank/sync", headers=root)
        now = await running.http.get("/api/v1/bank/flows/vault/pay?source=true", headers=root)
        assert [tried.status_code, done.status_code] == [403, 403]
        assert "of-the-bank" not in tried.text + done.text
        assert "of-the-bank" in now.text


async def test_nobody_gets_back_a_right_by_a_source_of_the_same_repository(
    tmp_path: Path, git: GitServer
) -> None:
    scratch = Scratch(git.root / "all.git")
    given = b"bindings:\n  - {role: instance-admin, user: mallory}\n"
    scratch.commit({"access.yaml": given, path("own", "shop", "team"): flow("own")})
    taken = scratch.commit({"access.yaml": b"bindings: []\n"})
    sources = parts(git, "ops", "team")
    data = tmp_path / "data"
    async with service(data, sources=sources, access={"source": "ops"}) as running:
        root = await running.token(await running.user("root", {"instance-admin": Scope()}))
        mallory = await running.token(await running.user("mallory", {"admin": Scope("team")}))
        for each in sources:
            await running.http.post(f"/api/v1/sources/{each}/sync", headers=root)
        assert await running.status("/api/v1/users", headers=mallory) == 403
        wish = {"commits": [taken], "mode": "push"}
        await running.http.post("/api/v1/sources/team/revert", headers=mallory, json=wish)
        await running.http.post("/api/v1/sources/ops/sync", headers=root)
        assert await running.status("/api/v1/users", headers=mallory) == 403
