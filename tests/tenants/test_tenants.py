"""Tenants in the commits that sources have active."""

import pytest

from app.errors import Unavailable
from app.git.layout import Layout
from app.sync import namespace_settings
from app.sync.tenant_rules import NodeRules
from app.sync.tenants import Tenants
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import Rig, flow, path

FILE = "tenants/{}/tenant.yaml"


def file(tenant: str) -> str:
    return FILE.format(tenant)


async def test_the_active_commit_counts(rig: Rig, scratch: Scratch) -> None:
    tenants = rig.sync.tenants
    heard: list[str] = []
    tenants.heard.append(lambda: heard.append(tenants.of("main").title))
    scratch.commit({path("a"): flow("a"), file("main"): b"title: One\n"})
    await rig.outcome()
    assert tenants.of("main").title == "One"
    assert tenants.names() == ["main"]
    scratch.commit({file("main"): b"title: Two\n", file("acme"): b""})
    await rig.outcome()
    assert (tenants.of("main").title, tenants.names()) == ("Two", ["acme", "main"])
    scratch.commit({file("main"): None, file("acme"): None})
    await rig.outcome()
    assert (tenants.of("main").title, tenants.names()) == ("", ["main"])
    assert heard == ["One", "Two", ""]


async def test_what_is_wrong_is_told_and_strict(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), file("main"): b"title: One\ncrossNamespace: no\n"})
    await rig.outcome()
    (found,) = await rig.sync.findings()
    assert (found.code, found.path, found.pointer) == (
        "TENANT_INVALID",
        file("main"),
        "crossNamespace",
    )
    assert rig.sync.tenants.of("main").cross_namespace == "granted"
    assert rig.flows.effective("main", "shop", "a").revision == 1, "flows move all the same"
    scratch.commit({path("a"): flow("a", "other")})
    await rig.outcome()
    assert len(await rig.sync.findings()) == 1, "it stays while the file is as it is"
    scratch.commit({file("main"): b"title: One\n"})
    await rig.outcome()
    assert await rig.sync.findings() == []


async def test_a_process_knows_them_before_it_reads_git(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), file("main"): b"crossNamespace: granted\n"})
    first = await start(repo=str(scratch.path))
    assert first.sync.tenants.of("main").cross_namespace == "granted"
    other = Tenants(first.store.tenants)
    await other.refresh()
    assert other.of("main").cross_namespace == "granted"
    other.order, other.complete = (lambda: ["another"]), True
    await other.refresh()
    assert other.of("main").cross_namespace == "allowed", "a source that is gone says nothing"


async def test_who_owns_a_part_says_nothing(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), file("main"): b"title: Not mine\n"})
    rig = await start(repo=str(scratch.path), namespaces=("shop",))
    assert rig.sync.tenants.of("main").title == ""
    whole = await start("whole", repo=str(scratch.path), namespaces=("main/*",))
    assert whole.sync.tenants.of("main").title == "Not mine"


def test_where_the_file_lies() -> None:
    assert Layout().tenant_file("main") == "tenants/main/tenant.yaml"
    layout = Layout(root="a/b", tenants={"prod": "main"})
    assert layout.tenant_file("main") == "a/b/tenants/prod/tenant.yaml"
    assert layout.tenant_file("prod") is None
    assert Layout("kestra").tenant_file("main") is None


async def test_a_grant_that_cannot_be_read_is_none(
    rig: Rig, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = f"{path('a').rpartition('/flows/')[0]}/namespace.yaml"
    scratch.commit({path("a"): flow("a"), closed: b"allow: []\n"})
    await rig.outcome()
    rules = NodeRules(rig.sync.tenants, rig.sync.namespaces, rig.settings)

    def gone(*_: object) -> None:
        raise Unavailable("the disk is away")

    with monkeypatch.context() as away:
        away.setattr(namespace_settings, "_read", gone)
        with pytest.raises(Unavailable):
            await rules.refusal("main", "other", "shop", "kv")
    assert "does not let" in str(await rules.refusal("main", "other", "shop", "kv"))
    assert await rules.refusal("main", "other", "nobodys", "kv") is None
