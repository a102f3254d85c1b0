"""Script tasks: real programs below a real engine on fakes."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.config import RunnerSettings
from app.executions import Execution
from app.runners.choice import NodeRunners
from tests.engine.harness import Engine, flow

SHELL = "io.kestra.plugin.scripts.shell."


def engine(source: str, tmp_path: Path, **settings: Any) -> Engine:
    runners = NodeRunners(RunnerSettings(**{"grace_seconds": 0.2, **settings}))
    return Engine(flow(source), runners=runners, work=tmp_path / "work")


def task(body: str) -> str:
    """A flow of one task `s`, given by the lines of its properties."""
    lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
    return f"id: f\ntasks:\n  - id: s\n{lines}\n"


async def run(body: str, tmp_path: Path, **options: Any) -> tuple[Execution, Engine]:
    settings = options.pop("settings", {})
    async with engine(task(body), tmp_path, **settings) as running:
        for path, data in options.pop("files", {}).items():
            await running.parts.files.write("main", "tests", {path: data}, reason="test")
        return await running.run(**options), running


def outputs(execution: Execution) -> dict[str, Any]:
    found = execution.task_runs["/s"].outputs
    assert found is not None
    return found


def logs(running: Engine, level: int) -> list[str]:
    return [line.message for line in running.journal.logs if line.level == level]


async def test_commands(tmp_path: Path) -> None:
    execution, running = await run(
        """
type: io.kestra.plugin.scripts.shell.Commands
commands:
  - echo "hello {{ flow.id }}"
  - echo oh >&2
""",
        tmp_path,
    )
    assert execution.state.value == "SUCCESS"
    assert outputs(execution) == {"vars": {}, "exitCode": 0, "outputFiles": {}}
    assert logs(running, 20) == ["hello f"]
    assert logs(running, 40) == ["oh"]
    assert not list((tmp_path / "work").iterdir())


async def test_a_failure_keeps_outputs(tmp_path: Path) -> None:
    execution, running = await run(
        """
type: io.kestra.plugin.scripts.shell.Commands
outputFiles: ["*.txt"]
commands:
  - echo x >a.txt
  - echo '::{"outputs":{"a":1}}::'
  - exit 3
  - echo never
""",
        tmp_path,
    )
    run_ = execution.task_runs["/s"]
    assert run_.state.value == "FAILED"
    assert run_.error == "Command failed with exit code 3"
    assert outputs(execution)["vars"] == {"a": 1}
    assert outputs(execution)["exitCode"] == 3
    assert list(outputs(execution)["outputFiles"]) == ["a.txt"]
    assert logs(running, 20) == []


@pytest.mark.parametrize(("fail_fast", "state"), [("true", "FAILED"), ("false", "SUCCESS")])
async def test_fail_fast(tmp_path: Path, fail_fast: str, state: str) -> None:
    execution, _ = await run(
        f"""
type: io.kestra.plugin.scripts.shell.Commands
failFast: {fail_fast}
commands: ["false", "echo after"]
""",
        tmp_path,
    )
    assert execution.state.value == state


async def test_stderr_is_no_warning_unless_asked_for(tmp_path: Path) -> None:
    body = "type: io.kestra.plugin.scripts.shell.Commands\ncommands: ['echo oh >&2']\n"
    assert (await run(body, tmp_path))[0].state.value == "SUCCESS"
    execution, _ = await run(body + "warningOnStdErr: true", tmp_path)
    assert execution.state.value == "WARNING"
    assert outputs(execution)["exitCode"] == 0


async def test_protocol_lines(tmp_path: Path) -> None:
    told = {
        "outputs": {"n": 3, "deep": {"list": [1, None]}},
        "metrics": [
            {"name": "rows", "type": "counter", "value": 2, "tags": {"kind": "x", "t": 1}},
            {"name": "took", "type": "timer", "value": "PT1.5S"},
            {"name": "odd", "type": "gauge", "value": 1},
        ],
        "logs": [{"level": "WARN", "message": "careful"}, {"message": "plain"}],
    }
    execution, running = await run(
        f"""
