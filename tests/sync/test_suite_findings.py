"""Files of tests in a sync: told when they are wrong, and never in the way of a flow."""

from tests.git.scratch import Scratch
from tests.sync.rig import Rig, flow, path

TESTS = b"""\
id: t
flowId: a
testCases:
  - id: one
    expectedState: SUCCESS
"""


def place(name: str, namespace: str = "shop") -> str:
    return f"tenants/main/namespaces/{namespace}/tests/{name}.yaml"


async def test_tests_that_are_wrong_are_told_and_hold_nothing(rig: Rig, scratch: Scratch) -> None:
    scratch.commit(
        {
            path("a"): flow("a"),
            place("good"): TESTS,
            place("wrong"): TESTS.replace(b"id: t\n", b"id: w\n").replace(b"SUCCESS", b"FINE"),
            place("lost"): TESTS.replace(b"id: t\n", b"id: l\n").replace(
                b"flowId: a", b"flowId: z"
            ),
            place("deep/twice"): TESTS,
        }
    )
    assert await rig.outcome() == "SYNCED"
    assert await rig.active() == {"main/shop/a": flow("a")}
    found = await rig.sync.findings()
    assert {(each.code, each.path, each.severity, each.line) for each in found} == {
        ("SCHEMA", place("wrong"), "warning", 5),
        ("TEST_FLOW_MISSING", place("lost"), "warning", 2),
        ("TEST_DUPLICATE_ID", place("good"), "warning", 1),
    }


async def test_what_was_found_is_over_when_it_is_mended(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), place("t"): b"id: ["})
    await rig.outcome()
    assert await rig.codes() == [("YAML_SYNTAX", place("t"))]
    scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    assert await rig.codes() == [("YAML_SYNTAX", place("t"))]
    scratch.commit({place("t"): TESTS})
    await rig.outcome()
    assert await rig.codes() == []


async def test_a_flow_that_goes_leaves_its_tests_behind(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("b"): flow("b"), place("t"): TESTS})
    await rig.outcome()
    assert await rig.codes() == []
    scratch.commit({path("a"): None})
    await rig.outcome()
    assert await rig.codes() == [("TEST_FLOW_MISSING", place("t"))]


async def test_a_pointer_of_lfs_is_no_file_of_tests(rig: Rig, scratch: Scratch) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n"
    scratch.commit({path("a"): flow("a"), place("t"): pointer})
    assert await rig.outcome() == "SYNCED"
    assert await rig.codes() == [("LFS_POINTER", place("t"))]
