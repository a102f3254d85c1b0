"""Random pushes, force pushes, decisions and restarts: only what may become active does."""

import random

import pytest

from app.errors import Conflict
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path

STEPS = 14


class Model:
    """What the gate promises, by commits alone."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self.parents: dict[str, str | None] = {}
        self.texts: dict[str, str] = {}
        self.words: dict[str, str] = {}
        self.passed = self.push(None)

    def push(self, parent: str | None) -> str:
        text = str(len(self.texts))
        change = {path("a"): flow("a", text), path("other"): flow("other")}
        commit = self.scratch.commit(change, parents=[parent] if parent else [])
        self.parents[commit], self.texts[commit] = parent, text
        return commit

    def descends(self, commit: str | None, from_: str) -> bool:
        while commit is not None and commit != from_:
            commit = self.parents[commit]
        return commit is not None

    def look(self) -> bool:
        """Take the tip if it may pass; return whether it is held."""
        tip = self.scratch.tip()
        word = self.words.get(tip)
        free = self.descends(tip, self.passed) or word == "approved"
        if tip != self.passed and (word == "rejected" or not free):
            return True
        self.passed = tip
        return False


@pytest.mark.parametrize("seed", range(6))
async def test_only_what_may_become_active_does(start: Start, scratch: Scratch, seed: int) -> None:
    chance = random.Random(seed)
    model = Model(scratch)
    rig = await start(repo=str(scratch.path), production=True)
    for _ in range(STEPS):
        await step(rig, model, chance)
        held = model.look()
        await rig.sync.sync(cause=chance.choice(["poll", "webhook", "manual"]))
        assert (await rig.active())["main/shop/a"] == flow("a", model.texts[model.passed])
        condition = rig.sync.main.source.condition("Held")
        assert condition is not None
        assert condition.status == held
    for commit, text in model.texts.items():
        if model.scratch.tip() == commit or (await known(rig, commit)):
            loaded = await rig.flows.at("main", "shop", "a", commit=commit)
            assert loaded.source == flow("a", text).decode()
    numbers = [each.revision for each in await rig.history("a")]
    assert numbers == list(range(1, len(numbers) + 1))


async def step(rig: Rig, model: Model, chance: random.Random) -> None:
    """Push, force, go back, decide or restart."""
    match chance.choice(["push", "push", "force", "back", "approve", "reject", "restart"]):
        case "push":
            model.push(model.scratch.tip())
        case "force":
            model.push(chance.choice(sorted(model.texts)))
        case "back":
            model.scratch.git("update-ref", "refs/heads/main", chance.choice(sorted(model.texts)))
        case "restart":
            await rig.restart()
        case verb:
            await decide(rig, model, verb)


async def decide(rig: Rig, model: Model, verb: str) -> None:
    """Decide about the tip, if it is held; otherwise that is refused."""
    run = (await rig.sync.runs(limit=1))[0]
    is_held = model.look()
    word = rig.sync.approvals.approve if verb == "approve" else rig.sync.approvals.reject
    if is_held and run.new_commit == model.scratch.tip():
        await word(run.id, ANN, "")
        model.words[model.scratch.tip()] = "approved" if verb == "approve" else "rejected"
    else:
        with pytest.raises(Conflict):
            await word(run.id, ANN, "")


async def known(rig: Rig, commit: str) -> bool:
    return commit in {each.sha for each in await rig.sync.commits(limit=1_000)}
