"""Triggers of a real process that is killed: no date is lost, none is fired for twice."""

import json
import signal
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.serving import service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

EVERY_SECOND = """
id: ticks
namespace: shop
triggers:
  - id: t
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "* * * * * *"
    withSeconds: true
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: x}
"""
AFTER = """
id: after
namespace: shop
triggers:
  - id: t
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: shop, flowId: ticks}
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: "{{ trigger.executionId }}"}
"""


def ask(address: str, path: str, body: str | None = None) -> Any:
    request = urllib.request.Request(
        f"{address}/api/v1/main/{path}",
        data=None if body is None else body.encode(),
        headers={"content-type": "application/x-yaml"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def executions(address: str, flow: str) -> list[Any]:
    path = f"executions/search?namespace=shop&flowId={flow}&size=1000"
    found: list[Any] = ask(address, path)["results"]
    return found


def wait_for(address: str, flow: str, count: int) -> list[Any]:
    deadline = time.monotonic() + 30
    while len(found := executions(address, flow)) < count:
        assert time.monotonic() < deadline, f"{len(found)} executions of {flow}"
        time.sleep(0.05)
    return found


def test_a_service_that_is_killed_fires_once_for_every_date(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with service(data) as (address, process):
        for source in (AFTER, EVERY_SECOND):  # who listens first: a date may come in between
            ask(address, "flows", source)
        wait_for(address, "ticks", 2)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    for _ in range(2):
        with service(data) as (address, process):
            wait_for(address, "ticks", len(executions(address, "ticks")) + 2)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
    with service(data) as (address, _):
        wait_for(address, "ticks", len(executions(address, "ticks")) + 2)
        ticks = executions(address, "ticks")
        dates = sorted(each["trigger"]["variables"]["date"] for each in ticks)
        assert len(set(dates)) == len(dates)
        first, last = (datetime.fromisoformat(each) for each in (dates[0], dates[-1]))
        assert (last - first).total_seconds() == len(dates) - 1, "a date is missing"
        about: list[str] = []
        deadline = time.monotonic() + 30
        while missing := {each["id"] for each in ticks} - set(about):
            assert time.monotonic() < deadline, f"nobody heard of {missing}"
            heard = executions(address, "after")  # of later ones, too
            about = [each["trigger"]["variables"]["executionId"] for each in heard]
        assert len(set(about)) == len(about)