type: io.kestra.plugin.scripts.shell.Commands
env: {{TOLD: '{json.dumps(told)}'}}
commands:
  - echo "::$TOLD::"
  - 'echo ''::{{"outputs": {{"n": 4}}}}::'' >&2'
  - echo '::{{broken}}::'
  - echo 'not ::{{"outputs":{{"n":5}}}}::'
""",
        tmp_path,
    )
    assert outputs(execution)["vars"] == {"n": 4, "deep": {"list": [1, None]}}
    found = [(m.name, m.kind, m.value, m.tags) for m in running.journal.metrics]
    assert found == [
        ("rows", "counter", 2.0, '{"t":"1","kind_":"x"}'),
        ("took", "timer", 1.5, "{}"),
    ]
    assert logs(running, 20) == ["plain", "::{broken}::", 'not ::{"outputs":{"n":5}}::']
    warnings = logs(running, 30)
    assert warnings[1] == "careful"
    assert len(warnings) == 3


async def test_files_in_and_out(tmp_path: Path) -> None:
    execution, running = await run(
        """
type: io.kestra.plugin.scripts.shell.Commands
namespaceFiles:
  enabled: true
  include: ["lib/**"]
  exclude: ["**/*.md"]
inputFiles:
  in/a.txt: "value {{ flow.id }}"
  in/b.txt: |
    two
  in/c.txt: nsfile:///other.txt
outputFiles: ["out/**", "top.txt"]
commands:
  - mkdir -p out/deep
  - cat in/a.txt in/b.txt in/c.txt lib/x.sh >out/deep/all.txt
  - ls lib >top.txt
  - ln -s /etc/passwd out/link
  - ln -s / out/root
  - mkfifo out/pipe
""",
        tmp_path,
        files={"lib/x.sh": b"echo x\n", "lib/notes.md": b"n", "other.txt": b"o"},
    )
    found = outputs(execution)["outputFiles"]
    assert sorted(found) == ["out/deep/all.txt", "top.txt"]
    read = {name: running.storage.files[uri] for name, uri in found.items()}
    assert read == {"out/deep/all.txt": b"value ftwo\noecho x\n", "top.txt": b"x.sh\n"}
    assert found["top.txt"].startswith(f"kestra:///tests/f/executions/{execution.id}/tasks/s/")


@pytest.mark.parametrize("name", ["../up", "a/../../up", "..", ""])
async def test_no_file_outside(tmp_path: Path, name: str) -> None:
    execution, _ = await run(
        f"""
type: io.kestra.plugin.scripts.shell.Commands
inputFiles: {{"{name}": "x"}}
commands: ["true"]
""",
        tmp_path,
    )
    assert execution.state.value == "FAILED"
    assert "is no name of a file" in (execution.task_runs["/s"].error or "")
    left = [name for _, _, names in os.walk(tmp_path) for name in names]
    assert "up" not in left


async def test_input_files_as_json_and_stored_files_in_commands(tmp_path: Path) -> None:
    source = """
id: f
tasks:
  - id: made
    type: io.kestra.plugin.scripts.shell.Commands
    outputFiles: [data.csv]
    commands: ["echo 1,2 >data.csv"]
  - id: s
    type: io.kestra.plugin.scripts.shell.Commands
    inputFiles: '{"copy.csv": "{{ outputs.made.outputFiles["data.csv"] }}"}'
    commands:
      - cat copy.csv {{ outputs.made.outputFiles['data.csv'] }}
      - echo {{ outputs.made.outputFiles['data.csv'] }}
"""
    async with engine(source, tmp_path) as running:
        execution = await running.run()
    assert execution.state.value == "SUCCESS", execution.task_runs
    lines = logs(running, 20)
    assert lines[:2] == ["1,2", "1,2"]
    assert lines[2].endswith("-data.csv")
    assert lines[2].startswith(str(tmp_path))


async def test_a_file_of_another_namespace_is_refused(tmp_path: Path) -> None:
    uri = "kestra:///other/f/executions/AAAAAAAAAAAAAAAAAAAAAA/tasks/t/x/a.txt"
    execution, _ = await run(
        f"type: {SHELL}Commands\ncommands: ['cat {uri}']",
        tmp_path,
    )
    assert "belongs to another namespace" in (execution.task_runs["/s"].error or "")


async def test_variables_and_environment(tmp_path: Path) -> None:
    execution, running = await run(
        """
