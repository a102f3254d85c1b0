"""Any history, however it is cut into syncs, crashed and repeated, ends at what its tip says."""

import asyncio
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.db.audit import AuditStore
from app.ports import FlowRevision
from app.sync import reconcile
from app.sync.service import SyncService
from tests.git.scratch import Content, Scratch
from tests.sync.rig import ANN, HOOK, REGISTRY, Rig, delivery, flow

# A failing history is short enough to be read; to shrink one would take minutes.
_NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
NAMESPACES = ("shop", "other")
PHASES = [name for name, _ in reconcile.PHASES]


@dataclass(frozen=True)
class File:
    """The content of a file and what a reader makes of it."""

    data: Content
    flow_id: str | None
    is_valid: bool = True


def content(kind: str, flow_id: str, number: int) -> File:
    if kind == "flow":
        data = flow(flow_id, str(number))
        return File(data, flow_id)
    if kind == "wrong":
        return File(f"id: {flow_id}\ntasks: {number}\n".encode(), flow_id, is_valid=False)
    if kind == "unreadable":
        return File(f"{number}\n\t: [".encode(), None, is_valid=False)
    return File(("120000", b"elsewhere"), None, is_valid=False)


ids = st.sampled_from("ab")
kinds = st.sampled_from(["flow"] * 6 + ["wrong", "unreadable", "link"])
files = st.none() | st.builds(content, kinds, ids, st.integers(1, 3))
names = st.sampled_from(
    [f"tenants/main/namespaces/{each}/flows/{name}.yaml" for each in NAMESPACES for name in "pqr"]
)
edits = st.dictionaries(names, files, min_size=1, max_size=3)


@dataclass(frozen=True)
class Step:
    """Edits as a commit (on an earlier commit: a force push), and what happens after it."""

    edits: Mapping[str, File | None]
    after: str
    shape: str = "plain"
    back: int = 0


EVENTS = ["again", "restart", "deliver", "tag", "gone", "node"]
afters = st.sampled_from(["", "sync", "sync", *EVENTS, *PHASES])
steps = st.builds(Step, edits, afters, st.sampled_from(["plain", "plain", "merge"]))
forced_steps = st.builds(
    Step,
    edits,
    afters,
    st.sampled_from(["plain", "plain", "merge", "foxtrot"]),
    st.sampled_from([0, 0, 0, 1, 2, 5]),
)


@dataclass
class Model:
    """What should be active, from the rules alone."""

    commits: list[tuple[str | None, dict[str, File]]] = field(default_factory=lambda: [(None, {})])
    active: dict[str, dict[str, Content]] = field(default_factory=dict)
    synced: dict[str, dict[str, File]] = field(default_factory=dict)
    seen: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    @property
    def tip(self) -> dict[str, File]:
        return self.commits[-1][1]

    def settle(self) -> None:
        """Move every namespace that is valid at the tip."""
        self.synced[f"{self.commits[-1][0]}"] = self.tip
        for namespace in NAMESPACES:
            inside = [f for path, f in self.tip.items() if f"/{namespace}/" in path]
            named = [each.flow_id for each in inside]
            if all(each.is_valid for each in inside) and len(set(named)) == len(named):
                self.active[namespace] = {f"{each.flow_id}": each.data for each in inside}

    def expected(self) -> dict[str, Content]:
        return {
            f"main/{namespace}/{flow_id}": data
            for namespace, flows in self.active.items()
            for flow_id, data in flows.items()
        }


