"""Git children: a hardened environment, limits of time and file size, ended as a group."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.errors import GitError

# The limit is set by the shell before Git starts, so that no child of Git runs without it; a
# function run between fork and exec is not safe in a process with threads. Blocks of 512 bytes.
_LIMITED = 'ulimit -f "$1"; ulimit -c 0; shift; exec git "$@"'


@dataclass(frozen=True, slots=True)
class Limits:
    """What one Git child may use."""

    seconds: float = 60.0
    """Local commands."""
    network_seconds: float = 300.0
    """Fetch and push; `ls-remote` has a tenth."""
    file_bytes: int = 4 * 1024**3
    """The largest file, hence pack, that a child may write (RLIMIT_FSIZE)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a Git child ended. `timed_out`: it was killed, with everything that it had started."""

    code: int
    out: bytes
    err: str
    timed_out: bool = False

    @property
    def text(self) -> str:
        """The output as text, without the last line end."""
        return self.out.decode("utf-8", "surrogateescape").removesuffix("\n")


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts Git children for one repository folder."""

    folder: Path
    environment: Mapping[str, str]
    limits: Limits = Limits()

    def run(
        self,
        args: Sequence[str],
        *,
        stdin: bytes = b"",
        seconds: float | None = None,
        keep: Sequence[int] = (),
    ) -> Outcome:
        """Run `git args` to its end and return how it ended; never raises for its exit code.

        `keep` are file descriptors that the child inherits (a lock that shall outlive us).

        Raises:
            GitError: when Git itself cannot be started.
        """
        process = self.open(args, keep=keep, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(stdin, seconds or self.limits.seconds)
        except subprocess.TimeoutExpired:
            end(process)
            out, err = process.communicate()
            return Outcome(-signal.SIGKILL, out, _text(err), timed_out=True)
        except BaseException:
            end(process)
            process.communicate()
            raise
        return Outcome(process.returncode, out, _text(err))

    def open(
        self,
        args: Sequence[str],
        *,
        keep: Sequence[int] = (),
        stderr: int | IO[bytes] = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start `git args` with pipes and return the process; the caller ends it.

        A caller that reads stdout as it comes gives a file for `stderr`: nobody drains a pipe.

        Raises:
            GitError: when Git itself cannot be started.
        """
        blocks = max(1, self.limits.file_bytes // 512)
        argv = ["/bin/sh", "-c", _LIMITED, "git", str(blocks), *args]
        try:
            return subprocess.Popen(
                argv,
                cwd=self.folder,
                env={**self.environment, "GIT_DIR": str(self.folder)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=tuple(keep),
                start_new_session=True,
            )
        except OSError as error:
            raise GitError(f"Git cannot be started in {self.folder}: {error.strerror}") from error


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and everything that it has started, and wait for it."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
