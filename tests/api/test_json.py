"""The JSON of executions: built from any journal, and quick."""

import json

import orjson

from app.api.answers import encoded
from app.api.execution_json import Origin, created_json, execution_json
from app.api.problems import pointer
from app.api.times import instant
from app.executions import ROOT, Event, Execution, Kind, State, TaskRunPath, task_run_id

ORIGIN = Origin("c" * 40, "Ann", "Say hello")
START = 1_700_000_000_000_000


def an_execution(*events: Event) -> Execution:
    created = Event(
        Kind.CREATED,
        START,
        ROOT,
        State.CREATED,
        data={
            "tenant": "main",
            "namespace": "a.b",
            "flow_id": "f",
            "revision": 3,
            "commit": "c" * 40,
            "blob": "b" * 40,
            "labels": [["k", "v"]],
            "inputs": {"x": 1},
            "trigger": {"id": "t", "type": "T"},
        },
    )
    return Execution.fold("0exec", [created, *events])


def run(path: str, task: str, kind: Kind, to: State, at: int, **data: object) -> Event:
    return Event(kind, START + at, TaskRunPath(path), to, data={"task": task, **data})


def test_loops_and_failures() -> None:
    execution = an_execution(
        Event(Kind.MOVED, START + 1, ROOT, State.RUNNING),
        run("/loop", "loop", Kind.STARTED, State.RUNNING, 2),
        Event(
            Kind.STARTED,
            START + 3,
            TaskRunPath("/loop[0]/call"),
            State.RUNNING,
            attempt=1,
            data={"task": "call", "parent": "/loop", "value": "v", "iteration": 0},
        ),
        run("/loop[0]/call", "call", Kind.ENDED, State.FAILED, 4, error="it broke"),
        run("/loop", "loop", Kind.ENDED, State.FAILED, 5),
        Event(Kind.MOVED, START + 6, ROOT, State.FAILED, data={"reason": "a task failed"}),
    )
    body = orjson.loads(encoded(execution_json(execution, ORIGIN, START + 100)))
    assert body["state"]["current"] == "FAILED"
    assert body["state"]["duration"] == "PT0.000006S"
    assert body["error"] == "a task failed"
    assert (body["commit"], body["author"], body["subject"]) == ORIGIN
    assert body["trigger"] == {"id": "t", "type": "T"}
    loop, call = body["taskRunList"]
    assert "parentTaskRunId" not in loop
    assert "attempts" not in loop
    assert call["parentTaskRunId"] == loop["id"] == task_run_id("0exec", "/loop")
    assert (call["value"], call["iteration"], call["error"]) == ("v", 0, "it broke")
    assert [each["state"] for each in call["attempts"][0]["state"]["histories"]] == [
        "CREATED",
        "RUNNING",
        "FAILED",
    ]


def test_what_runs_is_measured_until_now() -> None:
    execution = an_execution(Event(Kind.MOVED, START + 1, ROOT, State.RUNNING))
    body = execution_json(execution, ORIGIN, START + 2_000_000)
    assert body["state"]["duration"] == "PT2S"
    assert "endDate" not in body["state"]
    assert created_json(execution, ORIGIN)["state"]["current"] is State.CREATED


def test_values_that_are_hard_to_encode() -> None:
    value = {"large": 10**30, "half": "\ud800", "at": instant(START), "nan": float("nan")}
    assert json.loads(encoded(value))["large"] == 10**30
    assert json.loads(encoded({"half": "\ud800"})) == {"half": "\ud800"}
    assert b"2023-11-14T22:13:20Z" in encoded(value)


def test_pointers() -> None:
    assert pointer("tasks[0].uri") == "/tasks/0/uri"
    assert pointer("a.b[10][2]") == "/a/b/10/2"
    assert pointer("a/b~c") == "/a~1b~0c"
    assert pointer("") == ""
