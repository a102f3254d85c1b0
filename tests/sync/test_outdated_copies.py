"""Our copy is new, or older than what is active: what it lacks is unknown, not unsaid."""

import asyncio
import shutil

import pytest

from app.errors import Unavailable
from app.sync.opening import opened
from app.sync.tenant_rules import NodeRules
from tests.git.scratch import Content, Scratch
from tests.sync.rig import Rig, flow, path

DEFAULTS = b"pluginDefaults: [{type: io.kestra.plugin.core.log.Log, values: {level: WARN}}]\n"
CHANGE: dict[str, Content] = {
    path("a"): flow("a"),
    "tenants/main/namespaces/shop/namespace.yaml": b"allow: []\n" + DEFAULTS,
    "tenants/main/namespaces/shop/variables.yaml": b"who: ann\n",
    "tenants/main/namespaces/shop/files/x.txt": b"hi",
}


@pytest.fixture(params=["empty", "older"])
async def commit(rig: Rig, scratch: Scratch, request: pytest.FixtureRequest) -> str:
    """A commit that is active, and that the copy of a service which begins does not have."""
    scratch.commit({"README.md": b"hello"})
    await rig.outcome()
    older = rig.folder / "older"
    await asyncio.to_thread(shutil.copytree, rig.folder / "git", older)
    made = scratch.commit(CHANGE)
    await rig.outcome()
    await rig.stop()
    await asyncio.to_thread(shutil.rmtree, rig.folder / "git")
    if request.param == "older":
        older.rename(rig.folder / "git")
    await rig.open()
    await rig.sync.workers.load()
    await opened(rig.sync.main.parts)
    return str(made)


def refusal(rig: Rig) -> "asyncio.Future[str | None]":
    rules = NodeRules(rig.sync.tenants, rig.sync.namespaces, rig.settings)
    return asyncio.ensure_future(rules.refusal("main", "other", "shop", "execute"))


async def test_nobody_is_let_in_meanwhile(rig: Rig, commit: str) -> None:
    with pytest.raises(Unavailable):
        await refusal(rig)
    await rig.sync.start()
    assert await refusal(rig) is not None


async def test_nothing_runs_without_what_it_inherits(rig: Rig, commit: str) -> None:
    loaded = await rig.flows.current("main", "shop", "a")
    with pytest.raises(Unavailable):
        loaded.complete()
    with pytest.raises(Unavailable):
        await rig.sync.variables.of("main", "shop", commit)
    await rig.sync.start()
    loaded = (await rig.flows.current("main", "shop", "a")).complete()
    assert [task.level for task in loaded.flow.tasks] == ["WARN"]
    assert await rig.sync.variables.of("main", "shop", commit) == {"who": "ann"}


async def test_who_reads_a_file_waits_for_it(rig: Rig, commit: str) -> None:
    reading = asyncio.create_task(rig.sync.files.read("main", "shop", "x.txt", commit))
    await rig.sync.start()
    assert await reading == b"hi"


async def test_a_file_is_not_called_gone_while_it_cannot_be_fetched(
    rig: Rig, scratch: Scratch, commit: str
) -> None:
    away = scratch.path.rename(scratch.path.with_name("away.git"))
    reading = asyncio.create_task(rig.sync.files.read("main", "shop", "x.txt", commit))
    await rig.sync.start()
    with pytest.raises(Unavailable):
        await reading
    away.rename(scratch.path)
    assert await rig.sync.files.read("main", "shop", "x.txt", commit) == b"hi"
