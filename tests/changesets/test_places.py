"""Write back wherever flows come from: a working folder, our own repository, two sources."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import SourceSettings
from app.db.pull_records import Review
from app.db.pulls import PullStore
from app.errors import Invalid, NotFound
from app.sync.changesets.model import Change, Proposed
from tests.changesets.conftest import Begin, ForgeRig
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.sync.rig import ANN, Rig, flow, path

KEY = ("main", "shop", "a")


def text(flow_id: str = "a", message: str = "hi", namespace: str = "shop") -> str:
    return flow(flow_id, message, namespace).decode()


async def test_a_working_folder_takes_edits_and_reverts_as_files(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    file = folder / path("a")
    file.parent.mkdir(parents=True)
    file.write_bytes(flow("a", "good"))
    rig = Rig(tmp_path / "data", mode="dev", repo=str(folder), edit_mode="pr")
    async with rig.running():
        submissions = rig.sync.changesets.submissions
        change = Change("shop", "flow", "a", flow("a", "bad"))
        made = await submissions.create("main", "Bad", ANN, edits=[change])
        done = await submissions.submit("main", made.id, ANN)
        assert done.state == "ACTIVE"
        assert b"bad" in file.read_bytes()
        tried = await rig.sync.reverts.trial("main", commits=[done.commit_sha or ""])
        assert tried.paths == (path("a"),)
        await rig.sync.reverts.open("main", commits=[done.commit_sha or ""], reason="", actor=ANN)
        assert file.read_bytes() == flow("a", "good")
        assert b"good" in (await rig.active())["main/shop/a"]


async def test_our_own_repository_by_branches(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "data", edit_mode="push")
    async with rig.running():
        await rig.sync.put_flow("main", None, None, text(), actor=ANN)
    rig.git["edit_mode"] = "pr"
    async with rig.running():
        with pytest.raises(Proposed) as caught:
            await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
        [made] = caught.value.changesets
        mirror = rig.sync.main.parts.repository.mirror
        assert made.state == "PUSHED"
        assert mirror.branches()[made.branch or ""] == made.commit_sha
        base = mirror.tip("main")
        writer = rig.sync.main.parts.repository.writer()
        writer.publish("main", made.commit_sha or "", expected=base)
        await rig.outcome()
        now = await rig.sync.changesets.get("main", made.id)
        assert (now.state, sorted(mirror.branches())) == ("ACTIVE", ["main"])


async def test_two_sources_one_of_which_takes_pull_requests(
    begin: Begin, tmp_path: Path, scratch: Scratch, forge: MemoryForge
) -> None:
    scratch.commit({path("a"): flow("a")})
    other = Scratch(tmp_path / "other.git")
    other.commit({path("o", "other"): flow("o")})
    second = SourceSettings(
        repo=str(other.path),
        namespaces=("other",),
        allow_file_protocol=True,
        edit_mode="push",
        poll_seconds=3600,
    )
    spec = {"repo": str(scratch.path), "edit_mode": "pr", "sources": {"second": second}}
    rig = ForgeRig(tmp_path / "data", forge, **spec)
    async with rig.running():
        wanted = [("shop", "a", text(message="2")), ("other", "o", text("o", "2", "other"))]
        with pytest.raises(Proposed) as caught:
            await rig.sync.put_flows("main", wanted, actor=ANN)
        assert [each.source_id for each in caught.value.changesets] == ["main"]
        assert rig.runs("o", "other").revision == 2
        edits = [
            Change("shop", "flow", "a", flow("a", "3")),
            Change("other", "file", "x", b"1"),
        ]
        with pytest.raises(Proposed):
            await rig.sync.changesets.write("main", edits, actor=ANN, message="Both")
        assert other.git("show", f"main:{path('x', 'other')[:-12]}files/x") == "1"
        with pytest.raises(Invalid, match="one source"):
            await rig.sync.changesets.submissions.create("main", "Both", ANN, edits=edits)
        revision = await rig.flows.find(*KEY, revision=1)
        with pytest.raises(Invalid, match="comes from source main"):
            await rig.sync.reverts.open("second", restore={KEY: revision}, reason="", actor=ANN)


async def test_a_repository_that_is_laid_out_as_kestras(begin: Begin, scratch: Scratch) -> None:
    scratch.commit({"shop/flows/a.yaml": flow("a", "1"), "shop/files/q.sql": b"1"})
    rig = await begin(edit_mode="push", layout="kestra")
    edits = [Change("shop", "flow", "b", flow("b")), Change("shop", "file", "q.sql", b"2")]
    await rig.sync.changesets.write("main", edits, actor=ANN, message="Both")
    assert scratch.git("show", "main:shop/files/q.sql") == "2"
    assert scratch.git("show", "main:shop/flows/b.yaml") == flow("b").decode().strip()
    with pytest.raises(Invalid, match="flows and files only"):
        await rig.sync.changesets.write(
            "main", [Change("shop", "variables", "", b"a: 1")], actor=ANN, message="x"
        )
    made = await rig.sync.reverts.open("main", commits=["main"], reason="", actor=ANN)
    assert (made.state, "main/shop/b" in await rig.active()) == ("ACTIVE", False)


async def test_the_verdict_of_the_review(
    begin: Begin, scratch: Scratch, forge: MemoryForge
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="pr")
    with pytest.raises(Proposed) as caught:
        await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
    [made] = caught.value.changesets
    forge.change_pull(made.pull_number or 0, head_sha=made.commit_sha)
    for outcome, state in [("failure", "CHECKS_FAILED"), ("success", "CHECKS_PASSED")]:
        await _reviewed(rig, made.pull_number or 0, made.commit_sha or "", outcome)
        async with asyncio.timeout(10):
            while (await rig.store.changesets.get(made.id)).state != state:
                await asyncio.sleep(0.01)
    forge.change_pull(made.pull_number or 0, head_sha="1" * 40)  # somebody pushed more
    assert (await rig.sync.changesets.get("main", made.id)).state == "PR_OPEN"


async def _reviewed(rig: Rig, number: int, head: str, outcome: str) -> None:
    """Store a review that ended."""
    store = PullStore(rig.database)
    store.heard.append(rig.sync.changesets.reviewed)
    review = Review("main", number, head, "test", created_at=1)
    await store.enqueue(review)
    await store.update(replace(review, state="done", outcome=outcome, ended_at=2))


async def test_sources_that_are_gone(begin: Begin, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="push")
    made = await rig.sync.changesets.submissions.create(
        "main", "x", ANN, edits=[Change("shop", "flow", "a", flow("a", "2"))]
    )
    for name, state in [("pushed", "PUSHED"), ("draft", "DRAFT")]:
        await rig.store.changesets.save(replace(made, id=name, source_id="gone", state=state))
    assert (await rig.sync.changesets.get("main", "pushed")).state == "PUSHED"
    await rig.sync.changesets.sweep()
    with pytest.raises(NotFound, match="no source gone"):
        await rig.sync.changesets.submissions.submit("main", "draft", ANN)
    with pytest.raises(NotFound, match="no source gone"):
        await rig.sync.changesets.abandon("main", "pushed", actor=ANN, reason="")
