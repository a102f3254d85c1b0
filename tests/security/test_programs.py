"""Values that reach programs as data are data: in the environment, on stdin, in files."""

import asyncio
from pathlib import Path

import pytest

from app.config import RunnerSettings
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
