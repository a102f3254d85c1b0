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
ONLY_PLANNED = {"TEST_UNKNOWN_INPUT", "TEST_UNKNOWN_TASK"}
"""Tests are held against their flows where somebody can still correct them."""

SUITE = (
    "id: t\nnamespace: company.team\nflowId: {}\ntestCases:\n"
    "  - id: c\n    type: io.kestra.core.tests.flow.UnitTest\n    fixtures: {{}}\n"
    "    assertions: [{{value: x, equalTo: x}}]\n"
)
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
    "suite": {f"{FLOWS}/a.yaml": flow("a"), f"{SPACE}/tests/t.yaml": "id: ["},
    "suite of nothing": {f"{SPACE}/tests/t.yaml": SUITE.format("gone")},
    "suite that does not fit": {
        f"{FLOWS}/a.yaml": flow("a"),
        f"{SPACE}/tests/t.yaml": SUITE.format("a").replace(
            "fixtures: {}", "fixtures: {inputs: {x: 1}}"
        ),
    },
    "one suite": {f"{FLOWS}/a.yaml": flow("a"), f"{SPACE}/tests/t.yaml": SUITE.format("a")},
    "two suites": {
        f"{FLOWS}/a.yaml": flow("a"),
        f"{SPACE}/tests/t.yaml": SUITE.format("a"),
        f"{SPACE}/tests/u.yaml": SUITE.format("a"),
    },
    "good": {f"{FLOWS}/a.yaml": flow("a"), f"{FLOWS}/b.yaml": flow("b", call("a"))},
}

GOOD = {"good", "one suite"}


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
        if each.code not in ONLY_PLANNED
    }
    assert bool(plan.findings) == (name not in GOOD)
