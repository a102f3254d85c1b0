"""Runs one command and answers for all that comes of it; a program of its own.

Started as `python -I -S supervisor.py` with a socket as standard input. It takes an order from
there (see `read_order`), runs the command, and answers in lines: `group <id>` before it starts,
then `exit <code>`; or `error <reason>`. Nothing that the command started outlives it: a process
that leaves its group is a descendant still (we are the subreaper), and when the service dies the
socket closes, which ends everything at once. Another word from the service asks for an orderly end:
SIGTERM, and after a grace SIGKILL.

It imports nothing of the application: it starts in 15 ms, and neither its memory nor its
environment holds anything of the service.
"""

import ctypes
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from typing import NamedTuple, NoReturn

CONTROL = 0
"""The socket to the service."""

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_SET_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_LAST_RESORT = 5.0
"""Seconds for which descendants are killed again and again."""


class Order(NamedTuple):
    """What to run. Limits are 0 for none; sizes in bytes, times in seconds."""

    directory: bytes
    grace: float
    cpu: int
    memory: int
    file: int
    user: int
    group: int
    arguments: list[bytes]
    environment: dict[bytes, bytes]


def read_order() -> Order:
    """Return the order: its length (8 digits, hexadecimal), then fields that end with a NUL."""
    fields = _exactly(int(_exactly(8), 16)).split(b"\0")[:-1]
    directory, grace, cpu, memory, file, user, group, count = fields[:8]
    border = 8 + int(count)
    pairs = (field.partition(b"=") for field in fields[border:])
    return Order(
        directory, float(grace), int(cpu), int(memory), int(file), int(user), int(group),
        fields[8:border], {name: value for name, _, value in pairs},
    )  # fmt: skip


def _exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(CONTROL, size - len(data))
        if not piece:
            sys.exit(1)  # the service is gone
        data += piece
    return data


def main() -> None:
    """Run the command and answer how it ended."""
    order = read_order()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # the service decides when this ends
    _control(_SET_SUBREAPER, 1)
    wakeup = _wakeup()
    child, failure = _start(order)
    status = None if failure else _watch(child, wakeup, order.grace)
    _end_all(child)
    if status is None and not failure:
        status = _DEAD.get(child)
    _tell(f"error {failure}" if failure else f"exit {_code(status)}")


def _tell(line: str) -> None:
    with suppress(OSError):
        os.write(CONTROL, line.replace("\n", " ").encode("utf-8", "replace") + b"\n")


def _control(option: int, value: int) -> None:
    """Call prctl(2), where there is one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _wakeup() -> int:
    """Return a descriptor that can be read when a child has ended."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return read


def _start(order: Order) -> tuple[int, str]:
    """Start the command; return its process id, and why it could not be run."""
    read, write = os.pipe()  # closed by a successful exec
    child = os.fork()
    if child == 0:
        _become(order, write)
    os.close(write)
    failure = os.read(read, 4096)
    os.close(read)
    return child, failure.decode("utf-8", "replace")


def _become(order: Order, tell: int) -> NoReturn:
    """Turn into the command. This process has one thread: nothing is unsafe before the exec."""
    try:
        os.setsid()
        _tell(f"group {os.getpid()}")  # from here: the command may be our parent's death
        _limit(order)
        if order.user >= 0:
            os.setgroups([])
            os.setgid(order.group)
            os.setuid(order.user)
        _control(_SET_DEATH_SIGNAL, signal.SIGKILL)  # after setuid, which clears it
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(each, signal.SIG_DFL)
        os.chdir(order.directory)
        os.dup2(os.open(os.devnull, os.O_RDONLY), CONTROL)
        os.execvpe(order.arguments[0], order.arguments, order.environment)  # noqa: S606
    except BaseException as error:  # noqa: BLE001 - whatever it is, this process must end here
        name = getattr(error, "filename", None) or order.arguments[0]
        reason = getattr(error, "strerror", None) or str(error)
        os.write(tell, os.fsencode(name) + b": " + reason.encode("utf-8", "replace"))
    os._exit(127)


def _limit(order: Order) -> None:
    """Set the limits of resources; they hold for each process of the command on its own."""
    wanted = [(resource.RLIMIT_CORE, 0, 0)]
    if order.cpu:
        wanted.append((resource.RLIMIT_CPU, order.cpu, order.cpu + 1))
    if order.file:
        wanted.append((resource.RLIMIT_FSIZE, order.file, order.file))
    if order.memory:
        # The data limit counts what can be written. That of addresses would also count what is
        # merely reserved, as V8 and the JVM do by the gigabyte.
        wanted.append((resource.RLIMIT_DATA, order.memory, order.memory))
    for kind, soft, hard in wanted:
        _, present = resource.getrlimit(kind)
        most = hard if present == resource.RLIM_INFINITY else min(hard, present)
        resource.setrlimit(kind, (min(soft, most), most))


_DEAD: dict[int, int] = {}
"""Wait status of every process that has ended, by its id."""


def _watch(child: int, wakeup: int, grace: float) -> int | None:
    """Wait until the command has ended (return its status) or must be killed (None)."""
    deadline: float | None = None
    while not _reaped(child):
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return None
        ready, _, _ = select.select([CONTROL, wakeup], [], [], left)
        if wakeup in ready:
            with suppress(BlockingIOError):
                os.read(wakeup, 4096)
        if CONTROL in ready and not _reaped(child):
            if not _word():
                return None  # the service is gone
            _signal(child, signal.SIGTERM)
            deadline = time.monotonic() + grace
    return _DEAD[child]


def _word() -> bytes:
    try:
        return os.read(CONTROL, 16)
    except OSError:
        return b""


def _reaped(child: int) -> bool:
    """Collect what has ended; return whether the command has."""
    _collect()
    return child in _DEAD


def _collect() -> bool:
    """Collect what has ended; return whether there are children still."""
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return True
            _DEAD[pid] = status
    except ChildProcessError:
        return False


def _end_all(child: int) -> None:
    """Kill all descendants until there are none; each death hands its children to us."""
    deadline = time.monotonic() + _LAST_RESORT
    pause = 0.001
    while _collect() and time.monotonic() < deadline:
        _signal(child, signal.SIGKILL)
        time.sleep(pause)
        pause = min(0.1, 2 * pause)


def _signal(child: int, number: signal.Signals) -> None:
    if child not in _DEAD or sys.platform != "linux":
        with suppress(OSError):
            os.killpg(child, number)
    for pid in _descendants():
        with suppress(OSError):
            os.kill(pid, number)


def _descendants() -> list[int]:
    """Return the ids of all processes that come from this one (Linux; elsewhere none)."""
    children: dict[int, list[int]] = {}
    names = os.listdir("/proc") if sys.platform == "linux" else ()  # noqa: PTH208 - as below
    for name in names:
        if name.isdecimal():
            children.setdefault(_parent(name), []).append(int(name))
    found, open_ends = [], [os.getpid()]
    while open_ends:
        below = children.get(open_ends.pop(), [])
        found += below
        open_ends += below
    return found


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib takes 10 ms to load
            # The name stands in parentheses and may hold anything; the state and the parent follow.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return -1  # it has ended meanwhile


def _code(status: int | None) -> int:
    """Return an exit code as shells tell it: 128 and the signal for what was killed."""
    if status is None:
        return 128 + signal.SIGKILL
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    main()
