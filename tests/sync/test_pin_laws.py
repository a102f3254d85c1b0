"""Laws of pins: whatever is committed, pinned and restarted in whatever order, this runs.

A pinned flow runs its pin, any other what Git says. A pin until `changed` ends at the first commit
that makes the flow another one than what was set aside, and no other pin does.
"""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.errors import Conflict, NotFound
from tests.git.scratch import Scratch
from tests.sync.rig import ANN, Rig, flow, path

# A failing order is short enough to be read; to shrink one would take minutes.
_NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
A = ("main", "shop", "a")

commits = st.tuples(st.just("commit"), st.integers(1, 3))
pins = st.tuples(st.sampled_from(["pin", "hold"]), st.integers(1, 4))
others = st.tuples(st.sampled_from(["rollback", "unpin", "restart", "elsewhere"]), st.just(0))
steps = st.lists(st.one_of(commits, commits, pins, others), min_size=3, max_size=9)


@dataclass
class Model:
    """What should run, from the rules alone: texts by revision, and the pin."""

    texts: list[int] = field(default_factory=lambda: [0])
    pin: tuple[int, int, str] | None = None
    """The revision it holds, the text it set aside, and until when."""

    @property
    def runs(self) -> int:
        return self.texts[self.pin[0] - 1] if self.pin else self.texts[-1]

    def commit(self, text: int) -> None:
        if text == self.texts[-1]:
            return
        self.texts.append(text)
        if self.pin is not None and self.pin[2] == "changed" and text != self.pin[1]:
            self.pin = None

    def hold(self, revision: int, until: str) -> None:
        self.pin = revision, self.texts[-1], until

    def before(self) -> int | None:
        """Return the newest revision before the one that runs which says something else."""
        running = self.pin[0] if self.pin else len(self.texts)
        earlier = [n for n in range(1, running) if self.texts[n - 1] != self.runs]
        return earlier[-1] if earlier else None


@settings(max_examples=12, phases=_NO_SHRINKING)
@given(steps)
def test_what_runs(order: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(lived(Path(folder), order))


async def lived(folder: Path, order: list[tuple[str, int]]) -> None:
    scratch = Scratch(folder / "acme.git")
    scratch.commit({path("a"): flow("a", "0")})
    async with Rig(folder / "data", repo=str(scratch.path)).running() as rig:
        model = Model()
        for number, (verb, value) in enumerate(order):
            await step(rig, scratch, model, (verb, value, number))
            source = await rig.flows.source(rig.runs("a"))
            assert source.encode() == flow("a", str(model.runs)), (order, verb)
            held = await rig.store.pins.open(key=A)
            assert [each.revision for each in held] == ([model.pin[0]] if model.pin else [])
        ended = [each for each in await rig.store.pins.of_flow(A) if each.ended_at]
        assert all(each.ended_by for each in ended)


async def step(rig: Rig, scratch: Scratch, model: Model, asked: tuple[str, int, int]) -> None:
    match asked:
        case ("commit", text, _):
            scratch.commit({path("a"): flow("a", str(text))})
            model.commit(text)
            await rig.outcome()
        case ("elsewhere", _, number):
            scratch.commit({path("b"): flow("b", str(number))})
            await rig.outcome()
        case ("restart", _, _):
            await rig.restart()
        case ("unpin", _, _):
            await unpinned(rig, model)
        case ("rollback", _, _):
            await rolled_back(rig, model)
        case (verb, revision, _):
            until = "manual" if verb == "hold" else "changed"
            try:
                await rig.sync.pin(*A, revision=revision, reason="", actor=ANN, until=until)
            except NotFound:
                assert revision > len(model.texts)
            else:
                model.hold(revision, until)


async def unpinned(rig: Rig, model: Model) -> None:
    try:
        await rig.sync.unpin(*A, ANN)
    except NotFound:
        assert model.pin is None
    model.pin = None


async def rolled_back(rig: Rig, model: Model) -> None:
    wanted = model.before()
    try:
        await rig.sync.rollback(*A, reason="", actor=ANN)
    except Conflict:
        assert wanted is None
    else:
        assert wanted is not None
        model.hold(wanted, "changed")
