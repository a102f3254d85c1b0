"""Invalid files: what stays, what moves, and what people are told."""

import pytest

from app.errors import Conflict, NotFound
from tests.git.scratch import Content, Scratch
from tests.sync.conftest import Start
from tests.sync.rig import BROKEN, UNREADABLE, Rig, flow, path


async def test_a_namespace_with_an_invalid_flow_stays_and_others_move(
    rig: Rig, scratch: Scratch
) -> None:
    good = scratch.commit({path("a"): flow("a", "1"), path("b", "other"): flow("b", "1")})
    await rig.outcome()
    bad = scratch.commit(
        {
            path("a"): flow("a", "2"),
            path("broken"): BROKEN,
            path("b", "other"): flow("b", "2"),
        }
    )
    assert await rig.outcome() == "PARTIAL"
    assert await rig.active() == {"main/shop/a": flow("a", "1"), "main/other/b": flow("b", "2")}
    assert (rig.runs("a").snapshot, rig.runs("b", "other").snapshot) == (good, bad)
    assert await rig.states("a") == [(1, "commit", "active"), (2, "commit", "held")]
    assert await rig.states("broken") == [(1, "commit", "invalid")]
    with pytest.raises(NotFound):
        rig.runs("broken")
    with pytest.raises(Conflict, match="not valid"):
        await rig.flows.at("main", "shop", "broken", revision=1)
    (finding,) = await rig.sync.findings()
    assert (finding.code, finding.severity, finding.path) == (
        "UNKNOWN_TYPE", "error", path("broken"),
    )  # fmt: skip
    assert (finding.line, finding.pointer, finding.commit) == (4, "tasks[0].type", bad)
    snapshots = await rig.store.activation.snapshots("main")
    assert (snapshots["main", "shop"].state, snapshots["main", "shop"].commit) == ("invalid", good)
    assert snapshots["main", "other"].state == "active"
    ready = rig.sync.main.source.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == (False, "InvalidFlows")


