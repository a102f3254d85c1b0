"""Programs as processes of this machine; implements `ports.Runner`.

Each runs below a supervisor of its own (see `supervisor`), which keeps it and all that comes of it
together, and ends it when we say so or are gone. What it prints is read by callbacks; nothing here
blocks the loop.
"""

import asyncio
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from app.config import RunnerSettings
from app.errors import Unavailable
from app.ports import Command
from app.runners import supervisor
from app.runners.lines import Allowance, Output
from app.telemetry import get_logger

_LOG = get_logger(__name__)

_SLACK = 3.0
"""Seconds that a supervisor gets beyond the grace of its command, before it is killed itself."""

_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ProcessRunner:
    """Runs programs below supervisors, a limited number at once."""

    def __init__(self, settings: RunnerSettings) -> None:
        """Run programs with these limits; nothing is started yet.

        Raises:
            Unavailable: there is no user of the name that the settings say.
        """
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.concurrent)
        # One thread waits for each supervisor, so that none is left behind as a zombie.
        self._threads = ThreadPoolExecutor(settings.concurrent, thread_name_prefix="program")
        self._user, self._group = _user(settings.user)
        passed = {name: os.environ[name] for name in settings.environment if name in os.environ}
        self._environment = {"PATH": _USUAL_PATH, "LANG": "C.UTF-8", **passed}

    async def run(self, command: Command, line: Callable[[str, str], None]) -> int:
        """Run to the end and return the exit code; `line(stream, text)` hears of every line.

        What is left of the command when its program ends is killed.

        Raises:
            Unavailable: when the program cannot be started at all.
        """
        order = self._order(command)
        most = self._settings.output_bytes
        allowance = Allowance(min(most, command.output_bytes or most))
        async with self._slots:
            program = _Program(self._threads, self._settings.grace_seconds)
            async with Output(line, allowance) as output:
                try:
                    await asyncio.to_thread(_own, command.directory, self._user, self._group)
                    program.start(output.take_writers())
                    answer = await program.end(order)
                finally:
                    await program.close()
        return _exit_code(answer)

    def _order(self, command: Command) -> bytes:
        settings = self._settings
        environment = {**self._environment, **command.environment}
        fields = [
            str(command.directory),
            settings.grace_seconds,
            _least(command.cpu_seconds, settings.cpu_seconds),
            _least(command.memory_bytes, settings.memory_bytes),
            _least(command.file_bytes, settings.file_bytes),
            self._user,
            self._group,
            len(command.arguments),
            *command.arguments,
            *(f"{name}={value}" for name, value in environment.items()),
        ]
        encoded = [os.fsencode(str(field)) for field in fields]
        if any(b"\0" in field for field in encoded):
            raise Unavailable("a program's arguments and environment cannot hold the character NUL")
        order = b"".join(field + b"\0" for field in encoded)
        return f"{len(order):08x}".encode() + order


class _Program:
    """One supervisor, from its start to its end."""

    def __init__(self, threads: ThreadPoolExecutor, grace: float) -> None:
        self._threads = threads
        self._grace = grace
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._process: subprocess.Popen[bytes] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._heard = b""
        self._group = 0
        self._loop = asyncio.get_running_loop()

    def start(self, writers: dict[str, int]) -> None:
        """Start it, in a thread that also collects it at its end, whatever becomes of us."""
        self._ended = self._loop.run_in_executor(self._threads, self._live, writers)

    def _live(self, writers: dict[str, int]) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", supervisor.__file__],
                stdin=self._theirs.fileno(),
                stdout=writers["stdout"],
                stderr=writers["stderr"],
                cwd="/",
                env={},
                start_new_session=True,
            )
        finally:
            self._theirs.close()
            for each in writers.values():
                os.close(each)
        self._process.wait()

    async def end(self, order: bytes) -> str:
        """Give the order and return the answer; when cancelled, end the command in order first."""
        try:
            with suppress(ConnectionError):
                await self._loop.sock_sendall(self._ours, order)
            return await self._answer()
        except asyncio.CancelledError:
            with suppress(OSError, TimeoutError):
                self._ours.send(b"T")
                async with asyncio.timeout(self._grace + _SLACK):
                    await self._answer()
            raise

    async def _answer(self) -> str:
        """Return its last word; empty when it was killed."""
        with suppress(ConnectionError):
            while (line := await self._line()) is not None:
                word, _, value = line.partition(" ")
                if word != "group":
                    return line
                self._group = int(value)
        if self._group:  # what its death has left of the command
            with suppress(ProcessLookupError):
                os.killpg(self._group, signal.SIGKILL)
        return ""

    async def _line(self) -> str | None:
        while b"\n" not in self._heard:
            piece = await self._loop.sock_recv(self._ours, 8192)
            if not piece:
                return None
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode("utf-8", "replace")

    async def close(self) -> None:
        """Wait until the supervisor is gone, which it is soon once it does not hear us."""
        self._ours.close()
        if self._ended is None:
            self._theirs.close()
            return
        try:
            async with asyncio.timeout(_SLACK):
                await asyncio.shield(self._ended)
        except TimeoutError:
            self._kill()
        except OSError as error:
            raise Unavailable(f"no program can be started: {error.strerror}") from error
        except asyncio.CancelledError:
            self._kill()
            raise

    def _kill(self) -> None:
        """Kill a supervisor that does not end; the kernel kills its command with it."""
        if self._process is not None:
            _LOG.warning("killed the supervisor of a program", pid=self._process.pid)
            self._process.kill()


def _least(wanted: float | None, most: int) -> int:
    """Return the smaller of two limits, of which None and 0 are none."""
    limits = [int(limit) or 1 for limit in (wanted, most) if limit]
    return min(limits, default=0)


def _exit_code(answer: str) -> int:
    word, _, rest = answer.partition(" ")
    if word == "exit":
        return int(rest)
    if word == "error":
        raise Unavailable(f"the program cannot be started: {rest}")
    return 128 + signal.SIGKILL  # somebody killed the supervisor, and the command died with it


def _user(name: str | None) -> tuple[int, int]:
    """Return the ids of the user that programs run as, (-1, -1) for our own."""
    if name is None:
        return -1, -1
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise Unavailable(f"`runners.user`: this machine has no user {name!r}") from None
    if os.geteuid() not in (0, entry.pw_uid):
        raise Unavailable(f"`runners.user`: only a service that runs as root may become {name!r}")
    return (entry.pw_uid, entry.pw_gid) if os.geteuid() == 0 else (-1, -1)


def _own(directory: Path, user: int, group: int) -> None:
    """Give a directory and all in it to the user that the program runs as."""
    if user < 0:
        return
    for folder, _, names in os.walk(directory):
        for each in (folder, *(os.path.join(folder, name) for name in names)):  # noqa: PTH118
            os.chown(each, user, group, follow_symlinks=False)
