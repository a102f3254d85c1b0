"""Values that reach programs as data are data: in the environment, on stdin, in files."""

import asyncio
import base64
from pathlib import Path

import pytest

from app.config import ExpressionSettings, RunnerSettings
from app.engine.host import environment_for
from app.runners.choice import NodeRunners
from tests.engine.harness import Engine, flow

HOSTILE = [
    "$(touch hit)", "`touch hit`", "; touch hit", "| touch hit", "&& touch hit", "\ntouch hit\n",
    "'; touch hit; '", '"; touch hit; "', "${IFS}touch${IFS}hit", "$'\\x3b' touch hit",
    "<(touch hit)", "> hit", "--help", "-rf /", "../../hit", "%0atouch hit", "\\\ntouch hit",
]  # fmt: skip
SOURCE = """
id: f
inputs: [{id: value, type: STRING}]
tasks:
  - id: s
    type: io.kestra.plugin.scripts.shell.Commands
    env: {VALUE: "{{ inputs.value }}"}
    inputFiles: {given.txt: "{{ inputs.value }}"}
    commands:
      - printf '%s' "$VALUE" >from-environment
      - cmp from-environment given.txt
      - printf '%s' '{{ inputs.value | sh }}' >from-filter
      - cmp from-filter given.txt
      - test ! -e hit
      - test ! -e ../hit
"""


@pytest.mark.parametrize("value", HOSTILE)
async def test_what_an_input_says_is_not_run(value: str, tmp_path: Path) -> None:
    runners = NodeRunners(RunnerSettings(grace_seconds=0.2))
    engine = Engine(flow(SOURCE), runners=runners, work=tmp_path / "work")
    async with engine:
        execution = await engine.run(inputs={"value": value})
    told = [line.message for line in engine.journal.logs]
    assert execution.state.value == "SUCCESS", told
    assert not await asyncio.to_thread(lambda: list(tmp_path.rglob("hit")))


SECRETIVE = """
id: f
tasks:
  - id: s
    type: io.kestra.plugin.scripts.shell.Commands
    env: {TOKEN: "{{ secret('TOKEN') }}"}
    inputFiles: {given.txt: "{{ secret('TOKEN') }}"}
    commands:
      - ": '{{ secret('TOKEN') }}'"
      - for each in /proc/[0-9]*/cmdline; do cat "$each" 2>/dev/null || true; done >arguments
      - test -s arguments
      - case "$(tr '\\\\0' ' ' <arguments)" in *"$TOKEN"*) exit 7;; esac
      - test "$(stat -c %a given.txt)" = 600 || test "$(stat -c %a .)" = 700
      - ulimit -c >core-size
      - test "$(cat core-size)" = 0
"""


async def test_71_no_argument_and_no_file_holds_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "hw-71-not-to-be-seen"
    monkeypatch.setenv("SECRET_TOKEN", base64.b64encode(secret.encode()).decode())
    runners = NodeRunners(RunnerSettings(grace_seconds=0.2))
    engine = Engine(flow(SECRETIVE), runners=runners, work=tmp_path / "work")
    engine.executor._driver._environment = environment_for(ExpressionSettings(), engine.parts)
    async with engine:
        execution = await engine.run()
    told = [line.message for line in engine.journal.logs]
    assert execution.state.value == "SUCCESS", (told, list(execution.task_runs.values()))
    assert secret not in "".join(told)

    def left() -> list[Path]:
        files = [each for each in tmp_path.rglob("*") if each.is_file()]
        return [each for each in files if secret.encode() in each.read_bytes()]

    assert not await asyncio.to_thread(left)
