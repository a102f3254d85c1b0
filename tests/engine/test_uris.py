"""Addresses of files in the internal storage, and who may read which."""

import pytest

from app.engine.uris import cache_file, execution_files, files_of, may_read, owns, task_run_files
from app.executions import Execution

OWN = "A" * 22
OTHER = "B" * 22
PARENT = "C" * 22


def execution() -> Execution:
    trigger = {"variables": {"executionId": PARENT}}
    return Execution(OWN, "main", "company.team", "My_Flow", 1, "c", "b", 0, trigger=trigger)


def test_folders_are_named_by_slugs() -> None:
    home = f"kestra:///company/team/my-flow/executions/{OWN}"
    assert files_of(execution()) == execution_files("company.team", "My_Flow", OWN) == home
    assert task_run_files(execution(), "Task_1", "run") == f"{home}/tasks/task-1/run"


def test_a_cache_for_each_value() -> None:
    plain = cache_file("a.b", "f", "T_1", None)
    assert plain == "kestra:///a/b/f/t-1/cache/cache.zip"
    values = {cache_file("a.b", "f", "T_1", value) for value in ("x", "y", "../..", "\ud800")}
    assert len(values) == 4
    assert not any(".." in each for each in values)


TEAM = "kestra:///company/team"


@pytest.mark.parametrize(
    ("uri", "readable", "own"),
    [
        (f"{TEAM}/my-flow/executions/{OWN}/tasks/t/r/a.txt", True, True),
        (f"{TEAM}/My_Flow/executions/{OWN}/tasks/t/r/a.txt", True, True),  # as it was written once
        (f"kestra:///other/f/executions/{PARENT}/tasks/t/r/a.txt", True, True),
        (f"{TEAM}/g/executions/{OTHER}/tasks/t/r/a.txt", True, False),
        (f"{TEAM}/sub/g/executions/{OTHER}/tasks/t/r/a.txt", False, False),
        (f"kestra:///company/g/executions/{OTHER}/tasks/t/r/a.txt", False, False),
        (f"kestra:///other/f/executions/{OTHER}/tasks/t/r/a.txt", False, False),
        (f"{TEAM}/g/executions/{OTHER}/../../../secret", False, False),
        (f"{TEAM}/my-flow/executions/{OWN}/../{OTHER}/a", False, False),
        (f"{TEAM}/f/states/main/default/x.json", False, False),
        (f"{TEAM}/f/t/cache/cache.zip", False, False),
        (f"file:///etc/{OWN}", False, False),
        (f"kestra://company/team/f/executions/{OWN}/a", False, False),
        ("", False, False),
    ],
)
def test_who_may_read(uri: str, readable: bool, own: bool) -> None:
    assert may_read(execution(), uri) is readable
    assert owns(execution(), uri) is own
