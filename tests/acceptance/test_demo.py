"""What a new user does first: `scripts/run`, and then a push, a break and a rollback."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FLOW = Path("tenants/main/namespaces/ecommerce/flows/order-processing.yaml")
pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(180)]


def run(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(each) for each in command],
        cwd=options.pop("cwd", ROOT), capture_output=True, text=True, timeout=120, check=False,
        **options,
    )  # fmt: skip


def headwater(port: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HEADWATER_SERVER": f"http://127.0.0.1:{port}"}
    return run(ROOT / ".venv/bin/headwater", *arguments, env=environment)


def test_the_main_job_runs_once(tmp_path: Path, free_port: Callable[[], int]) -> None:
    port = free_port()
    first = run("scripts/run", "--once", "--port", port, "--data", tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert len(re.findall(r"SUCCESS\s+\w+\s+\d+ ms\s+201", first.stdout)) == 5
    assert "SUCCESS after" in first.stdout
    tip = run("git", "rev-parse", "HEAD", cwd=tmp_path / "flows").stdout
    second = run("scripts/run", "--once", "--port", port, "--data", tmp_path)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "setup:" not in second.stderr, "a second run sets nothing up again"
    assert run("git", "rev-parse", "HEAD", cwd=tmp_path / "flows").stdout == tip != ""


@contextmanager
def demo(port: int, data: Path) -> Iterator[None]:
    log = (data.parent / "demo.log").open("w")
    process = subprocess.Popen(
        ["scripts/run", "--port", str(port), "--data", str(data)],
        cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(lambda: "SUCCESS after" in Path(log.name).read_text(), "the first execution")
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        log.close()


def wait_for(done: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


def flow(port: int) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/api/v1/main/flows/ecommerce/orderProcessing"
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def push(clone: Path, old: str, new: str, subject: str) -> str:
    file = clone / FLOW
    file.write_text(file.read_text().replace(old, new))
    for command in (["commit", "-qam", subject], ["push", "-q"]):
        done = run("git", *command, cwd=clone)
        assert done.returncode == 0, done.stderr
    return run("git", "rev-parse", "HEAD", cwd=clone).stdout.strip()


def test_edit_push_break_roll_back(tmp_path: Path, free_port: Callable[[], int]) -> None:
    port, data = free_port(), tmp_path / "data"
    with demo(port, data):
        clone = data / "flows"
        good = run("git", "rev-parse", "HEAD", cwd=clone).stdout.strip()
        bad = push(clone, "checkInventory.code == 201", "checkInventory.code == 999", "Break it")
        wait_for(lambda: flow(port)["commit"] == bad, "the pushed commit")
        assert flow(port)["subject"] == "Break it"
        done = headwater(port, "flow", "run", "ecommerce", "orderProcessing", "--wait")
        assert done.returncode == 0, done.stderr
        back = headwater(port, "flow", "rollback", "ecommerce", "orderProcessing", "--to", good,
                         "--reason", "payments are skipped")  # fmt: skip
        assert back.returncode == 0, back.stderr
        done = headwater(
            port, "flow", "run", "ecommerce", "orderProcessing", "--wait", "-o", "json"
        )
        assert done.returncode == 0, done.stderr
        assert '"flowRevision": 1' in done.stdout or '"flowRevision":1' in done.stdout
        broken = push(clone, "tasks:", "tasks:\n  - {id: x, type: no.such.Type}", "Spoil it")
        wait_for(lambda: broken in headwater(port, "git", "status").stdout, "the spoilt commit")
        assert flow(port)["commit"] in (good, bad), "an invalid commit never runs"