type: io.kestra.plugin.scripts.shell.Commands
outputDirectory: true
env:
  NUMBER: 3
  TEXT: "{{ flow.namespace }} $(id)"
  PLACE: "{{ workingDir }}"
beforeCommands: ["X=before"]
commands:
  - echo "$NUMBER $TEXT $X"
  - test "$WORKING_DIR" = "{{ workingDir }}" && test "$PWD" = "$PLACE"
  - test "$OUTPUT_DIR" = "{{ outputDir }}"
  - echo made >"$OUTPUT_DIR/made.txt"
""",
        tmp_path,
    )
    assert execution.state.value == "SUCCESS", execution.task_runs
    assert logs(running, 20) == ["3 tests $(id) before"]
    assert list(outputs(execution)["outputFiles"]) == ["made.txt"]


async def test_the_environment_of_the_service_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "c2VjcmV0")
    _, running = await run(f"type: {SHELL}Commands\ncommands: [env]", tmp_path)
    assert not [line for line in logs(running, 20) if "SECRET" in line]


async def test_other_interpreters(tmp_path: Path) -> None:
    _, running = await run(
        """
type: io.kestra.plugin.scripts.shell.Script
interpreter: ["python3", "-c"]
script: |
  import os
  print(os.getcwd() == "{{ workingDir }}")
""",
        tmp_path,
    )
    assert logs(running, 20) == ["True"]
    _, running = await run(
        """
type: io.kestra.plugin.scripts.shell.Script
interpreter: ["/bin/bash", "-c"]
script: |
  a=(1 2 3); echo ${a[2]}
""",
        tmp_path,
    )
    assert logs(running, 20) == ["3"]


async def test_commands_are_no_arguments_of_processes(tmp_path: Path) -> None:
    _, running = await run(
        f"""
type: {SHELL}Commands
commands: ["tr '\\\\0' ' ' </proc/$$/cmdline # hidden-word"]
""",
        tmp_path,
    )
    (line,) = logs(running, 20)
    assert "commands.sh" in line
    assert "hidden-word" not in line


async def test_commands_from_an_expression(tmp_path: Path) -> None:
    _, running = await run(
        f"""
type: {SHELL}Commands
commands: "{{{{ ['echo a', 'echo b'] }}}}"
""",
        tmp_path,
    )
    assert logs(running, 20) == ["a", "b"]


async def test_python(tmp_path: Path) -> None:
    execution, running = await run(
        """
type: io.kestra.plugin.scripts.python.Script
namespaceFiles: {enabled: true}
outputFiles: ["**"]
script: |
  import json, sys
  import greeting
  print(greeting.WORD)
  print("::" + json.dumps({"outputs": {"n": sys.version_info[0]}}) + "::")
  open("out.txt", "w").write("x")
""",
        tmp_path,
        files={"greeting.py": b"WORD = 'hi'\n"},
    )
    assert execution.state.value == "SUCCESS", logs(running, 40)
    assert logs(running, 20) == ["hi"]
    assert outputs(execution)["vars"] == {"n": 3}
    names = set(outputs(execution)["outputFiles"])
    assert {"out.txt", "greeting.py"} <= names
    assert not [name for name in names if "headwater" in name]


async def test_python_fails(tmp_path: Path) -> None:
    execution, _ = await run(
        "type: io.kestra.plugin.scripts.python.Script\nscript: raise SystemExit(4)", tmp_path
    )
    assert outputs(execution)["exitCode"] == 4
    execution, _ = await run(
        "type: io.kestra.plugin.scripts.python.Script\ndependencies: ['--index-url=http://x']\n"
        "script: pass",
        tmp_path,
    )
    assert "takes no options of pip" in (execution.task_runs["/s"].error or "")


async def test_node(tmp_path: Path) -> None:
    execution, running = await run(
        """
type: io.kestra.plugin.scripts.node.Script
inputFiles: {lib.js: "module.exports = 'from lib'"}
script: |
  console.log(require('./lib'));
  console.log('::' + JSON.stringify({outputs: {a: [1]}}) + '::');