def commit(scratch: Scratch, model: Model, step: Step) -> bool:
    """Make the commit of a step; return whether there was anything to commit."""
    at = max(0, len(model.commits) - 1 - step.back)
    parent, tree = model.commits[at]
    changed = {path: file for path, file in step.edits.items() if file != tree.get(path)}
    if not changed:
        return False
    new = {path: file for path, file in {**tree, **changed}.items() if file is not None}
    parents = [parent] if parent else []
    first = tree
    old, old_tree = model.commits[at // 2]
    if step.shape != "plain" and old is not None:
        side = scratch.commit({"side": step.shape.encode()}, branch="side", parents=[old])
        parents.append(side)
        if step.shape == "foxtrot":
            parents.reverse()
            first = old_tree
    edited = {path: new.get(path) for path in {**first, **new} if first.get(path) != new.get(path)}
    made = scratch.commit(
        {path: file.data if file else None for path, file in edited.items()}, parents=parents
    )
    model.commits = [*model.commits[: at + 1], (made, new)]
    return True


async def act(rig: Rig, scratch: Scratch, after: str) -> None:
    if after == "restart":
        await rig.restart()
    elif after == "gone":
        await lose_branch(rig, scratch)
    elif after == "node":
        await two_nodes(rig)
    elif after == "tag":
        scratch.git("tag", "-f", "v1", "refs/heads/main")
    elif after in PHASES:
        await crash(rig, after)
    elif after == "deliver":
        await deliver_twice(rig, scratch)
    await seen_through(rig)
    if after in ("again", "tag"):
        run = await rig.sync.sync(cause="poll")
        assert run is not None
        assert run.outcome == "NOOP"


async def seen_through(rig: Rig) -> None:
    """Sync, and approve what takes so much away that the gate holds it."""
    run = await rig.sync.sync()
    if run is not None and run.outcome == "FAILED":  # another node was quicker: read again
        await rig.sync.sync()
    held = rig.sync.main.parts.held
    if held is not None:
        runs = await rig.sync.runs()
        last = next(each for each in runs if (each.outcome, each.new_commit) == ("HELD", held))
        await rig.sync.approvals.approve(last.id, ANN, "meant so")


async def lose_branch(rig: Rig, scratch: Scratch) -> None:
    """A branch that is gone prunes nothing; it comes back where it was."""
    tip, before = scratch.tip(), await rig.active()
    scratch.git("update-ref", "-d", "refs/heads/main")
    run = await rig.sync.sync()
    assert run is not None
    assert run.outcome == "FAILED"
    assert await rig.active() == before
    scratch.git("update-ref", "refs/heads/main", tip)


async def two_nodes(rig: Rig) -> None:
    """A second node works on the same database and the same copy at the same time."""
    audit = AuditStore(rig.database)
    other = SyncService(rig.settings, rig.store, rig.flows, audit, REGISTRY, rig.clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(other.start())
        group.create_task(rig.sync.sync())
    await other.sync()
    await other.stop()


async def deliver_twice(rig: Rig, scratch: Scratch) -> None:
    """The same delivery comes again, as forges send it after a failure."""
    headers, body = delivery(delivery_id=scratch.tip())
    first = await rig.sync.deliver("k3y", headers, body)
    again = await rig.sync.deliver("k3y", headers, body)
    assert (first.status, again.body.get("duplicate")) == (202, True)


async def crash(rig: Rig, phase: str) -> None:
    """Die at the end of a phase: nothing that is in memory is left."""

    async def dies(*arguments: Any) -> None:
        await dict(phases)[phase](*arguments)
        raise RuntimeError("died")

    phases = reconcile.PHASES
    try:
        reconcile.PHASES = tuple((n, dies if n == phase else p) for n, p in phases)
        run = await rig.sync.sync()
        assert run is not None
        assert run.outcome in ("FAILED", "NOOP", "HELD")
    finally:
        reconcile.PHASES = phases
    await rig.restart()


def told(revision: FlowRevision) -> tuple[Any, ...]:
    return (revision.revision, revision.commit, revision.blob, revision.kind, revision.path)


async def index(rig: Rig) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for namespace in NAMESPACES:
        for flow_id in "ab":
            revisions = await rig.flows.revisions("main", namespace, flow_id)
            found[f"{namespace}/{flow_id}"] = [told(each) for each in revisions]
            for each in revisions:
                assert await rig.flows.source(each)
    return found


async def check(rig: Rig, model: Model) -> None:
    """Compare the service with the model, and with what was there before."""
    model.settle()
    assert await rig.active() == model.expected()
    now = await index(rig)
    for name, revisions in now.items():
        assert [each[0] for each in revisions] == list(range(1, len(revisions) + 1))
        before = model.seen.get(name, [])
        assert revisions[: len(before)] == before, "a revision vanished or changed"
    model.seen = now


async def check_commits(rig: Rig, model: Model) -> None:
    """Every commit that was ever synced says what its tree says, where nothing is ambiguous."""
    for sha, tree in model.synced.items():
        for namespace in NAMESPACES:
            inside = [file for path, file in tree.items() if f"/{namespace}/" in path]
            for flow_id in "ab":
                named = [file for file in inside if file.flow_id == flow_id]
                if len(named) != 1 or not all(file.flow_id for file in inside):
                    continue
                found = await rig.flows.find("main", namespace, flow_id, commit=sha)
                text = await rig.flows.source(found)
                assert (text.encode(), found.kind != "delete") == (named[0].data, True)


async def play(folder: Path, history: list[Step], *, is_forced: bool) -> None:
    scratch = Scratch(folder / "acme.git")
    rig = Rig(folder / "data", repo=str(scratch.path), **HOOK)
    model = Model()
    async with rig.running():
        for step in history:
            if commit(scratch, model, step) and step.after:
                await act(rig, scratch, step.after)
                await check(rig, model)
        if len(model.commits) > 1:
            await seen_through(rig)
            await check(rig, model)
            await check_commits(rig, model)
            if not is_forced:
                await compare_with_scratch(folder, scratch, rig, model)


async def compare_with_scratch(folder: Path, scratch: Scratch, rig: Rig, model: Model) -> None:
    """A fresh service on the same history counts the same revisions."""
    async with Rig(folder / "fresh", repo=str(scratch.path)).running() as fresh:
        assert await index(fresh) == await index(rig)
        alone = Model(commits=model.commits)
        alone.settle()
        assert await fresh.active() == alone.expected()


def run(history: list[Step], *, is_forced: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(play(Path(name), history, is_forced=is_forced))


def any_linear(history: list[Step]) -> None:
    run(history, is_forced=False)


def any_rewritten(history: list[Step]) -> None:
    run(history, is_forced=True)


MANY = int(os.environ.get("HISTORIES", "60"))
"""Histories of each of the two slow tests; `HISTORIES=300` is what a release is held to."""

LINEAR = st.lists(steps, min_size=1, max_size=8)
REWRITTEN = st.lists(forced_steps, min_size=2, max_size=8)


@pytest.mark.timeout(300)
@settings(max_examples=10, phases=_NO_SHRINKING)
@given(LINEAR)
def test_any_linear_history(history: list[Step]) -> None:
    any_linear(history)


@pytest.mark.timeout(300)
@settings(max_examples=10, phases=_NO_SHRINKING)
@given(REWRITTEN)
def test_any_rewritten_history(history: list[Step]) -> None:
    any_rewritten(history)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=MANY, phases=_NO_SHRINKING, database=None)
@given(LINEAR)
def test_many_linear_histories(history: list[Step]) -> None:
    any_linear(history)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=MANY, phases=_NO_SHRINKING, database=None)
@given(REWRITTEN)
def test_many_rewritten_histories(history: list[Step]) -> None:
    any_rewritten(history)
