"""The contract of `Runner`, on the process runner with real processes."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.config import RunnerSettings
from app.errors import Unavailable
from app.ports import Command
from app.runners.process import ProcessRunner
from tests.fault.processes import inside

ROOT = Path(__file__).parents[2]


class Heard:
    """The lines of a program, by stream."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, stream: str, text: str) -> None:
        self.lines.append((stream, text))

    def of(self, stream: str) -> list[str]:
        return [text for each, text in self.lines if each == stream]


def runner(**settings: Any) -> ProcessRunner:
    return ProcessRunner(RunnerSettings(**{"grace_seconds": 0.5, **settings}))


def sh(tmp_path: Path, script: str, **options: Any) -> Command:
    return Command(["/bin/sh", "-c", script], options.pop("environment", {}), tmp_path, **options)


async def until(condition: Any, timeout: float = 20) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def pids(tmp_path: Path, count: int) -> list[int]:
    """The process ids that a script wrote into the file `pids`."""
    file = tmp_path / "pids"
    await until(lambda: file.exists() and len(file.read_text().split()) >= count)
    return [int(each) for each in file.read_text().split()]


async def test_lines_and_exit_code(tmp_path: Path) -> None:
    heard = Heard()
    script = "echo one; echo two >&2; printf 'last without end'; exit 7"
    assert await runner().run(sh(tmp_path, script), heard) == 7
    assert heard.of("stdout") == ["one", "last without end"]
    assert heard.of("stderr") == ["two"]


async def test_killed_by_a_signal(tmp_path: Path) -> None:
    assert await runner().run(sh(tmp_path, "kill -9 $$"), Heard()) == 128 + signal.SIGKILL


async def test_place_and_input(tmp_path: Path) -> None:
    heard = Heard()
    await runner().run(sh(tmp_path, "pwd; cat; echo end"), heard)
    assert heard.of("stdout") == [str(tmp_path), "end"]


async def test_environment_holds_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_TEST_TOKEN", "s3cret")
    heard = Heard()
    script = "env; tr '\\0' '\\n' </proc/$PPID/environ; tr '\\0' '\\n' </proc/$PPID/cmdline"
    await runner().run(sh(tmp_path, script, environment={"MINE": "a=b\nc"}), heard)
    out = "\n".join(heard.of("stdout"))
    assert "MINE=a=b\nc" in out
    assert "PATH=" in out
    assert "s3cret" not in out
    assert "HEADWATER" not in out


async def test_settings_say_what_else_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_FOR_TESTS", "p")
    heard = Heard()
    await runner(environment=("PROXY_FOR_TESTS",)).run(sh(tmp_path, "env"), heard)
    assert "PROXY_FOR_TESTS=p" in heard.of("stdout")
    assert any(line.startswith("PATH=/usr") for line in heard.of("stdout"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["/no/such/program"], "/no/such/program: No such file"),
        (["no-such-program"], "no-such-program: No such file"),
        (["/etc/passwd"], "/etc/passwd: Permission denied"),
        (["/bin/sh", "-c", "a\0b"], "NUL"),
    ],
)
async def test_cannot_start(tmp_path: Path, arguments: list[str], reason: str) -> None:
    with pytest.raises(Unavailable, match=reason):
        await runner().run(Command(arguments, {}, tmp_path), Heard())


async def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="gone: No such file"):
        await runner().run(sh(tmp_path / "gone", "true"), Heard())


async def test_nothing_outlives_its_command(tmp_path: Path) -> None:
    script = """
        sleep 600 & echo $! >>pids
        setsid sleep 600 & echo $! >>pids
        (setsid sh -c 'sleep 600 & echo $! >>pids; wait' &)
        while [ $(wc -l <pids) -lt 3 ]; do sleep 0.01; done
    """
    assert await runner().run(sh(tmp_path, script), Heard()) == 0
    assert not any(map(alive, await pids(tmp_path, 3)))


async def test_cancelled_in_order(tmp_path: Path) -> None:
    heard = Heard()
    script = "trap 'echo ending; exit 0' TERM; echo $$ >>pids; while :; do sleep 0.02; done"
    task = asyncio.create_task(runner(grace_seconds=30).run(sh(tmp_path, script), heard))
    (pid,) = await pids(tmp_path, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pid)
    assert heard.of("stdout") == ["ending"]


async def test_cancelled_against_its_will(tmp_path: Path) -> None:
    script = "trap '' TERM; setsid sleep 600 & echo $! $$ >>pids; while :; do sleep 1; done"
    task = asyncio.create_task(runner(grace_seconds=0.1).run(sh(tmp_path, script), Heard()))
    found = await pids(tmp_path, 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task  # the script would go on for ever
    assert not any(map(alive, found))


async def test_cancelled_twice(tmp_path: Path) -> None:
    script = "trap '' TERM; echo $$ >>pids; while :; do sleep 1; done"
    task = asyncio.create_task(runner(grace_seconds=30).run(sh(tmp_path, script), Heard()))
    (pid,) = await pids(tmp_path, 1)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not alive(pid))


