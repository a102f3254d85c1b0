"""A plan of a tree and a sync of it find the same, since people are told by both."""

import pytest

from app.git.clone import open_clone
from app.git.layout import Layout
from app.sync.planning.memory import Memory
from app.sync.planning.plan import make_change_plan
from app.sync.planning.tree import TreeView
from tests.git.scratch import Content, Scratch
from tests.planning.rig import FLOWS, LOG, SPACE, TYPES, call, flow
from tests.sync.conftest import Start

NEEDS = "[{id: day, type: DATE}]"
MISTAKES: dict[str, dict[str, str]] = {
    "type": {f"{FLOWS}/a.yaml": flow("a", "{id: x, type: nope}")},
    "yaml": {f"{FLOWS}/a.yaml": "id: a\ntasks: ["},
    "template": {f"{FLOWS}/a.yaml": flow("a", LOG.replace("hello", "'{{ inputs.x '"))},
    "twice": {f"{FLOWS}/a.yaml": flow("a"), f"{FLOWS}/b.yaml": flow("a", description="b")},
    "mismatch": {f"{FLOWS}/a.yaml": f"namespace: other\n{flow('a')}"},
    "nested": {"tenants/main/namespaces/company/team/flows/a.yaml": flow("a")},
    "missing": {f"{FLOWS}/a.yaml": flow("a", call("gone"))},
    "circle": {f"{FLOWS}/a.yaml": flow("a", call("b")), f"{FLOWS}/b.yaml": flow("b", call("a"))},
    "lacking": {
        f"{FLOWS}/a.yaml": flow("a", inputs=NEEDS),
        f"{FLOWS}/b.yaml": flow("b", call("a")),
    },
    "secret": {
        f"{FLOWS}/a.yaml": flow("a", LOG.replace("hello", "\"{{ secret('GONE') }}\"")),
        f"{SPACE}/secrets.sops.yaml": "TOKEN: ENC[x]\n",
    },
    "plain": {f"{FLOWS}/a.yaml": flow("a"), f"{SPACE}/secrets.sops.yaml": "TOKEN: x\n"},
    "variables": {f"{FLOWS}/a.yaml": flow("a"), f"{SPACE}/variables.yaml": "- x\n"},
    "manifest": {f"{FLOWS}/a.yaml": flow("a"), "headwater.yaml": "nonsense: 1\n"},
    "collision": {f"{FLOWS}/a.yaml": flow("a"), f"{FLOWS}/A.yaml": flow("b")},
    "good": {f"{FLOWS}/a.yaml": flow("a"), f"{FLOWS}/b.yaml": flow("b", call("a"))},
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_the_same_is_found(start: Start, scratch: Scratch, name: str) -> None:
    files: dict[str, Content] = {path: text.encode() for path, text in MISTAKES[name].items()}
    commit = scratch.commit(files)
    with open_clone(scratch.path) as clone:
        tree = TreeView.of_commit(clone.launcher, clone.objects, commit, Layout(), Memory(TYPES))
        plan = make_change_plan(None, tree)
    rig = await start(repo=str(scratch.path))
    stored = await rig.sync.findings()
    told = {
        (each.code, each.severity, each.path, each.line, each.column, each.message)
        for each in stored
    }
    assert told == {
        (each.code, each.severity, each.path, each.line, each.column, each.message)
        for each in plan.findings
    }
    assert bool(told) == (name != "good")
