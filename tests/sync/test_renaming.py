"""A repository that gets another name at its forge: followed, told, and audited."""

from pathlib import Path

import pytest

from app.sync.hooks.renaming import renamed
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.git.server import serving
from tests.sync.rig import HOOK, Rig, delivery, flow, path, until


@pytest.mark.parametrize(
    ("repo", "new", "address"),
    [
        ("https://h/acme/old.git", "acme/new", "https://h/acme/new.git"),
        ("https://h/acme/old", "other/new", "https://h/other/new"),
        ("https://h/x/acme/old.git", "acme/new", "https://h/x/acme/new.git"),
        ("git@h:acme/old.git", "acme/new", "git@h:acme/new.git"),
        ("https://h/Acme/Old", "acme/new", "https://h/acme/new"),
        ("https://h/acme/old", "Acme/Old", None),
        ("https://h/acme/old", "", None),
        ("https://h/my-acme/old", "acme/new", None),
        ("/srv/flows", "acme/new", None),
    ],
)
def test_the_new_address(repo: str, new: str, address: str | None) -> None:
    assert renamed(repo, "acme/old", new) == address


async def test_a_renamed_repository_is_followed(tmp_path: Path) -> None:
    old = Scratch(tmp_path / "served" / "acme" / "old.git")
    old.commit({path("a"): flow("a", "1")})
    forge = MemoryForge("acme/old")
    with serving(tmp_path / "served") as server:
        repo = server.url("acme/old.git")
        rig = Rig(tmp_path / "data", repo=repo, token="s3cret-token", username="ann", **HOOK)
        async with rig.running():
            rig.sync.main.parts.forge = forge
            assert rig.runs("a").revision == 1
            old.path = old.path.rename(old.path.with_name("new.git"))
            old.commit({path("a"): flow("a", "2")})
            forge.renamed_to = "acme/new"
            owner = {"login": "acme"}
            payload = {
                "action": "renamed",
                "changes": {"repository": {"name": {"from": "old"}}},
                "repository": {"name": "new", "full_name": "acme/new", "owner": owner},
            }
            sent = delivery(delivery_id="r1", event="repository", payload=payload)
            assert (await rig.sync.deliver(HOOK["hook_key"], *sent)).status == 202
            await until(lambda: rig.runs("a").revision == 2)
            await until(
                lambda: any(each.type == "Renamed" for each in rig.sync.main.source.conditions)
            )
            old.commit({path("a"): flow("a", "3")})
            push = {"ref": "refs/heads/main", "repository": {"full_name": "acme/new"}}
            sent = delivery(delivery_id="p1", payload=push)
            answer = await rig.sync.deliver(HOOK["hook_key"], *sent)
            assert "ignored" not in answer.body, "deliveries have the new name from now on"
            await until(lambda: rig.runs("a").revision == 3)
            (told,) = [each for each in rig.sync.main.source.conditions if each.type == "Renamed"]
            assert "set repo to" in told.message
            (entry,) = await rig.sync.shared.audit.find(target="source/main")
            assert entry.action == "source.renamed"