async def test_a_mended_file_resolves_its_findings_and_the_namespace_moves(
    rig: Rig, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    scratch.commit({path("a"): flow("a", "2"), path("broken"): BROKEN})
    await rig.outcome()
    scratch.commit({path("broken"): flow("broken")})
    assert await rig.outcome() == "SYNCED"
    assert await rig.sync.findings() == []
    (old,) = await rig.sync.findings(open_only=False)
    assert old.resolved_at is not None
    assert await rig.states("a") == [(1, "commit", "superseded"), (2, "commit", "active")]
    assert await rig.states("broken") == [(1, "commit", "invalid"), (2, "commit", "active")]
    ready = rig.sync.main.source.condition("Ready")
    assert ready is not None
    assert ready.status


async def test_going_back_to_what_is_active_mends_it_too(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    await rig.outcome()
    scratch.commit({path("a"): UNREADABLE})
    assert await rig.outcome() == "REJECTED"
    assert rig.runs("a").revision == 1
    assert await rig.states("a") == [(1, "commit", "active"), (2, "commit", "invalid")]
    scratch.commit({path("a"): flow("a", "1")})
    assert await rig.outcome() == "SYNCED"
    assert rig.runs("a").revision == 3
    assert await rig.codes() == []


async def test_a_finding_stays_one_while_other_commits_come(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("broken"): BROKEN})
    await rig.outcome()
    (first,) = await rig.sync.findings()
    scratch.commit({path("b", "other"): flow("b")})
    assert await rig.outcome() == "PARTIAL"
    assert await rig.sync.findings() == [first]
    await rig.restart()
    scratch.commit({path("b", "other"): flow("b", "2")})
    await rig.outcome()
    assert await rig.sync.findings() == [first]


async def test_all_or_nothing_of_a_commit(scratch: Scratch, start: Start) -> None:
    rig = await start(repo=str(scratch.path), atomic="commit")
    scratch.commit({path("a"): flow("a", "1"), path("b", "other"): flow("b", "1")})
    await rig.outcome()
    scratch.commit({path("broken"): BROKEN, path("b", "other"): flow("b", "2")})
    assert await rig.outcome() == "REJECTED"
    assert await rig.active() == {"main/shop/a": flow("a", "1"), "main/other/b": flow("b", "1")}
    assert await rig.states("b", "other") == [(1, "commit", "active"), (2, "commit", "held")]
    scratch.commit({path("broken"): None})
    assert await rig.outcome() == "SYNCED"
    assert (await rig.active())["main/other/b"] == flow("b", "2")


async def test_only_the_bad_flow_stays(scratch: Scratch, start: Start) -> None:
    rig = await start(repo=str(scratch.path), atomic="flow")
    scratch.commit({path("a"): flow("a", "1"), path("b"): flow("b", "1")})
    await rig.outcome()
    scratch.commit({path("a"): flow("a", "2"), path("b"): b"id: b\ntasks: 3\n"})
    assert await rig.outcome() == "PARTIAL"
    assert await rig.active() == {"main/shop/a": flow("a", "2"), "main/shop/b": flow("b", "1")}
    assert await rig.states("b") == [(1, "commit", "active"), (2, "commit", "invalid")]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"id: a\ntasks: []\n", "SCHEMA"),
        (b"just text", "SCHEMA"),
        (b"", "SCHEMA"),
        (UNREADABLE, "YAML_SYNTAX"),
        (b"\xff\xfe\x00", "YAML_SYNTAX"),
        (flow("a", namespace="elsewhere"), "NAMESPACE_MISMATCH"),
        (flow("a") + b"---\nid: b\n", "MULTIPLE_DOCUMENTS"),
        (("120000", b"b.yaml"), "SYMLINK"),
        (flow("a") + b"#" * 3_000, "TOO_LARGE"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n",
         "LFS_POINTER"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_file(
    scratch: Scratch, start: Start, content: Content, code: str
) -> None:
    rig = await start(repo=str(scratch.path), max_flow_bytes=2_000)
    scratch.commit({path("a"): content, path("ok", "other"): flow("ok")})
    assert await rig.outcome() == "PARTIAL"
    assert (code, path("a")) in await rig.codes()
    assert set(await rig.active()) == {"main/other/ok"}


async def test_two_files_with_one_identity(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    await rig.outcome()
    scratch.commit({path("0-copy"): flow("a", "2")})
    assert await rig.outcome() == "REJECTED"
    (finding,) = await rig.sync.findings()
    assert (finding.code, finding.path) == ("DUPLICATE_ID", path("0-copy"))
    assert path("a") in finding.message
    assert rig.runs("a").revision == 1
    scratch.commit({path("a"): None})
    assert await rig.outcome() == "SYNCED"
    assert (rig.runs("a").revision, rig.runs("a").path) == (2, path("0-copy"))


async def test_what_lies_where_nothing_is_read(rig: Rig, scratch: Scratch) -> None:
    nested = "tenants/main/namespaces/company/team/flows/a.yaml"
    scratch.commit({path("a"): flow("a"), nested: flow("a")})
    assert await rig.outcome() == "PARTIAL"
    (finding,) = await rig.sync.findings()
    assert finding.code == "NESTED_NAMESPACE_DIR"
    assert "git mv" in finding.fix
    scratch.commit({path("a"): flow("a", "2")})
    assert await rig.outcome() == "PARTIAL"
    scratch.commit({nested: None})
    assert await rig.outcome() == "SYNCED"
    assert await rig.codes() == []


async def test_a_namespace_that_cannot_be_one(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a", "Not Possible"): flow("a"), path("b"): flow("b")})
    assert await rig.outcome() == "PARTIAL"
    assert [code for code, _ in await rig.codes()] == ["INVALID_NAMESPACE"]
    assert set(await rig.active()) == {"main/shop/b"}


async def test_warnings_are_told_and_hold_nothing_up(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", '"{{ oops"')})
    assert await rig.outcome() == "SYNCED"
    (finding,) = await rig.sync.findings()
    assert (finding.code, finding.severity) == ("EXPRESSION", "warning")
    scratch.commit({path("b"): flow("b")})
    await rig.outcome()
    assert await rig.sync.findings() == [finding]
    scratch.commit({path("a"): flow("a", "mended")})
    await rig.outcome()
    assert await rig.codes() == []


async def test_an_id_that_only_a_parser_can_read(rig: Rig, scratch: Scratch) -> None:
    text = b"{id: odd, tasks: [{id: t, type: io.kestra.plugin.core.log.Log, message: hi}]}\n"
    scratch.commit({path("a"): text})
    assert await rig.outcome() == "SYNCED"
    assert rig.runs("odd").revision == 1
    await rig.restart()
    scratch.commit({path("b"): flow("b")})
    await rig.outcome()
    assert [each.revision for each in await rig.history("odd")] == [1]


async def test_a_copy_of_what_cannot_be_read_is_no_flow(rig: Rig, scratch: Scratch) -> None:
    """A file that cannot be read goes on being its flow; another one of the same bytes never was.

    Also not after a start, when only the database tells what a file was.
    """
    scratch.commit({path("b"): flow("b")})
    await rig.outcome()
    scratch.commit({path("b"): b"1\n\t: [", path("copy"): b"1\n\t: ["})
    await rig.outcome()
    await rig.restart()
    scratch.commit({path("b"): None})
    await rig.outcome()
    assert [kind for _, kind, _ in await rig.states("b")] == ["commit", "commit", "delete"]


async def test_odd_names_of_files(rig: Rig, scratch: Scratch) -> None:
    odd = b"tenants/main/namespaces/shop/flows/\xff.yaml".decode("utf-8", "surrogateescape")
    scratch.commit({odd: flow("a"), path('sp ace "quoted" ünï'): flow("b")})
    assert await rig.outcome() == "REJECTED"
    assert [code for code, _ in await rig.codes()] == ["NON_UTF8_PATH"]
    assert (await rig.history("a"))[0].path.endswith("\\xff.yaml")
    scratch.commit({odd: None})
    assert await rig.outcome() == "SYNCED"
    assert set(await rig.active()) == {"main/shop/b"}


async def test_findings_about_a_place_are_told_once(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("A"): flow("b")})
    assert await rig.outcome() == "SYNCED"
    before = await rig.sync.findings()
    assert [each.code for each in before] == ["CASE_COLLISION"]
    scratch.commit({path("c"): flow("c")})
    await rig.outcome()
    assert await rig.sync.findings() == before
    scratch.commit({path("A"): None})
    await rig.outcome()
    assert await rig.codes() == []
