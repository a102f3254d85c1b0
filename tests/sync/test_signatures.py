"""Signature policies: what is not signed by a listed key is held, and read no further."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.db.records import SyncRun
from app.engine.revision_choice import passed
from app.errors import Conflict, NotFound, Unavailable
from app.git.keyrings import Keyring
from app.git.mirror import Mirror
from app.git.signatures import Verdict, judge
from tests.forges.memory import MemoryForge, Review
from tests.git.scratch import Scratch
from tests.git.signers import PgpSigner, SshSigner, pgp, signed
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path


@pytest.fixture
def ann(tmp_path: Path) -> SshSigner:
    return SshSigner(tmp_path / "keys", "ann")


@pytest.fixture
def bob(tmp_path: Path) -> SshSigner:
    return SshSigner(tmp_path / "keys", "bob")


@pytest.fixture
def listed(tmp_path: Path, ann: SshSigner) -> Path:
    file = tmp_path / "allowed_signers"
    file.write_text(ann.allowed())
    return file


@pytest.fixture(scope="module")
def web() -> Iterator[PgpSigner]:
    with pgp("web") as signer:
        yield signer


async def polled(rig: Rig, cause: str = "poll") -> SyncRun:
    run = await rig.sync.sync(cause=cause)
    assert run is not None
    return run


def verified(rig: Rig) -> tuple[bool, str] | None:
    found = rig.sync.main.source.condition("Verified")
    return None if found is None else (found.status, found.reason)


def change(number: int) -> dict[str, bytes]:
    return {path("a"): flow("a", str(number))}


async def test_off_says_nothing(rig: Rig, scratch: Scratch) -> None:
    scratch.commit(change(1))
    await polled(rig)
    assert verified(rig) is None


async def test_the_range_is_judged(
    start: Start, scratch: Scratch, ann: SshSigner, listed: Path
) -> None:
    signed(scratch, None, change(0))
    first = signed(scratch, ann, change(1))
    rig = await start(repo=str(scratch.path), signatures="range", ssh_signers_file=listed)
    assert (await rig.history("a"))[-1].signature == "good"
    assert rig.runs("a").commit == first  # what was before is not asked about
    assert verified(rig) == (True, "Signed")
    bad = signed(scratch, None, change(2))
    signed(scratch, ann, change(3))
    run = await polled(rig)
    assert (run.outcome, run.hold) == ("HELD", "SIGNATURE")
    assert f"commit {bad[:12]} is not signed" in run.reason
    assert verified(rig) == (False, "SignaturePolicy")
    held = rig.sync.main.source.condition("Held")
    assert held is not None
    assert (held.status, held.reason) == (True, "Signature")
    assert rig.runs("a").commit == first
    with pytest.raises(NotFound):  # not even as an old revision
        await rig.flows.at("main", "shop", "a", commit=bad)
    assert (await polled(rig)).outcome == "NOOP"
    assert f"headwater git approve {run.id}" in run.reason


async def test_somebody_may_stand_in_for_a_signature(
    start: Start, scratch: Scratch, ann: SshSigner, listed: Path
) -> None:
    signed(scratch, ann, change(1))
    rig = await start(repo=str(scratch.path), signatures="range", ssh_signers_file=listed)
    signed(scratch, None, change(2))
    run = await polled(rig)
    after = await rig.sync.approvals.approve(run.id, ANN, "I saw it")
    assert (after.outcome, "Ann approved the commit" in after.reason) == ("SYNCED", True)
    assert verified(rig) == (False, "SignaturePolicy")  # it is not signed for that
    assert (await rig.active())["main/shop/a"] == flow("a", "2")
    bad = signed(scratch, None, change(3))  # the word was for one commit
    run = await polled(rig)
    assert (run.hold, bad[:12] in run.reason) == ("SIGNATURE", True)
    await rig.sync.approvals.reject(run.id, ANN, "no")
    assert (await polled(rig, "manual")).hold == "SIGNATURE"
    signed(scratch, ann, change(4), subject="Mine\n\nHeadwater-Seal: reviewed")
    assert (await polled(rig)).outcome == "SYNCED"


async def test_a_seal_accepts_what_was_before(
    start: Start, scratch: Scratch, ann: SshSigner, bob: SshSigner, listed: Path
) -> None:
    signed(scratch, ann, change(1))
    rig = await start(repo=str(scratch.path), signatures="range", ssh_signers_file=listed)
    signed(scratch, None, change(2))
    signed(scratch, bob, change(3), subject="Mine\n\nHeadwater-Seal: trust me")
    assert (await polled(rig)).hold == "SIGNATURE"  # a stranger seals nothing
    signed(scratch, ann, change(4), subject="Accept\n\nHeadwater-Seal: reviewed by hand")
    assert (await polled(rig)).outcome == "SYNCED"
    assert (await rig.active())["main/shop/a"] == flow("a", "4")


async def test_only_the_head(start: Start, scratch: Scratch, ann: SshSigner, listed: Path) -> None:
    signed(scratch, ann, change(1))
    rig = await start(repo=str(scratch.path), signatures="head", ssh_signers_file=listed)
    signed(scratch, None, change(2))
    assert (await polled(rig)).hold == "SIGNATURE"
    signed(scratch, ann, change(3))
    assert (await polled(rig)).outcome == "SYNCED"


@pytest.mark.parametrize("word", ["rejected", ""])
async def test_what_its_signature_kept_out_is_not_let_in_by_a_head_that_is_signed(
    start: Start, scratch: Scratch, ann: SshSigner, listed: Path, word: str
) -> None:
    signed(scratch, ann, change(1))
    rig = await start(repo=str(scratch.path), signatures="head", ssh_signers_file=listed)
    bad = [signed(scratch, None, {"a.txt": text}) for text in (b"1", b"2")]
    run = await polled(rig)
    assert run.hold == "SIGNATURE"
    if word:
        await rig.sync.approvals.reject(run.id, ANN, "no")
        await polled(rig, "manual")
    good = signed(scratch, ann, {"a.txt": None})
    assert (await polled(rig)).outcome == "SYNCED"
    for commit in bad:
        with pytest.raises(Conflict, match="nobody has let commit"):
            passed(await rig.flows.at("main", "shop", "a", commit=commit))
    assert passed(await rig.flows.at("main", "shop", "a", commit=good)).revision.revision == 1


async def test_what_is_signed_as_a_range_passes_once_its_keys_are_listed(
    start: Start, scratch: Scratch, ann: SshSigner, bob: SshSigner, listed: Path
) -> None:
    signed(scratch, ann, change(1))
    rig = await start(repo=str(scratch.path), signatures="range", ssh_signers_file=listed)
    late = signed(scratch, bob, {"a.txt": b"1"})
    assert (await polled(rig)).hold == "SIGNATURE"
    await asyncio.to_thread(listed.write_text, ann.allowed() + bob.allowed())
    signed(scratch, bob, {"a.txt": b"2"})
    assert (await polled(rig)).outcome == "SYNCED"
    assert passed(await rig.flows.at("main", "shop", "a", commit=late)).revision.revision == 1


async def test_strict_looks_at_every_ancestor(
    start: Start, scratch: Scratch, ann: SshSigner, listed: Path
) -> None:
    signed(scratch, None, change(0))
    base = signed(scratch, ann, change(1))
    rig = await start(repo=str(scratch.path), signatures="strict", ssh_signers_file=listed)
    assert await rig.active() == {}
    seal = signed(scratch, ann, change(2), subject="Accept\n\nHeadwater-Seal: all of it")
    assert (await polled(rig)).outcome == "SYNCED"
    side = signed(scratch, None, {path("b"): flow("b")}, branch="side", parents=[seal])
    signed(scratch, ann, {**change(3), path("b"): flow("b")}, parents=[seal, side])
    run = await polled(rig)
    assert run.hold == "SIGNATURE"
    assert side[:12] in run.reason
    assert base[:12] not in run.reason


async def test_a_merge_vouches_for_its_branch_in_a_range(
    start: Start, scratch: Scratch, ann: SshSigner, listed: Path
) -> None:
    base = signed(scratch, ann, change(1))
    rig = await start(repo=str(scratch.path), signatures="range", ssh_signers_file=listed)
    side = signed(scratch, None, {path("b"): flow("b")}, branch="side", parents=[base])
    signed(scratch, ann, {path("b"): flow("b")}, parents=[base, side])
    assert (await polled(rig)).outcome == "SYNCED"


async def test_warn_only_tells(start: Start, scratch: Scratch, listed: Path) -> None:
    signed(scratch, None, change(1))
    rig = await start(repo=str(scratch.path), signatures="warn", ssh_signers_file=listed)
    run = (await rig.sync.runs())[0]
    assert (run.outcome, "is not signed" in run.reason) == ("SYNCED", True)
    assert verified(rig) == (False, "SignaturePolicy")


async def test_a_key_that_is_listed_later(
    start: Start, scratch: Scratch, ann: SshSigner, bob: SshSigner, listed: Path
) -> None:
    signed(scratch, ann, change(1))
    rig = await start(repo=str(scratch.path), signatures="range", ssh_signers_file=listed)
    new = signed(scratch, bob, change(2))
    assert (await polled(rig)).hold == "SIGNATURE"
    await asyncio.to_thread(listed.write_text, ann.allowed() + bob.allowed())
    assert (await polled(rig)).outcome == "SYNCED"
    stored = await rig.store.signatures.known("main", [new], rig.sync.main.parts.verdicts._version)
    assert stored[new].state == "good"
    assert stored[new].signer == "bob@example.org"


async def test_verdicts_outlive_a_restart(
    start: Start, scratch: Scratch, ann: SshSigner, listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = [signed(scratch, ann, change(n)) for n in range(3)]
    rig = await start(repo=str(scratch.path), signatures="strict", ssh_signers_file=listed)
    assert len(await rig.active()) == 1
    await rig.restart()
    asked: list[str] = []

    def spied(mirror: Mirror, keyring: Keyring, commits: Sequence[str]) -> dict[str, Verdict]:
        asked.extend(commits)
        return judge(mirror, keyring, commits)

    monkeypatch.setattr("app.sync.verifying.judge", spied)
    new = signed(scratch, ann, change(9))
    assert (await polled(rig)).outcome == "SYNCED"
    assert asked == [new]
    assert commits[0] != new


class _Web:
    """A source whose merges are signed by the forge."""

    def __init__(self, rig: Rig, scratch: Scratch, web: PgpSigner) -> None:
        self.rig = rig
        self.scratch = scratch
        self.web = web
        self.forge = MemoryForge()
        rig.sync.main.parts.forge = self.forge

    def merged(self, *reviewers: str, head: str | None = None) -> str:
        """Merge a pull request that some approved at its head (or at another one)."""
        base = self.scratch.tip()
        side = signed(self.scratch, None, {path("b"): flow("b")}, branch="side", parents=[base])
        merge = signed(self.scratch, self.web, {path("b"): flow("b")}, parents=[base, side])
        pull = self.forge.add_pull(number=7, head_sha=side, merged_sha=merge, state="merged")
        self.forge.reviews[pull.number] = [Review(each, head or side) for each in reviewers]
        self.forge.permissions |= {"bob": "write", "carl": "write", "guest": "read"}
        return merge


@pytest.fixture
async def merges(
    start: Start, scratch: Scratch, ann: SshSigner, listed: Path, web: PgpSigner, tmp_path: Path
) -> _Web:
    keys = tmp_path / "web.asc"
    keys.write_bytes(web.public())
    signed(scratch, ann, change(1))
    rig = await start(
        repo=str(scratch.path),
        signatures="range",
        ssh_signers_file=listed,
        forge_keys_file=keys,
        forge_approvals=2,
    )
    return _Web(rig, scratch, web)


async def test_approved_merges_of_the_forge_pass(merges: _Web) -> None:
    merge = merges.merged("bob", "carl")
    run = await polled(merges.rig)
    assert (run.outcome, run.new_commit) == ("SYNCED", merge), run.reason


@pytest.mark.parametrize(
    ("reviewers", "head"),
    [((), None), (("bob",), None), (("bob", "guest"), None), (("bob", "carl"), "0" * 40)],
)
async def test_others_do_not(merges: _Web, reviewers: tuple[str, ...], head: str | None) -> None:
    merges.merged(*reviewers, head=head)
    run = await polled(merges.rig)
    assert run.hold == "SIGNATURE"
    assert "of 2 approvals" in run.reason
    merges.forge.reviews[7] = [Review(each, merges.forge.pull_requests[7].head_sha)
                               for each in ("bob", "carl")]  # fmt: skip
    assert (await polled(merges.rig, "manual")).outcome == "SYNCED"


async def test_an_edit_at_the_forge_is_no_merge(merges: _Web) -> None:
    signed(merges.scratch, merges.web, change(2))
    run = await polled(merges.rig)
    assert (run.hold, "merged no pull request" in run.reason) == ("SIGNATURE", True)


async def test_a_forge_that_does_not_answer_lets_nothing_pass(merges: _Web) -> None:
    merges.merged("bob", "carl")
    merges.forge.failures += [Unavailable("down") for _ in range(20)]
    assert (await polled(merges.rig)).outcome == "FAILED"
    assert len(await merges.rig.active()) == 1
    merges.forge.failures.clear()
    assert (await polled(merges.rig)).outcome == "SYNCED"


async def test_going_back_to_what_is_active_ends_the_hold(
    start: Start, scratch: Scratch, ann: SshSigner, listed: Path
) -> None:
    first = signed(scratch, ann, change(1))
    rig = await start(repo=str(scratch.path), signatures="range", ssh_signers_file=listed)
    signed(scratch, None, change(2))
    assert (await polled(rig)).hold == "SIGNATURE"
    scratch.git("update-ref", "refs/heads/main", first)
    assert (await polled(rig)).outcome == "NOOP"
    held = rig.sync.main.source.condition("Held")
    assert held is not None
    assert not held.status
    assert verified(rig) == (True, "Signed")


async def test_edits_are_signed_or_refused(
    start: Start, scratch: Scratch, ann: SshSigner, bob: SshSigner, listed: Path
) -> None:
    tip = signed(scratch, ann, change(1))
    policy = {"signatures": "range", "ssh_signers_file": listed, "edit_mode": "push"}
    rig = await start(repo=str(scratch.path), **policy)
    with pytest.raises(Conflict, match="signing_key_file"):
        await rig.sync.put_flow("main", "shop", "b", flow("b").decode(), actor=ANN)
    assert scratch.tip() == tip
    both = await asyncio.to_thread(listed.write_text, ann.allowed() + bob.allowed())
    assert both
    other = await start("other", repo=str(scratch.path), signing_key_file=bob.file, **policy)
    made = await other.sync.put_flow("main", "shop", "b", flow("b").decode(), actor=ANN)
    assert made.commit == scratch.tip()
    assert (await other.history("b"))[0].signature == "good"