async def test_cancelled_at_once(tmp_path: Path) -> None:
    """Whatever the start has come to, nothing stays behind."""
    others = set(psutil.Process().children(recursive=True))
    for turns in range(0, 40, 4):
        task = asyncio.create_task(runner().run(sh(tmp_path, "sleep 600"), Heard()))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await until(lambda: set(psutil.Process().children(recursive=True)) <= others)


async def test_no_zombies_and_no_open_files(tmp_path: Path) -> None:
    ours = psutil.Process()
    same = runner()
    await same.run(sh(tmp_path, "true"), Heard())
    before, others = ours.num_fds(), set(ours.children())
    for _ in range(5):
        await same.run(sh(tmp_path, "true"), Heard())
    assert ours.num_fds() <= before
    assert set(ours.children()) <= others


async def test_supervisor_killed_by_the_script(tmp_path: Path) -> None:
    """However soon: whether the script or the supervisor comes first is different every time."""
    directory = tmp_path / "work"
    directory.mkdir()
    for _ in range(10):
        code = await runner().run(sh(directory, "kill -9 $PPID; sleep 600"), Heard())
        assert code == 128 + signal.SIGKILL
    await until(lambda: not inside(tmp_path))


async def test_service_killed(tmp_path: Path) -> None:
    """When the service is killed, its programs end too, those that left their group included."""
    program = f"""
import asyncio, pathlib
from app.config import RunnerSettings
from app.ports import Command
from app.runners.process import ProcessRunner
script = "trap '' TERM; setsid sleep 600 & echo $! $$ >>pids; while :; do sleep 1; done"
command = Command(["/bin/sh", "-c", script], {{}}, pathlib.Path({str(tmp_path)!r}))
asyncio.run(ProcessRunner(RunnerSettings()).run(command, print))
"""
    service = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=ROOT)
    found = await pids(tmp_path, 2)
    service.kill()
    await service.wait()
    await until(lambda: not any(map(alive, found)))


async def test_processor_time(tmp_path: Path) -> None:
    command = sh(tmp_path, "while :; do :; done", cpu_seconds=1)
    assert await runner().run(command, Heard()) in (128 + signal.SIGXCPU, 128 + signal.SIGKILL)


async def test_memory(tmp_path: Path) -> None:
    command = Command(
        [sys.executable, "-c", "x = bytearray(300 << 20)"], {}, tmp_path, memory_bytes=100 << 20
    )
    heard = Heard()
    assert await runner().run(command, heard) == 1
    assert "MemoryError" in heard.of("stderr")[-1]


async def test_file_size_and_core(tmp_path: Path) -> None:
    script = "ulimit -c; head -c 200000 /dev/zero >big; echo $?"
    heard = Heard()
    await runner().run(sh(tmp_path, script, file_bytes=65536), heard)
    assert heard.of("stdout")[0] == "0"
    assert heard.of("stdout")[-1] != "0"
    assert (tmp_path / "big").stat().st_size <= 65536


async def test_flood_of_output_is_bounded(tmp_path: Path) -> None:
    heard = Heard()
    script = "yes | head -c 3000000; echo last >&2; exit 3"
    assert await runner(output_bytes=10_000).run(sh(tmp_path, script), heard) == 3
    assert len(heard.of("stdout")) == 5_000
    assert "bytes of output beyond the limit were dropped" in heard.of("stderr")[-1]


async def test_the_loop_goes_on_during_a_flood(tmp_path: Path) -> None:
    heard, most, before = Heard(), 0, 0
    task = asyncio.create_task(runner().run(sh(tmp_path, "yes '' | head -c 2000000"), heard))
    while not task.done():
        await asyncio.sleep(0)
        most, before = max(most, len(heard.lines) - before), len(heard.lines)
    assert await task == 0
    assert len(heard.lines) == 2_000_000
    assert most <= 1_000  # lines in a turn of the loop: about a millisecond


async def test_a_long_line_is_cut(tmp_path: Path) -> None:
    heard = Heard()
    await runner().run(sh(tmp_path, "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo y"), heard)
    assert [len(line) for line in heard.of("stdout")] == [1 << 20, 1]


async def test_limited_number_at_once(tmp_path: Path) -> None:
    script = "mkdir running && sleep 0.05 && rmdir running"
    same = runner(concurrent=1)
    runs = [same.run(sh(tmp_path, script), Heard()) for _ in range(3)]
    assert await asyncio.gather(*runs) == [0, 0, 0]


def test_unknown_user() -> None:
    with pytest.raises(Unavailable, match="no user 'nobody-of-that-name'"):
        runner(user="nobody-of-that-name")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
async def test_other_user() -> None:
    heard = Heard()
    directory = Path("/tmp") / f"headwater-{os.getpid()}"
    directory.mkdir()
    try:
        (directory / "given").write_text("x")
        script = (
            f"id -un; cat given; echo y >made; cat /proc/{os.getpid()}/environ; kill -9 $PPID; :"
        )
        assert await runner(user="nobody").run(sh(directory, script), heard) == 0
        assert heard.of("stdout") == ["nobody", "x"]
        assert len([line for line in heard.of("stderr") if "ermi" in line]) == 2
    finally:
        for each in directory.iterdir():
            each.unlink()
        directory.rmdir()
