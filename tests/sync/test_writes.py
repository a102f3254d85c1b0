"""Edits by the API become commits and are active at once."""

import asyncio
from pathlib import Path

import pytest

from app.errors import AuthFailed, Conflict, Gone, Invalid, NotFound, PushRefused
from app.sync.model import FlowWrite
from tests.git.scratch import Scratch
from tests.git.server import GitServer, serving
from tests.sync.conftest import Start
from tests.sync.rig import ANN, BROKEN, Rig, flow, path

A = ("main", "shop", "a")


def text(flow_id: str = "a", message: str = "hi", namespace: str | None = "shop") -> str:
    return flow(flow_id, message, namespace).decode()


async def test_a_saved_flow_is_a_commit_and_active(own: Rig) -> None:
    made = await own.sync.put_flow("main", None, None, text(), actor=ANN)
    assert (made.namespace, made.flow_id, made.revision) == ("shop", "a", 1)
    assert (made.author_name, made.author_email) == ("Ann", "ann@example.org")
    assert made.subject == "Create flow shop.a"
    assert made.path == path("a")
    assert own.runs("a") == made
    again = await own.sync.put_flow("main", "shop", "a", text(message="ho"), actor=ANN)
    assert (again.revision, again.subject) == (2, "Update flow shop.a")
    assert (await own.sync.runs())[0].cause == "write"


async def test_the_text_is_kept_byte_for_byte(own: Rig) -> None:
    odd = text().replace("\n", "\r\n") + "# no end ü"
    made = await own.sync.put_flow("main", None, None, odd, actor=ANN, message="As it is")
    assert await own.flows.source(made) == odd
    assert made.subject == "As it is"


async def test_the_own_repository_has_its_branch(own: Rig) -> None:
    made = await own.sync.put_flow("main", None, None, text(), actor=ANN)
    repository = own.folder / "git" / "flows.git"
    assert (repository / "refs" / "heads" / "main").read_text().strip() == made.commit


async def test_the_same_text_makes_nothing(own: Rig) -> None:
    made = await own.sync.put_flow("main", None, None, text(), actor=ANN)
    again = await own.sync.put_flow("main", None, None, text(), actor=ANN)
    assert again == made
    assert len(await own.sync.commits()) == 1


async def test_create_and_update_tell_apart(own: Rig) -> None:
    with pytest.raises(NotFound):
        await own.sync.put_flow("main", "shop", "a", text(), actor=ANN, create=False)
    await own.sync.put_flow("main", None, None, text(), actor=ANN, create=True)
    with pytest.raises(Invalid, match="already exists"):
        await own.sync.put_flow("main", None, None, text(message="2"), actor=ANN, create=True)
    made = await own.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN, create=False)
    assert made.revision == 2


async def test_a_deleted_flow_can_be_made_again(own: Rig) -> None:
    await own.sync.put_flow("main", None, None, text(), actor=ANN)
    await own.sync.delete_flow(*A, ANN)
    with pytest.raises(Gone):
        own.runs("a")
    with pytest.raises(Gone):
        await own.sync.delete_flow(*A, ANN)
    made = await own.sync.put_flow("main", None, None, text(), actor=ANN, create=True)
    assert made.revision == 3


@pytest.mark.parametrize(
    ("source", "namespace", "flow_id", "said"),
    [
        (BROKEN.decode(), "shop", "broken", "no.such.Type"),
        (text("b"), "shop", "a", "the flow to write is 'a'"),
        (text(namespace="elsewhere"), "shop", "a", "elsewhere"),
        (text(namespace=None), None, None, "namespace"),
        (text(namespace="Up.Case"), None, None, "namespace"),
        (text(namespace="two..dots"), None, None, "no namespace"),
        ("\t: [", None, None, ""),
        (text() + "#" * 1_100_000, None, None, ""),
    ],
)
async def test_what_is_no_valid_flow_is_refused_before_any_commit(
    own: Rig, source: str, namespace: str | None, flow_id: str | None, said: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await own.sync.put_flow("main", namespace, flow_id, source, actor=ANN)
    assert said in caught.value.message
    assert caught.value.details["problems"]
    assert await own.sync.commits() == []


async def test_a_tenant_that_cannot_be_one(own: Rig) -> None:
    with pytest.raises(Invalid, match="no tenant name"):
        await own.sync.put_flow("../x", None, None, text(), actor=ANN)


async def test_several_flows_in_one_commit(own: Rig) -> None:
    await own.sync.put_flow("main", None, None, text("old"), actor=ANN)
    made = await own.sync.put_flows(
        "main",
        [FlowWrite("shop", "a", text()), ("shop", "b", text("b")), ("shop", "old", None)],
        actor=ANN,
    )
    assert [each and each.flow_id for each in made] == ["a", "b", None]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0].commit == made[1].commit
    assert len(await own.sync.commits()) == 2
    assert await own.sync.put_flows("main", [], actor=ANN) == []
    with pytest.raises(Gone):
        await own.sync.put_flows("main", [("shop", "old", None)], actor=ANN)


async def test_deleting_everything_by_the_api_is_no_accident(own: Rig) -> None:
    names = [f"f{n}" for n in range(15)]
    await own.sync.put_flows("main", [("shop", n, text(n)) for n in names], actor=ANN)
    await own.sync.put_flows("main", [("shop", n, None) for n in names], actor=ANN)
    assert await own.active() == {}


