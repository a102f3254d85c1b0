"""Plugin defaults of namespaces and tenants: part of the commit, least important at the top."""

from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from app.config import SourceSettings
from app.errors import Unavailable
from app.git.layout import Layout
from app.sync.planning.files import FolderFiles
from app.sync.planning.memory import Memory
from app.sync.planning.tree import TreeView
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import REGISTRY, Rig, path

LOG = "io.kestra.plugin.core.log.Log"
TENANT = "tenants/main/tenant.yaml"


def said(level: str, *, forced: bool = False, message: str = "") -> bytes:
    values = f"level: {level}" + (f", message: {message}" if message else "")
    return (
        f"pluginDefaults: [{{type: {LOG}, forced: {str(forced).lower()}, values: {{{values}}}}}]\n"
    ).encode()


def namespace(name: str) -> str:
    return f"tenants/main/namespaces/{name}/namespace.yaml"


def flow(*lines: str, task: str = "message: hi") -> bytes:
    return "\n".join(
        ("id: a", *lines, "tasks:", f"  - {{id: t, type: {LOG}, {task}}}", "")
    ).encode()


async def task(rig: Rig, name: str = "company.team") -> Any:
    return (await rig.flows.current("main", name, "a")).flow.tasks[0]


async def test_the_nearest_wins(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a", "company.team"): flow(), TENANT: said("ERROR")})
    await rig.outcome()
    assert (await task(rig)).level == "ERROR"
    scratch.commit({namespace("company"): said("WARN")})
    await rig.outcome()
    assert (await task(rig)).level == "WARN", "of a namespace above"
    scratch.commit({namespace("company.team"): said("DEBUG")})
    await rig.outcome()
    assert (await task(rig)).level == "DEBUG"
    scratch.commit({path("a", "company.team"): flow(task="message: hi, level: TRACE")})
    await rig.outcome()
    assert (await task(rig)).level == "TRACE", "the task itself says it"
    scratch.commit({TENANT: said("ERROR", forced=True)})
    await rig.outcome()
    assert (await task(rig)).level == "ERROR", "a forced one wins over what the task says"


async def test_an_old_commit_keeps_its_defaults(rig: Rig, scratch: Scratch) -> None:
    first = scratch.commit({path("a", "company.team"): flow(), namespace("company"): said("WARN")})
    await rig.outcome()
    scratch.commit({namespace("company"): said("DEBUG")})
    await rig.outcome()
    place = ("main", "company.team", "a")
    assert (await task(rig)).level == "DEBUG"
    old: Any = (await rig.flows.at(*place, revision=1, snapshot=str(first))).flow.tasks[0]
    assert old.level == "WARN", "an execution that began before goes on as it began"


async def test_what_a_default_brings_need_not_be_written(rig: Rig, scratch: Scratch) -> None:
    files = {
        path("a", "company.team"): flow(task="level: INFO"),
        namespace("company"): said("WARN", message="from above"),
    }
    scratch.commit(files)
    assert await rig.outcome() == "SYNCED"
    assert (await task(rig)).message == "from above"
    scratch.commit({namespace("company"): None})
    assert await rig.outcome() == "PARTIAL", "without it the flow is not valid any more"
    assert (await task(rig)).message == "from above", "so its namespace stays where it was"
    (found,) = await rig.sync.findings()
    assert found.flow_id in ("", "a")
    assert "message" in f"{found.pointer}{found.message}"


async def test_a_default_that_does_not_fit_is_told(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a", "company.team"): flow(), namespace("company"): b""})
    await rig.outcome()
    scratch.commit({namespace("company"): said("LOUD")})
    assert await rig.outcome() != "SYNCED"
    assert (await task(rig)).level == "INFO"


async def test_a_flow_that_is_written_is_judged_with_them(start: Start, scratch: Scratch) -> None:
    rig = await start(repo=str(scratch.path))
    scratch.commit({namespace("company.team"): said("WARN", message="from above")})
    await rig.outcome()
    find = await rig.sync.tenants.defaults_in("main", ["id: a\nnamespace: company.team\n"])
    assert [each.values["level"] for each in find("company.team").entries] == ["WARN"]
    assert find("company").entries == ()


def test_a_tree_is_judged_with_its_own(tmp_path: Path) -> None:
    files = {
        path("a", "company.team"): flow(task="level: INFO"),
        namespace("company"): said("WARN", message="from above"),
    }
    for name, data in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    view = TreeView(FolderFiles(tmp_path), Layout(), Memory(REGISTRY))
    ((found, source),) = view.sources(view.flow_files.values())
    parsed = view.parse(found, source)
    assert parsed.flow is not None, parsed.problems


@pytest.mark.parametrize("name", ["company.team", "company", "other"])
async def test_none_where_nobody_says_any(rig: Rig, scratch: Scratch, name: str) -> None:
    scratch.commit({path("a", name): flow()})
    await rig.outcome()
    assert (await task(rig, name)).level == "INFO"


# -- restarts -------------------------------------------------------------------------------------


async def stopped(rig: Rig, scratch: Scratch, task_says: str = "message: hi") -> None:
    """Follow a flow with a default from above, then stop."""
    defaults = {namespace("company"): said("WARN", message="from above")}
    scratch.commit({path("a", "company.team"): flow(task=task_says), **defaults})
    await rig.outcome()
    await rig.stop()


async def test_they_are_there_before_the_first_look_after_a_restart(
    rig: Rig, scratch: Scratch
) -> None:
    await stopped(rig, scratch)
    await rig.open()
    await rig.sync.workers.load()
    loaded = await rig.flows.current("main", "company.team", "a")
    said_now: Any = loaded.complete().flow.tasks[0]
    assert said_now.level == "WARN"


async def test_a_flow_is_not_run_while_they_cannot_be_read(rig: Rig, scratch: Scratch) -> None:
    await stopped(rig, scratch)
    rmtree(rig.folder / "git")
    await rig.open()
    await rig.sync.workers.load()
    loaded = await rig.flows.current("main", "company.team", "a")
    with pytest.raises(Unavailable, match=r"plugin defaults of flow company\.team\.a"):
        loaded.complete()
    await rig.sync.start()
    again: Any = (await rig.flows.current("main", "company.team", "a")).complete()
    assert again.flow.tasks[0].level == "WARN"


async def test_a_flow_that_needs_them_is_not_called_invalid_meanwhile(
    rig: Rig, scratch: Scratch
) -> None:
    await stopped(rig, scratch, "level: INFO")
    rmtree(rig.folder / "git")
    await rig.open()
    await rig.sync.workers.load()
    with pytest.raises(Unavailable, match="plugin defaults"):
        await rig.flows.current("main", "company.team", "a")


async def test_a_commit_is_not_judged_while_they_cannot_be_read(
    start: Start, scratch: Scratch, tmp_path: Path
) -> None:
    team = Scratch(tmp_path / "served" / "team.git")
    own = SourceSettings(
        repo=str(team.path), allow_file_protocol=True, poll_seconds=3600.0, namespaces=("*.team",)
    )
    scratch.commit({namespace("company"): said("WARN", message="from above")})
    team.commit({path("a", "company.team"): flow(task="level: INFO")})
    rig = await start(repo=str(scratch.path), sources={"team": own})
    await rig.sync.sync("team")
    assert (await task(rig)).message == "from above"
    await rig.stop()
    rmtree(rig.folder / "git")
    away = scratch.path.rename(tmp_path / "away.git")
    await rig.start()
    team.commit({path("a", "company.team"): flow(task="level: ERROR")})
    run = await rig.sync.sync("team")
    assert run is not None
    assert (run.outcome, await rig.sync.findings("team")) == ("FAILED", [])
    away.rename(scratch.path)
    await rig.sync.sync()
    await rig.sync.sync("team")
    assert (await task(rig)).level == "ERROR"
