"""Several sources on one node: who owns what, tenants by folder, the layout of Kestra itself."""

from pathlib import Path
from typing import Any

import pytest

from app.config import SourceSettings
from app.errors import NotFound
from app.sync.rollback import Order
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, BROKEN, Rig, flow, path


@pytest.fixture
def other(tmp_path: Path) -> Scratch:
    """A second repository."""
    return Scratch(tmp_path / "served" / "other.git")


def source(repo: Scratch, **more: Any) -> SourceSettings:
    return SourceSettings(
        repo=str(repo.path), allow_file_protocol=True, poll_seconds=3600.0, **more
    )


async def synced(rig: Rig, *names: str) -> None:
    for name in names or ("main",):
        run = await rig.sync.sync(name)
        assert run is not None
        assert run.outcome != "FAILED", run.reason


async def found(rig: Rig, name: str = "main") -> list[tuple[str, str, str]]:
    return [(f.code, f.severity, f.path) for f in await rig.sync.findings(name)]


# -- ownership -----------------------------------------------------------------------------------


async def test_a_namespace_that_is_not_owned_is_not_read(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("b", "other"): BROKEN, path("c", "other"): BROKEN})
    rig = await start(repo=str(scratch.path), namespaces=("shop",))
    assert sorted(await rig.active()) == ["main/shop/a"]
    folder = "tenants/main/namespaces/other"
    assert await found(rig) == [("NOT_OWNED", "warning", folder)]
    [run, *_] = await rig.sync.runs()
    assert run.outcome == "SYNCED"
    assert await rig.history("b", "other") == []


async def test_what_is_not_owned_any_more_is_gone_and_comes_back(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a"), path("b", "other"): flow("b")})
    rig = await start(repo=str(scratch.path))
    assert len(await rig.active()) == 2
    rig.git["namespaces"] = ("shop",)
    await rig.restart()
    await synced(rig)
    assert sorted(await rig.active()) == ["main/shop/a"]
    assert [code for code, *_ in await found(rig)] == ["NOT_OWNED"]
    rig.git["namespaces"] = ()
    await rig.restart()
    await synced(rig)
    assert sorted(await rig.active()) == ["main/other/b", "main/shop/a"]
    assert await found(rig) == []
    assert [(n, k) for n, k, _ in await rig.states("b", "other")] == [
        (1, "commit"),
        (2, "delete"),
        (3, "reset"),
    ]


async def test_a_new_namespace_that_is_not_owned_is_told(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    rig = await start(repo=str(scratch.path), namespaces=("shop",))
    scratch.commit({path("b", "other"): flow("b")})
    await synced(rig)
    assert [code for code, *_ in await found(rig)] == ["NOT_OWNED"]
    scratch.commit({path("b", "other"): None})
    await synced(rig)
    assert await found(rig) == []


async def test_writes_go_to_the_owner(start: Start, scratch: Scratch, other: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    other.commit({path("b", "team"): flow("b")})
    rig = await start(
        repo=str(scratch.path),
        namespaces=("shop",),
        sources={"team": source(other, namespaces=("team",))},
    )
    await synced(rig, "main", "team")
    assert sorted(await rig.active()) == ["main/shop/a", "main/team/b"]
    await rig.sync.put_flow("main", "team", "c", flow("c").decode(), actor=ANN)
    assert "c.yaml" in other.git("ls-tree", "-r", "--name-only", "main")
    with pytest.raises(NotFound, match="no source holds namespace nobody"):
        await rig.sync.put_flow("main", "nobody", "c", flow("c").decode(), actor=ANN)


# -- overlap -------------------------------------------------------------------------------------


async def test_the_first_source_keeps_a_namespace_that_another_has_too(
    start: Start, scratch: Scratch, other: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "first")})
    rig = await start(repo=str(scratch.path))
    other.commit({path("a"): flow("a", "second"), path("b", "team"): flow("b")})
    rig.sources = {"team": source(other)}
    await rig.restart()
    await synced(rig, "main", "team")
    assert sorted(await rig.active()) == ["main/shop/a", "main/team/b"]
    assert (await rig.active())["main/shop/a"] == flow("a", "first")
    assert await found(rig, "team") == [("OVERLAP", "error", "tenants/main/namespaces/shop")]
    assert "PARTIAL" in [run.outcome for run in await rig.sync.runs("team")]
    assert [n for n, *_ in await rig.states("a")] == [1]


async def test_a_namespace_moves_when_its_folder_is_gone(
    start: Start, scratch: Scratch, other: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "first"), path("x", "x"): flow("x")})
    other.commit({path("a"): flow("a", "second")})
    rig = await start(repo=str(scratch.path))
    rig.sources = {"team": source(other, namespaces=("shop",))}
    await rig.restart()
    await synced(rig, "main", "team")
    assert (await rig.active())["main/shop/a"] == flow("a", "first")
    scratch.commit({path("a"): None})
    await synced(rig, "main")
    await synced(rig, "team")
    assert (await rig.active())["main/shop/a"] == flow("a", "second")
    assert await found(rig, "team") == []
    # The numbers go on, whoever makes them.
    assert [each.revision for each in await rig.history("a")] == [1, 2, 3]
    assert (await rig.store.revisions.heads("team"))["main", "shop", "a"].incarnation == 2
    scratch.commit({path("a"): flow("a", "third")})
    await synced(rig, "main")
    assert [code for code, *_ in await found(rig)] == ["NOT_OWNED"]
    assert (await rig.active())["main/shop/a"] == flow("a", "second")


