"""Files of tests of several sources and layouts: read at what is active, written as commits."""

from pathlib import Path

import pytest

from app.errors import Conflict, Invalid, NotFound
from app.sync.testing.stored_tree import StoredTree
from app.sync.testing.suite_files import SuiteFiles
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, BROKEN, Rig, flow, path

TESTS = b"""\
id: t
flowId: a
testCases: [{id: one, expectedState: SUCCESS}]
"""


def place(name: str, namespace: str = "shop") -> str:
    return f"tenants/main/namespaces/{namespace}/tests/{name}.yaml"


async def test_tests_are_those_of_the_active_commit(rig: Rig, scratch: Scratch) -> None:
    files = SuiteFiles(rig.sync.workers)
    good = scratch.commit({path("a"): flow("a"), place("deep/t"): TESTS, "x/tests/t.yaml": TESTS})
    await rig.outcome()
    [found] = await files.all("main")
    assert (found.id, found.namespace, found.path, found.commit) == (
        "t", "shop", place("deep/t"), good,
    )  # fmt: skip
    scratch.commit({path("broken"): BROKEN, place("deep/t"): None})
    await rig.outcome()
    assert [each.commit for each in await files.all("main")] == [good]
    assert await files.all("other") == []
    assert await files.all("main", lambda name: name == "elsewhere") == []
    with pytest.raises(NotFound, match="no tests u in namespace shop"):
        await files.get("main", "shop", "u")


async def test_tests_are_written_where_they_are(rig: Rig, scratch: Scratch) -> None:
    files = SuiteFiles(rig.sync.workers)
    scratch.commit({path("a"): flow("a"), place("deep/odd"): TESTS})
    await rig.outcome()
    text = TESTS.decode() + "namespace: shop\n"
    with pytest.raises(Invalid, match="exist already"):
        await files.put("main", text, actor=ANN)
    changed = await files.put("main", text + "# new\n", actor=ANN, at=("shop", "t"))
    assert changed.path == place("deep/odd")
    assert scratch.git("show", f"main:{place('deep/odd')}").endswith("# new")
    assert scratch.git("log", "-1", "--format=%s|%an", "main") == "Update tests shop.t|Ann"
    made = await files.put("main", text.replace("id: t", "id: u"), actor=ANN)
    assert made.path == place("u")
    await files.delete([changed, made], actor=ANN)
    assert scratch.git("log", "-1", "--format=%s", "main") == "Delete tests of 2 files"
    assert await files.all("main") == []


async def test_a_source_that_is_read_only_takes_no_tests(start: Start, scratch: Scratch) -> None:
    rig = await start(repo=str(scratch.path), edit_mode="readonly")
    scratch.commit({path("a"): flow("a"), place("t"): TESTS})
    await rig.outcome()
    files = SuiteFiles(rig.sync.workers)
    [found] = await files.all("main")
    with pytest.raises(Conflict, match="read"):
        await files.delete([found], actor=ANN)


async def test_the_layout_of_kestra(start: Start, scratch: Scratch) -> None:
    rig = await start(repo=str(scratch.path), layout="kestra")
    scratch.commit({"shop/flows/a.yaml": flow("a"), "shop/tests/t.yml": TESTS})
    await rig.outcome()
    files = SuiteFiles(rig.sync.workers)
    [found] = await files.all("main")
    assert (found.namespace, found.path) == ("shop", "shop/tests/t.yml")
    text = TESTS.decode().replace("id: t", "id: u") + "namespace: shop\n"
    assert (await files.put("main", text, actor=ANN)).path == "shop/tests/u.yaml"


async def test_a_tree_is_what_a_commit_says(rig: Rig, scratch: Scratch, tmp_path: Path) -> None:
    note = "tenants/main/namespaces/shop/files/note.txt"
    old = scratch.commit({path("a"): flow("a", "1"), path("b"): flow("b", "1"), note: b"old"})
    scratch.commit({path("a"): flow("a", "2"), path("b"): None, note: b"new"})
    await rig.outcome()
    now = StoredTree(rig.flows, rig.sync.files)
    assert await now.flow("main", "shop", "a") == flow("a", "2").decode()
    assert await now.flow("main", "shop", "b") is None
    assert await now.files("main", "shop") == {"note.txt": b"new"}
    then = StoredTree(rig.flows, rig.sync.files, commit=old)
    assert await then.flow("main", "shop", "a") == flow("a", "1").decode()
    assert await then.flow("main", "shop", "b") == flow("b", "1").decode()
    assert await then.flow("main", "shop", "none") is None
    assert await then.files("main", "shop") == {"note.txt": b"old"}
    first = await rig.flows.find("main", "shop", "a", revision=1)
    mixed = StoredTree(rig.flows, rig.sync.files, instead=first)
    assert await mixed.flow("main", "shop", "a") == flow("a", "1").decode()
