"""Gates, decisions, signatures and redaction on SQLite and on PostgreSQL."""

import pytest

from app.errors import Redacted
from app.sync.retention import tidy
from tests.git.scratch import Scratch
from tests.git.signers import SshSigner, signed
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path

A = ("main", "shop", "a")


@pytest.fixture
def ann(scratch: Scratch) -> SshSigner:
    return SshSigner(scratch.path.parent / "keys", "ann")


@pytest.mark.postgres
async def test_on_postgresql(
    start: Start, scratch: Scratch, ann: SshSigner, postgres_database: str
) -> None:
    await life(await begin(start, scratch, ann, url=postgres_database), scratch, ann)


async def test_on_sqlite(start: Start, scratch: Scratch, ann: SshSigner) -> None:
    await life(await begin(start, scratch, ann), scratch, ann)


async def begin(start: Start, scratch: Scratch, ann: SshSigner, url: str | None = None) -> Rig:
    listed = ann.file.with_name("allowed_signers")
    listed.write_text(ann.allowed())
    signed(scratch, ann, {path("a"): flow("a", "1")})
    return await start(
        url=url,
        repo=str(scratch.path),
        production=True,
        signatures="range",
        ssh_signers_file=listed,
    )


async def life(rig: Rig, scratch: Scratch, ann: SshSigner) -> None:
    base = scratch.tip()
    signed(scratch, ann, {path("a"): flow("a", "secret")})
    await rig.outcome()
    signed(scratch, ann, {path("a"): flow("a", "3")}, parents=[base])
    run = await rig.sync.sync(cause="webhook")
    assert run is not None
    assert (run.outcome, run.hold) == ("HELD", "FORCE_PUSH")
    await rig.sync.approvals.reject(run.id, ANN, "no")
    await rig.restart()
    assert await rig.outcome() == "HELD"
    await rig.sync.approvals.approve(run.id, ANN, "yes")
    assert (await rig.active())["main/shop/a"] == flow("a", "3")
    assert [each.forced for each in await rig.store.gates.moves("main")] == [True, False, False]
    assert await tidy(rig.sync.main.parts, rig.sync.main.source) == []
    assert [each.reason for each in await rig.store.keeping.kept("main")] == ["forced"]
    done = await rig.sync.redactions.redact(A, 2, reason="leaked", actor=ANN)
    assert await rig.store.keeping.kept("main") == []
    assert await rig.store.keeping.redacted() == {done.blob}
    with pytest.raises(Redacted):
        await rig.flows.at(*A, revision=2)
    signed(scratch, ann, {path("a"): flow("a", "secret")})
    run = await rig.sync.sync(cause="webhook")
    assert run is not None
    assert run.hold == "REDACTED"
    assert await rig.states("a") == [
        (1, "commit", "superseded"), (2, "commit", "redacted"),
        (3, "commit", "active"), (4, "commit", "redacted"),
    ]  # fmt: skip
    assert {each.signature for each in await rig.history("a")} == {"good"}