async def test_a_namespace_named_by_one_is_not_taken_by_who_takes_any(
    start: Start, scratch: Scratch, other: Scratch
) -> None:
    scratch.commit({path("a", "team"): flow("a", "main")})
    other.commit({path("a", "team"): flow("a", "team")})
    rig = await start(repo=str(scratch.path), sources={"team": source(other, namespaces=("team",))})
    await synced(rig, "main", "team")
    assert await rig.active() == {"main/team/a": flow("a", "team")}
    assert await found(rig) == [("NOT_OWNED", "warning", "tenants/main/namespaces/team")]


async def test_one_repository_on_two_branches_is_two_tenants(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "one")})
    scratch.git("branch", "prod")
    scratch.commit({path("a"): flow("a", "two")})
    rig = await start(
        repo=str(scratch.path),
        tenants={"main": "dev"},
        sources={"prod": source(scratch, ref="branch:prod", tenants={"main": "acme"})},
    )
    await synced(rig, "main", "prod")
    assert await rig.active() == {"dev/shop/a": flow("a", "two"), "acme/shop/a": flow("a", "one")}
    assert await found(rig) == await found(rig, "prod") == []
    with pytest.raises(NotFound, match="no place for tenant main"):
        await rig.sync.put_flow("main", "shop", "b", flow("b").decode(), actor=ANN)
    scratch.git("branch", "-f", "prod", "main")
    await synced(rig, "prod")
    assert (await rig.active())["acme/shop/a"] == flow("a", "two")


async def test_a_commit_that_two_sources_have_is_each_ones_own(
    start: Start, scratch: Scratch
) -> None:
    first = scratch.commit({path("a"): flow("a", "one")})
    scratch.commit({path("b", "other"): flow("b")})
    last = scratch.commit({path("a"): flow("a", "two")})
    sources = {
        name: source(scratch, tenants={"main": name}, namespaces=(f"{name}/*",))
        for name in ("acme", "zoo")
    }
    rig = await start(repo=str(scratch.path), tenants={"main": "dev"}, sources=sources)
    await synced(rig, "main", "acme", "zoo")
    for tenant in ("dev", "acme", "zoo"):
        for commit, revision in ((first, 1), (first[:10], 1), (last, 2)):
            found = await rig.flows.find(tenant, "shop", "a", commit=commit)
            assert (found.tenant, found.revision, found.snapshot) == (
                tenant, revision, first if revision == 1 else last,
            )  # fmt: skip
    for source_id, tenant in (("main", "dev"), ("acme", "acme"), ("zoo", "zoo")):
        order = Order(ANN, confirm=True)
        pins = await rig.sync.scopes.pin_source(source_id, first, order)
        assert [(each.tenant, each.flow_id, each.revision) for each in pins] == [(tenant, "a", 1)]
        assert rig.flows.effective(tenant, "shop", "a").revision == 1


async def test_a_folder_whose_name_is_another_tenant_is_not_read(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a"), path("b", tenant="dev"): flow("b")})
    rig = await start(repo=str(scratch.path), tenants={"main": "dev"})
    assert sorted(await rig.active()) == ["dev/shop/a"]
    assert await found(rig) == [("OVERLAP", "warning", "tenants/dev")]
    await rig.sync.put_flow("dev", "shop", "c", flow("c").decode(), actor=ANN)
    assert "tenants/main/namespaces/shop/flows/c.yaml" in scratch.git(
        "ls-tree", "-r", "--name-only", "main"
    )


# -- the layout of Kestra's own Git tasks -------------------------------------------------------


async def test_a_repository_of_tenant_sync_works_unchanged(start: Start, scratch: Scratch) -> None:
    named = flow("hello", namespace="company.team")
    scratch.commit(
        {
            "kestra/company.team/flows/hello.yaml": named,
            "kestra/company.team/flows/sub/bye.yml": flow("bye", namespace="company.team"),
            "kestra/company.team/files/data.csv": b"a,b\n",
            "kestra/_global/dashboards/sales.yaml": b"id: sales\n",
            "kestra/company/other/flows/nested.yaml": flow("nested"),
            "README.md": b"# flows\n",
        }
    )
    rig = await start(repo=str(scratch.path), layout="kestra", root="kestra", tenant="acme")
    assert sorted(await rig.active()) == ["acme/company.team/bye", "acme/company.team/hello"]
    assert await found(rig) == [("NESTED_NAMESPACE_DIR", "warning", "kestra/company/other")]
    assert await rig.sync.files.read("acme", "company.team", "data.csv") == b"a,b\n"
    await rig.sync.put_flow("acme", "company.ops", "new", flow("new").decode(), actor=ANN)
    await rig.sync.files.put(
        "acme", "company.ops", {"x/y.txt": b"y"}, actor=ANN, message="Add a file"
    )
    tree = scratch.git("ls-tree", "-r", "--name-only", "main")
    assert "kestra/company.ops/flows/new.yaml" in tree
    assert "kestra/company.ops/files/x/y.txt" in tree
    await rig.sync.delete_flow("acme", "company.team", "hello", ANN)
    assert "acme/company.team/hello" not in await rig.active()
    assert [
        k
        for _, k, _ in [
            (r.revision, r.kind, 0)
            for r in await rig.flows.revisions("acme", "company.team", "hello")
        ]
    ] == ["commit", "delete"]


async def test_a_flow_of_another_namespace_in_a_kestra_layout_is_refused(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({"shop/flows/a.yaml": flow("a", namespace="elsewhere")})
    rig = await start(repo=str(scratch.path), layout="kestra")
    assert await rig.active() == {}
    assert [code for code, *_ in await found(rig)] == ["NAMESPACE_MISMATCH"]