async def test_flows_survive_a_restart(own: Rig) -> None:
    made = await own.sync.put_flow("main", None, None, text(), actor=ANN)
    await own.restart()
    assert own.runs("a") == made
    again = await own.sync.put_flow("main", None, None, text(message="2"), actor=ANN)
    assert again.revision == 2


async def test_an_edit_goes_where_the_flow_lies(
    start: Start, scratch: Scratch, tmp_path: Path
) -> None:
    scratch.commit({path("sub/odd"): flow("a", "1")})
    rig = await start(repo=str(scratch.path))
    made = await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
    assert (made.path, made.revision) == (path("sub/odd"), 2)
    assert scratch.git("show", f"main:{path('sub/odd')}") == text(message="2").strip()
    assert scratch.tip() == made.commit


async def test_an_edit_goes_on_top_of_what_others_pushed(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await start(repo=str(scratch.path))
    theirs = scratch.commit({path("b"): flow("b")})
    made = await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
    assert scratch.git("rev-parse", "main^") == theirs
    assert set(await rig.active()) == {"main/shop/a", "main/shop/b"}
    assert rig.runs("a") == made


async def test_a_file_that_others_moved_is_not_written_twice(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await start(repo=str(scratch.path))
    scratch.commit({path("a"): None, path("moved"): flow("a", "1")})
    try:
        await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
    except Conflict:
        await rig.outcome()
        await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
    assert rig.runs("a").path == path("moved")
    assert await rig.codes() == []


async def test_a_first_flow_makes_the_branch_of_an_empty_remote(
    start: Start, scratch: Scratch
) -> None:
    rig = await start(repo=str(scratch.path))
    assert (await rig.sync.runs())[0].outcome == "FAILED"
    made = await rig.sync.put_flow("main", None, None, text(), actor=ANN)
    assert scratch.tip() == made.commit


async def test_readonly_sources_are_not_written(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await start(repo=str(scratch.path), edit_mode="readonly")
    for refused in (
        rig.sync.put_flow("main", None, None, text(), actor=ANN),
        rig.sync.put_flows("main", [("shop", "b", text("b"))], actor=ANN),
        rig.sync.delete_flow(*A, ANN),
    ):
        with pytest.raises(Conflict, match="readonly") as caught:
            await refused
        assert caught.value.code == "READ_ONLY_SOURCE"
    assert rig.runs("a").revision == 1


async def test_a_namespace_that_is_held_takes_only_what_mends_it(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await start(repo=str(scratch.path))
    scratch.commit({path("broken"): BROKEN})
    await rig.outcome()
    with pytest.raises(Conflict, match=f"because of {path('broken')}"):
        await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
    other = await rig.sync.put_flow("main", None, None, text("x", namespace="other"), actor=ANN)
    assert other.revision == 1
    mended = await rig.sync.put_flow("main", "shop", "broken", text("broken"), actor=ANN)
    assert mended.revision == 2
    await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)


async def test_a_pinned_flow_that_is_saved_runs_the_new_text(own: Rig) -> None:
    for number in "123":
        await own.sync.put_flow("main", None, None, text(message=number), actor=ANN)
    await own.sync.rollback(*A, reason="", actor=ANN)
    made = await own.sync.put_flow("main", None, None, text(message="4"), actor=ANN)
    assert made.revision == 4
    await own.sync.pin(*A, revision=1, reason="", actor=ANN, until="manual")
    made = await own.sync.put_flow("main", None, None, text(message="5"), actor=ANN)
    assert made.revision == 1, "what runs from now on"


async def test_a_remote_by_http(start: Start, scratch: Scratch, tmp_path: Path) -> None:
    scratch.git("config", "http.receivepack", "true")
    scratch.commit({path("a"): flow("a", "1")})
    with serving(tmp_path / "served") as server:
        rig = await start(repo=server.url("acme.git"), username="ann", token="s3cret-token")
        assert rig.runs("a").revision == 1
        made = await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
        assert (made.revision, scratch.tip()) == (2, made.commit)
        await _refused(rig, server)


async def _refused(rig: Rig, server: GitServer) -> None:
    server.users["ann"].can_push = False
    before = await rig.sync.commits()
    with pytest.raises(AuthFailed, match="refused"):
        await rig.sync.put_flow("main", "shop", "a", text(message="3"), actor=ANN)
    assert await rig.sync.commits() == before
    assert rig.runs("a").revision == 2


async def test_a_protected_branch(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    hook = scratch.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho main is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    rig = await start(repo=str(scratch.path))
    with pytest.raises(PushRefused, match="protected"):
        await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
    assert rig.runs("a").revision == 1


async def test_a_flow_that_was_never_valid_is_mended_where_it_lies(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("sub/bad"): BROKEN})
    rig = await start(repo=str(scratch.path))
    made = await rig.sync.put_flow("main", "shop", "broken", text("broken"), actor=ANN)
    assert (made.path, made.revision) == (path("sub/bad"), 2)


async def test_edits_at_the_same_time(own: Rig) -> None:
    names = [f"f{number}" for number in range(6)]
    await asyncio.gather(
        *(own.sync.put_flow("main", None, None, text(name), actor=ANN) for name in names)
    )
    assert {each.flow_id for each in own.flows.active()} == set(names)
    assert len(await own.sync.commits()) == len(names)
