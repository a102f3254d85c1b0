"""What flows refer to, at the tip and in what becomes active; and the files beside the flows."""

from typing import Any

import pytest

from app.config import SourceSettings
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import BROKEN, Rig, flow, path


def calling(flow_id: str, target: str, namespace: str = "shop", inputs: str = "") -> bytes:
    task = f"  - {{id: call, type: io.kestra.plugin.core.flow.Subflow, flowId: {target},"
    return f"id: {flow_id}\ntasks:\n{task} namespace: {namespace}{inputs}}}\n".encode()


def with_input(flow_id: str, required: bool = True) -> bytes:
    tail = "" if required else ", defaults: x"
    head = f"id: {flow_id}\ninputs:\n  - {{id: name, type: STRING{tail}}}\n"
    return (
        f"{head}tasks:\n  - {{id: a, type: io.kestra.plugin.core.log.Log, message: hi}}\n".encode()
    )


def secret(flow_id: str, name: str) -> bytes:
    message = f"\"{{{{ secret('{name}') }}}}\""
    task = f"  - {{id: a, type: io.kestra.plugin.core.log.Log, message: {message}}}\n"
    return f"id: {flow_id}\ntasks:\n{task}".encode()


def beside(name: str, namespace: str = "shop") -> str:
    return f"tenants/main/namespaces/{namespace}/{name}"


SECRETS = beside("secrets.sops.yaml")
ENCRYPTED = b"TOKEN: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\nsops: {version: 3.9.0}\n"


async def found(rig: Rig) -> list[tuple[str, str, str]]:
    return [(f.code, f.severity, f.path) for f in await rig.sync.findings()]


# -- subflows ------------------------------------------------------------------------------------


async def test_a_missing_subflow_is_a_warning_while_it_is_missing(
    rig: Rig, scratch: Scratch
) -> None:
    scratch.commit({path("a"): calling("a", "b", "other")})
    assert await rig.outcome() == "SYNCED"
    assert await found(rig) == [("SUBFLOW_MISSING", "warning", path("a"))]
    [finding] = await rig.sync.findings()
    assert (finding.line, finding.flow_id) == (3, "a")
    # It comes, in a namespace that has nothing to do with the caller's; and it goes again.
    scratch.commit({path("b", "other"): flow("b")})
    assert await rig.outcome() == "SYNCED"
    assert await found(rig) == []
    scratch.commit({path("b", "other"): None, path("x", "x"): flow("x")})
    assert await rig.outcome() == "SYNCED"
    assert await found(rig) == [("SUBFLOW_MISSING", "warning", path("a"))]
    await rig.restart()
    scratch.commit({path("a"): flow("a")})
    assert await rig.outcome() == "SYNCED"
    assert await found(rig) == []


async def test_a_subflow_that_stays_behind_holds_who_needs_it(rig: Rig, scratch: Scratch) -> None:
    scratch.commit(
        {
            path("a"): calling("a", "b", "other"),
            path("b", "other"): flow("b"),
            path("bad", "other"): BROKEN,
            path("c", "third"): calling("c", "a"),
            path("d", "fourth"): flow("d"),
        }
    )
    assert await rig.outcome() == "PARTIAL"
    # `third` needs `shop`, which needs `other`, which is invalid: all of them stay.
    assert sorted(await rig.active()) == ["main/fourth/d"]
    held = [(f.code, f.severity, f.namespace) for f in await rig.sync.findings()]
    assert ("SUBFLOW_MISSING", "error", "shop") in held
    assert ("SUBFLOW_MISSING", "error", "third") in held
    scratch.commit({path("bad", "other"): None})
    assert await rig.outcome() == "SYNCED"
    assert sorted(await rig.active()) == [
        "main/fourth/d",
        "main/other/b",
        "main/shop/a",
        "main/third/c",
    ]
    assert await found(rig) == []


async def test_a_subflow_that_runs_at_its_old_commit_is_good_enough(
    rig: Rig, scratch: Scratch
) -> None:
    scratch.commit({path("b", "other"): flow("b")})
    await rig.outcome()
    scratch.commit({path("a"): calling("a", "b", "other"), path("bad", "other"): BROKEN})
    assert await rig.outcome() == "PARTIAL"
    assert sorted(await rig.active()) == ["main/other/b", "main/shop/a"]


async def test_with_atomic_flow_only_the_flow_stays(start: Start, scratch: Scratch) -> None:
    scratch.commit(
        {
            path("a"): calling("a", "broken"),
            path("broken"): BROKEN,
            path("c"): calling("c", "a"),
            path("d"): flow("d"),
        }
    )
    rig = await start(repo=str(scratch.path), atomic="flow")
    assert sorted(await rig.active()) == ["main/shop/d"]


