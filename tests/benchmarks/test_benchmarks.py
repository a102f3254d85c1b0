"""The benchmarks: their flows are valid, the limit does the work, figures compare rightly."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.flows.parse import parse_flow
from app.plugins.registry import Registry
from benchmarks import flows
from benchmarks.__main__ import ratios


@pytest.mark.parametrize(
    ("source", "tasks"),
    [
        (flows.order("http://127.0.0.1:8090"), 5),
        (flows.parallel(1000), 1),
        (flows.chain(100), 100),
        (flows.single(), 1),
    ],
)
def test_the_flows_are_valid(source: str, tasks: int) -> None:
    parsed = parse_flow(source, types=Registry.load())
    assert parsed.problems == ()
    assert parsed.flow is not None
    assert len(parsed.flow.tasks) == tasks


def test_ratios_are_one_for_equals_and_smaller_for_the_slower() -> None:
    best = {"W1": {"executions_per_s": 100.0, "idle_p50_ms": 5.0}, "W2": {"seconds": 0.1}}
    mine = {"W1": {"executions_per_s": 45.0, "idle_p50_ms": 10.0}, "W2": {"seconds": 0.4}}
    assert ratios(best, best) == {"W1 throughput": 1, "W1 idle p50": 1, "W2": 1}
    assert ratios(mine, best) == {"W1 throughput": 0.45, "W1 idle p50": 0.5, "W2": 0.25}


def test_the_limit_runs_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "W3", "--quick", "--only", "limit", "--json", file],
        check=True, capture_output=True, timeout=50,
    )  # fmt: skip
    figures = json.loads(file.read_text())
    assert figures["limit"]["W3"]["ms_per_task"] > 0
    assert figures["machine"]["cores"]


def test_an_unknown_name_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "W9"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no W9" in done.stderr
