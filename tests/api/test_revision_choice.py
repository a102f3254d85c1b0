"""Which revision restarts, replays and subflows run; and what was deleted does not run again."""

from typing import Any

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEAD = "labels:\n  team: a\n"
BAD = """
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: one
  - id: end
    type: io.kestra.plugin.core.execution.Fail
"""
GOOD = """
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: two
  - id: end
    type: io.kestra.plugin.core.debug.Return
    format: well
"""
LATEST = "labels:\n  system.revision: latest\n"


async def two(api: Api, ns: str, head: str = HEAD) -> dict[str, Any]:
    """A flow that failed at revision 1 and was mended since."""
    await api.flow(ns, HEAD + BAD)
    failed = await api.run(f"{ns}/f")
    assert failed["state"]["current"] == "FAILED"
    await api.flow(ns, head + GOOD)
    return failed  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("asked", "revision", "same", "state"),
    [
        ("", 1, True, "FAILED"),
        ("?revision=original", 1, True, "FAILED"),
        ("?revision=latest", 2, False, "SUCCESS"),
        ("?revision=2", 2, False, "SUCCESS"),
    ],
)
async def test_restarts(
    api: Api, ns: str, asked: str, revision: int, same: bool, state: str
) -> None:
    failed = await two(api, ns)
    made = await api.post(f"executions/{failed['id']}/restart{asked}")
    assert (made["flowRevision"], made["id"] == failed["id"]) == (revision, same)
    ended = await api.until(made["id"], state)
    assert ended["flowRevision"] == revision
    assert (ended["commit"] == failed["commit"]) is same


async def test_a_commit_is_named(api: Api, ns: str) -> None:
    failed = await two(api, ns)
    mended = await api.get(f"flows/{ns}/f")
    made = await api.post(f"executions/{failed['id']}/restart?revision=commit:{mended['commit']}")
    assert (made["flowRevision"], made["commit"]) == (2, mended["commit"])
    await api.until(made["id"], "SUCCESS")
    short = failed["commit"][:12]
    again = await api.post(f"executions/{made['id']}/replay?revision=commit:{short}")
    assert (again["flowRevision"], again["commit"]) == (1, failed["commit"])
    await api.until(again["id"], "FAILED")


async def test_the_flow_says_it(api: Api, ns: str) -> None:
    failed = await two(api, ns, LATEST)
    made = await api.post(f"executions/{failed['id']}/restart")
    assert made["flowRevision"] == 2
    await api.until(made["id"], "SUCCESS")
    again = await api.post(f"executions/{failed['id']}/replay")
    assert again["flowRevision"] == 2
    await api.until(again["id"], "SUCCESS")
    kept = await api.post(f"executions/{failed['id']}/replay?revision=original")
    assert (kept["flowRevision"], kept["commit"]) == (1, failed["commit"])
    await api.until(kept["id"], "FAILED")


async def test_a_replay_from_a_task(api: Api, ns: str) -> None:
    failed = await two(api, ns)
    run = next(each["id"] for each in failed["taskRunList"] if each["taskId"] == "end")
    made = await api.post(f"executions/{failed['id']}/replay?taskRunId={run}&revision=latest")
    ended = await api.until(made["id"], "SUCCESS")
    values = {each["taskId"]: each["outputs"]["value"] for each in ended["taskRunList"]}
    assert values == {"say": "one", "end": "well"}
    assert ended["flowRevision"] == 2


async def test_a_repeated_execution_keeps_its_commit(api: Api, ns: str) -> None:
    await api.flow(ns, GOOD)
    first = await api.run(f"{ns}/f")
    await api.flow(ns, GOOD, "other")  # the namespace moves on, the flow does not
    now = await api.run(f"{ns}/f")
    assert (now["flowRevision"], now["commit"] != first["commit"]) == (1, True)
    same = await api.post(f"executions/{first['id']}/replay")
    assert (same["flowRevision"], same["commit"]) == (1, first["commit"])
    latest = await api.post(f"executions/{first['id']}/replay?revision=latest")
    assert (latest["flowRevision"], latest["commit"]) == (1, now["commit"])


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("never", 400),
        ("0", 400),
        ("-1", 400),
        ("commit:xyz", 400),
        ("99999999999", 400),
        ("9999999999", 400),
        ("9", 404),
        ("commit:00000000", 404),
    ],
)
async def test_what_cannot_be_meant(api: Api, ns: str, asked: str, status: int) -> None:
    failed = await two(api, ns)
    for verb in ("restart", "replay"):
        await api.post(f"executions/{failed['id']}/{verb}?revision={asked}", status)


async def test_a_deleted_flow_runs_only_if_that_is_meant(api: Api, ns: str) -> None:
    failed = await two(api, ns)
    await api.ask("DELETE", f"flows/{ns}/f", 204)
    for path in (
        f"executions/{ns}/f",
        f"executions/{ns}/f?revision=2",
        f"executions/{ns}/f?allowDeleted=true",
        f"executions/{failed['id']}/replay",
        f"executions/{failed['id']}/replay?revision=2",
        f"executions/{failed['id']}/replay?revision=latest&allowDeleted=true",
        f"executions/{failed['id']}/restart?revision=2",
    ):
        refused = await api.post(path, 410)
        assert refused["code"] == "FLOW_DELETED", path
    made = await api.post(f"executions/{ns}/f?revision=2&allowDeleted=true&wait=true")
    assert (made["state"]["current"], made["flowRevision"]) == ("SUCCESS", 2)
    again = await api.post(f"executions/{failed['id']}/replay?allowDeleted=true")
    assert again["flowRevision"] == 1
    await api.until(again["id"], "FAILED")
    back = await api.post(f"executions/{failed['id']}/restart?revision=2&allowDeleted=true")
    await api.until(back["id"], "SUCCESS")
    same = await api.post(f"executions/{failed['id']}/restart")
    assert same["id"] == failed["id"], "what goes on is no new execution"