async def test_a_subflow_of_another_source_is_there(
    start: Start, scratch: Scratch, tmp_path: Any
) -> None:
    other = Scratch(tmp_path / "other.git")
    other.commit({path("b", "team"): flow("b")})
    scratch.commit({path("x"): flow("x")})
    team = SourceSettings(repo=str(other.path), allow_file_protocol=True, namespaces=("team",))
    rig = await start(repo=str(scratch.path), sources={"team": team})
    await rig.sync.sync("team")
    scratch.commit({path("a"): calling("a", "b", "team")})
    assert await rig.outcome() == "SYNCED"
    assert await found(rig) == []


async def test_flows_that_start_each_other_are_an_error(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): calling("a", "b", "other"), path("b", "other"): flow("b")})
    await rig.outcome()
    scratch.commit({path("b", "other"): calling("b", "a")})
    assert await rig.outcome() == "REJECTED"
    assert await found(rig) == [("CYCLE", "error", path("b", "other"))]
    [finding] = await rig.sync.findings()
    assert "other.b → shop.a → other.b" in finding.message
    assert (await rig.active())["main/other/b"] == flow("b")
    scratch.commit({path("a"): flow("a")})
    assert await rig.outcome() == "SYNCED"
    assert await found(rig) == []


async def test_callers_hear_of_an_input_that_is_needed_now(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): calling("a", "b", "other"), path("b", "other"): flow("b")})
    await rig.outcome()
    scratch.commit({path("b", "other"): with_input("b")})
    assert await rig.outcome() == "SYNCED"
    assert await found(rig) == [("BREAKING_INPUT", "warning", path("a"))]
    scratch.commit({path("a"): calling("a", "b", "other", ", inputs: {name: ann}")})
    await rig.outcome()
    assert await found(rig) == []
    scratch.commit({path("b", "other"): with_input("b", required=False)})
    await rig.outcome()
    assert await found(rig) == []


# -- secrets and documents -----------------------------------------------------------------------


async def test_an_unknown_secret_is_told_where_there_are_secrets(
    rig: Rig, scratch: Scratch
) -> None:
    scratch.commit({path("a", "shop.web"): secret("a", "TOKEN")})
    await rig.outcome()
    assert await found(rig) == []  # this tenant keeps its secrets elsewhere
    scratch.commit({path("b", "shop.web"): secret("b", "TOKNE"), SECRETS: ENCRYPTED})
    assert await rig.outcome() == "SYNCED"
    assert await found(rig) == [("SECRET_UNKNOWN", "warning", path("b", "shop.web"))]
    [finding] = await rig.sync.findings()
    assert "TOKEN" in finding.fix
    scratch.commit({SECRETS: ENCRYPTED.replace(b"TOKEN", b"TOKNE")})
    await rig.outcome()
    assert await found(rig) == [("SECRET_UNKNOWN", "warning", path("a", "shop.web"))]
    scratch.commit({SECRETS: None})
    await rig.outcome()
    assert await found(rig) == []


async def test_a_secret_in_plain_text_holds_its_namespace(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), SECRETS: ENCRYPTED, path("o", "other"): flow("o")})
    await rig.outcome()
    plain = ENCRYPTED + b"PASSWORD: hunter2-in-plain-sight\n"
    scratch.commit({path("a"): flow("a", "2"), SECRETS: plain, path("o", "other"): flow("o", "2")})
    assert await rig.outcome() == "PARTIAL"
    assert await found(rig) == [("SECRET_PLAINTEXT", "error", SECRETS)]
    [finding] = await rig.sync.findings()
    assert (finding.line, "PASSWORD" in finding.message) == (3, True)
    assert "hunter2" not in f"{finding}{await rig.sync.runs()}"
    assert (await rig.active())["main/shop/a"] == flow("a")
    assert (await rig.active())["main/other/o"] == flow("o", "2")


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("variables.yaml", b"a: [", "YAML_SYNTAX"),
        ("variables.yaml", b"- a\n", "SCHEMA"),
        ("namespace.yaml", b"text", "SCHEMA"),
        ("secrets.preview.sops.yaml", b"A: plain\n", "SECRET_PLAINTEXT"),
        ("secrets.sops.yaml", b"- a\n", "SCHEMA"),
        (
            "variables.yaml",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n",
            "LFS_POINTER",
        ),
    ],
)
async def test_documents_that_cannot_be_read(
    rig: Rig, scratch: Scratch, name: str, data: bytes, code: str
) -> None:
    scratch.commit({path("a"): flow("a"), beside(name): data})
    assert await rig.outcome() == "REJECTED"
    assert await found(rig) == [(code, "error", beside(name))]
    scratch.commit({beside(name): b""})
    assert await rig.outcome() == "SYNCED"
    assert await found(rig) == []
