"""What became of tests, on every database: found, paged, the newest of each, the old ones gone."""

from dataclasses import replace

import pytest

from app.db.database import Database
from app.db.suite_runs import KEPT, RunQuery, SuiteRun, SuiteRuns

RUN = SuiteRun("main", "shop", "t", "f", "SUCCESS", "c" * 40, 10, 20, {"results": [1]}, id="a0")


@pytest.fixture
def runs(database: Database | None) -> SuiteRuns:
    if database is None:
        pytest.skip("there is no fake of this store")
    return SuiteRuns(database)


async def test_runs_are_found(runs: SuiteRuns) -> None:
    others = [
        replace(RUN, id="a1", state="FAILED", started_at=5),
        replace(RUN, id="a2", suite_id="u", flow_id="g"),
        replace(RUN, id="a3", namespace="other"),
        replace(RUN, id="a4", tenant="other"),
    ]
    for each in (RUN, *others):
        await runs.add(each)
    assert await runs.get("main", "a0") == RUN
    assert await runs.get("other", "a0") is None
    found, total = await runs.find(RunQuery("main"), offset=0, limit=2)
    assert ([each.id for each in found], total) == (["a3", "a2"], 4)
    rest, _ = await runs.find(RunQuery("main"), offset=2, limit=2)
    assert [each.id for each in rest] == ["a1", "a0"]
    some, total = await runs.find(RunQuery("main", "shop", flow_id="f"), offset=0, limit=9)
    assert ([each.id for each in some], total) == (["a1", "a0"], 2)
    oldest = RunQuery("main", "shop", "t", sort=[("startDate", False)])
    assert [each.id for each in (await runs.find(oldest, offset=0, limit=9))[0]] == ["a1", "a0"]


async def test_the_newest_of_each_is_found_at_once(runs: SuiteRuns) -> None:
    for number, suite in enumerate(("t", "u", "t", "v")):
        await runs.add(replace(RUN, id=f"b{number}", suite_id=suite))
    wanted = [("shop", "t"), ("shop", "u"), ("shop", "never"), ("other", "v")]
    assert [each.id for each in await runs.last("main", wanted)] == ["b2", "b1"]
    assert await runs.last("main", []) == []


async def test_old_runs_of_the_same_tests_go(runs: SuiteRuns) -> None:
    await runs.add(replace(RUN, id="a", suite_id="other"))
    for number in range(KEPT + 3):
        await runs.add(replace(RUN, id=f"c{number:03}"))
    found, total = await runs.find(RunQuery("main", suite_id="t"), offset=0, limit=200)
    assert (total, found[-1].id) == (KEPT, "c003")
    assert await runs.get("main", "a") is not None