""",
        tmp_path,
    )
    assert execution.state.value == "SUCCESS", logs(running, 40)
    assert logs(running, 20) == ["from lib"]
    assert outputs(execution)["vars"] == {"a": [1]}


DOCKER = "taskRunner: {type: io.kestra.plugin.scripts.runner.docker.Docker, pullPolicy: NEVER}"
PROCESS = "taskRunner: {type: io.kestra.plugin.core.runner.Process}"


@pytest.mark.parametrize(
    ("runner", "settings", "message"),
    [
        ("", {}, None),
        (PROCESS, {}, None),
        ("runner: PROCESS", {}, None),
        ("docker: {image: ubuntu}", {}, None),
        (DOCKER, {}, "the docker runner is not available on this node"),
        ("runner: DOCKER", {}, "the docker runner is not available on this node"),
        (DOCKER, {"docker_as_process": True}, None),
        ("", {"default": "none"}, "runs no task without a `taskRunner`"),
        (PROCESS, {"process": False}, "`runners.process` is off"),
        ("targetOS: WINDOWS", {}, "cannot run here"),
    ],
)
async def test_runners(
    tmp_path: Path, runner: str, settings: dict[str, Any], message: str | None
) -> None:
    body = f"type: {SHELL}Commands\ncontainerImage: ubuntu\ncommands: ['true']\n{runner}"
    execution, _ = await run(body, tmp_path, settings=settings)
    error = execution.task_runs["/s"].error
    if message is None:
        assert (execution.state.value, error) == ("SUCCESS", None)
    else:
        assert message in (error or "")


async def test_defaults_reach_into_runners(tmp_path: Path) -> None:
    source = f"""
id: f
pluginDefaults:
  - type: io.kestra.plugin.scripts
    values: {{{PROCESS}, env: {{A: "1"}}}}
tasks:
  - {{id: s, type: {SHELL}Commands, commands: ['echo $A']}}
"""
    async with engine(source, tmp_path, default="none") as running:
        execution = await running.run()
    assert execution.state.value == "SUCCESS", execution.task_runs
    assert logs(running, 20) == ["1"]


async def test_timeout_ends_the_program(tmp_path: Path) -> None:
    execution, running = await run(
        f"type: {SHELL}Commands\ntimeout: PT0.5S\ncommands: ['echo $$', 'sleep 600']", tmp_path
    )
    assert execution.state.value == "FAILED"
    (pid,) = logs(running, 20)
    assert not psutil.pid_exists(int(pid))
    assert not list((tmp_path / "work").iterdir())


async def test_a_retry_starts_in_an_empty_directory(tmp_path: Path) -> None:
    execution, running = await run(
        f"""
type: {SHELL}Commands
retry: {{type: constant, interval: PT0.01S, maxAttempts: 2}}
commands: ["ls", "touch left", "false"]
""",
        tmp_path,
    )
    assert len(execution.task_runs["/s"].attempts) == 2
    assert logs(running, 20) == []


async def test_a_flood_of_metrics_is_cut(tmp_path: Path) -> None:
    _, running = await run(
        """
type: io.kestra.plugin.scripts.python.Script
script: |
  print('::{"metrics": [' + ",".join(['{"name":"a","type":"counter","value":1}'] * 1500) + ']}::')
""",
        tmp_path,
    )
    assert len(running.journal.metrics) == 1000


@pytest.mark.skipif(shutil.which("perl") is None, reason="there is no perl")
async def test_another_language(tmp_path: Path) -> None:
    execution, running = await run(
        "type: io.kestra.plugin.scripts.perl.Script\nscript: 'print \"hi\\n\"; exit 6;'", tmp_path
    )
    assert logs(running, 20) == ["hi"]
    assert outputs(execution)["exitCode"] == 6


async def test_a_language_that_is_not_there(tmp_path: Path) -> None:
    execution, _ = await run(
        f"""
type: io.kestra.plugin.scripts.powershell.Commands
env: {{PATH: {tmp_path}}}
commands: ["1"]
""",
        tmp_path,
    )
    assert "pwsh: No such file" in (execution.task_runs["/s"].error or "")
